"""Our own source code, read as data: what the house tests look at."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GENERATED = "gdistributed.v1"


@dataclass(frozen=True)
class Import:
    """One imported name: `from module import name`, or `import module` with an empty name."""

    module: str
    name: str
    line: int
    only_for_types: bool

    @property
    def target(self) -> str:
        return f"{self.module}.{self.name}".rstrip(".")


@dataclass(frozen=True)
class Module:
    """A Python file of ours. Tests plant broken ones by giving the text themselves."""

    name: str
    text: str
    is_package: bool = False

    @property
    def tree(self) -> ast.Module:
        return _parse(self.text)

    @property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def imports(self) -> Iterator[Import]:
        typed = {id(node) for block in self._typing_blocks() for node in ast.walk(block)}
        for node in ast.walk(self.tree):
            only_for_types = id(node) in typed
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, "", node.lineno, only_for_types)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield Import(self._absolute(node), alias.name, node.lineno, only_for_types)

    def definitions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node

    def _typing_blocks(self) -> Iterator[ast.If]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield node

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        kept = parts[: len(parts) - node.level + 1]
        return ".".join([*kept, *([node.module] if node.module else [])])


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def our_files() -> list[Path]:
    """Return every file that is in git, or will be."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    return sorted(path for path in paths if path.is_file())


@cache
def our_modules() -> list[Module]:
    """Return all Python files that people wrote: the package, the tests, docs and benchmarks."""
    modules = []
    for path in our_files():
        if path.suffix == ".py":
            parts = path.relative_to(ROOT).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            if name == GENERATED or not name.startswith(GENERATED):
                modules.append(Module(name, path.read_text(), is_package))
    return modules


def package_modules() -> list[Module]:
    """Return the modules of the package itself."""
    return [m for m in our_modules() if m.name.split(".")[0] == "gdistributed"]
