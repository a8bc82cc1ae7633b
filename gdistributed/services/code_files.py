"""Files of code that users have sent: put where imports find them, instead of what they replace."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Final

from gdistributed.plugins import CODE_SUFFIXES
from gdistributed.v1 import extensions_pb2

_importing: Final = threading.Lock()  # what is imported is shared by all servers of a process


class CodeFiles:
    """The files of one server.

    Each file has a folder of its own, and a newer version of it another one: so nothing that Python
    remembers of a file, like its compiled form or the table of an archive, can be out of date.

    Parameters
    ----------
    local_directory
        Where to keep them; the system's place for temporary files by default.
    """

    def __init__(self, local_directory: str | Path | None = None) -> None:
        self._local_directory = local_directory
        self._folder: Path | None = None
        self._entries: dict[str, str] = {}  # of sys.path, by name of the file

    def add(self, file: extensions_pb2.CodeFile) -> None:
        """Make a file importable, and import it if that is wanted. It blocks.

        The modules that it has in the place of older ones are new from now on; functions that are
        held elsewhere stay what they are. When it cannot be imported, all is as before.

        Raises
        ------
        ValueError
            If its name is not that of a file of Python code.
        Exception
            Whatever importing it raises.
        """
        if Path(file.name).name != file.name or not file.name.endswith(CODE_SUFFIXES):
            raise ValueError(
                f"{file.name!r} is no file of code: its name ends in none of {CODE_SUFFIXES}"
            )
        path = self._new_folder() / file.name
        path.write_bytes(file.data)
        entry = str(path.parent if path.suffix == ".py" else path)
        names = [path.stem] if path.suffix == ".py" else _top_modules(entry)
        with _importing:
            before = self._entries.get(file.name)
            replaced = _take_out(names)
            _replace(before, entry)
            try:
                for name in names if file.load else ():
                    importlib.import_module(name)
            except BaseException:
                _take_out(names)
                sys.modules.update(replaced)
                _replace(entry, before)
                raise
            self._entries[file.name] = entry

    def close(self) -> None:
        """Delete the files. What was imported stays."""
        with _importing:
            for entry in self._entries.values():
                _replace(entry, None)
        self._entries.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _new_folder(self) -> Path:
        if self._folder is None:
            made = tempfile.mkdtemp(prefix="gdistributed-code-", dir=self._local_directory)
            self._folder = Path(made)
        return Path(tempfile.mkdtemp(dir=self._folder))


def _top_modules(archive: str) -> list[str]:
    return [found.name for found in pkgutil.iter_modules([archive])]


def _take_out(names: Iterable[str]) -> dict[str, ModuleType]:
    """Have Python forget modules and what is inside them; return what it has forgotten."""
    tops = tuple(f"{name}." for name in names)
    found = [name for name in sys.modules if f"{name}.".startswith(tops)] if tops else []
    return {name: sys.modules.pop(name) for name in found}


def _replace(old: str | None, new: str | None) -> None:
    """Let imports look at one place instead of another, before all others."""
    if old in sys.path:
        sys.path.remove(old)
    if new is not None:
        sys.path.insert(0, new)
    importlib.invalidate_caches()
