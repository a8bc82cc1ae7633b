"""Files and functions stay small, names say what a thing is, no trace of anybody's machine."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from tests.house.source import ROOT, Module, our_files, our_modules, package_modules

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70

BANNED_MODULES = {"utils", "util", "helpers", "common", "misc", "rpc"}
BANNED_FUNCTION = re.compile(
    r"^_*(handle|do|process(?!_(ids?|count)$))_|(^|_)(manager|utils?)(_|$)"
)
BANNED_CLASS = re.compile(r"(Manager|Utils?|Helper|Info)$")

# In two parts, so that this file is not one of its own findings.
MACHINE_PATH = re.compile(rb"(?<![\w.])/" + rb"(?:work|root|home)/[\w.]")


def long_files(module: Module) -> Iterator[str]:
    lines = module.text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{module.name} has {lines} lines"


def long_functions(module: Module) -> Iterator[str]:
    for node in module.definitions():
        if not isinstance(node, ast.ClassDef):
            lines = node.end_lineno - node.lineno + 1 - docstring_lines(node)
            if lines > FUNCTION_LINES_MAX:
                yield f"{module.name}:{node.lineno} {node.name} has {lines} lines"


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    has_docstring = ast.get_docstring(node, clean=False) is not None
    return first.end_lineno - first.lineno + 1 if has_docstring else 0


def banned_names(module: Module) -> Iterator[str]:
    if module.short_name in BANNED_MODULES:
        yield f"{module.name} is no name for a module"
    for node in module.definitions():
        banned = BANNED_CLASS if isinstance(node, ast.ClassDef) else BANNED_FUNCTION
        if banned.search(node.name):
            yield f"{module.name}:{node.lineno} {node.name} does not say what it is"


def swallowed_errors(module: Module) -> Iterator[str]:
    """Yield the bare `except:`, and the `except Exception: pass`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            is_silent = all(isinstance(line, ast.Pass) for line in node.body)
            catches_all = node.type is None or ast.unparse(node.type).endswith("Exception")
            if node.type is None or (catches_all and is_silent):
                yield f"{module.name}:{node.lineno} swallows errors"


HABITS = (long_files, long_functions, banned_names, swallowed_errors)
Habit = Callable[[Module], Iterator[str]]


@pytest.mark.parametrize("habit", HABITS)
def test_habits_are_kept(habit: Habit) -> None:
    assert [broken for module in our_modules() for broken in habit(module)] == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group().decode()}"
        for path in our_files()
        for match in MACHINE_PATH.finditer(path.read_bytes())
    ]
    assert found == []


def test_no_module_hides_an_exported_function() -> None:
    # Importing a submodule replaces the attribute of the same name in its package.
    front_door = [module for module in package_modules() if module.name == "gdistributed"]
    rooms = {module.name.split(".")[1] for module in package_modules() if "." in module.name}
    assert {name for module in front_door for name in exported(module)} & rooms == set()


def exported(module: Module) -> list[str]:
    """Return what `__all__` of a module names, read without importing it."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(ast.unparse(target) == "__all__" for target in targets):
                return re.findall(r"'(\w+)'", ast.unparse(node.value))
    return []


@pytest.mark.parametrize(
    ("habit", "name", "text"),
    [
        (long_files, "a", "x = 1\n" * 501),
        (long_functions, "a", "def f():\n" + "    x = 1\n" * 70),
        (banned_names, "gdistributed.utils", ""),
        (banned_names, "gdistributed.rpc", ""),
        (banned_names, "a", "def handle_message(): ..."),
        (banned_names, "a", "class A:\n    async def _process_batch(self): ..."),
        (banned_names, "a", "class PeerManager: ..."),
        (swallowed_errors, "a", "try:\n    f()\nexcept:\n    g()"),
        (swallowed_errors, "a", "try:\n    f()\nexcept Exception:\n    pass"),
    ],
)
def test_a_planted_bad_habit_is_found(habit: Habit, name: str, text: str) -> None:
    assert list(habit(Module(name, text)))


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n" * 500,
        'def f():\n    """One.\n' + "\n" * 80 + '    """\n' + "    x = 1\n" * 60,
        "def process_id(): ...\ndef processing_to_memory(): ...\nclass Information: ...",
        "try:\n    f()\nexcept KeyError:\n    pass",
    ],
)
def test_a_good_habit_is_not(text: str) -> None:
    assert [broken for habit in HABITS for broken in habit(Module("a", text))] == []


def test_a_planted_path_is_found() -> None:
    planted = b"/ro" + b"ot/.cache"
    assert MACHINE_PATH.search(b'open("' + planted)
    assert not MACHINE_PATH.search(b"https://example.org" + planted)
