"""What is to be done once somebody has imported a package. We need not import it for that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


def after_import(package: str, then: Callable[[], object]) -> None:
    """Call a function when a package has been imported: now if it was already."""
    if package in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _Follower(package, then))


class _Follower(MetaPathFinder):
    """Finds no module itself; of one it sees the import through. Then it is gone."""

    def __init__(self, package: str, then: Callable[[], object]) -> None:
        self._package = package
        self._then = then

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the others find the module, and do what follows after its own code."""
        if name != self._package:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader, then = spec.loader, self._then
            run = loader.exec_module

            def run_and_follow(module: ModuleType) -> None:
                run(module)
                then()

            vars(loader)["exec_module"] = run_and_follow  # it stays the loader that others know
        return spec
