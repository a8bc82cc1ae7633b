"""Log lines are constant texts with fields, whose names are those of docs/operations.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.source import ROOT, Module, package_modules

LEVELS = {"debug", "info", "warning", "error", "exception"}
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \|", re.MULTILINE)
RESERVED = {"time", "level", "logger", "message", "exception"}


def documented_fields() -> set[str]:
    page = (ROOT / "docs/operations.md").read_text()
    table = page.partition("## Logs")[2].partition("\n## ")[0]
    return {name for row in ROW.findall(table) for name in re.findall(r"\w+", row)} - RESERVED


def log_calls(module: Module) -> Iterator[ast.Call]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method, owner = node.func.attr, ast.unparse(node.func.value)
            if method in LEVELS | {"log"} and owner.endswith("logger"):
                yield node


def is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return is_constant(node.body) and is_constant(node.orelse)
    return isinstance(node, ast.Constant) and "%" not in str(node.value)


def prose(module: Module) -> Iterator[str]:
    """Yield lines whose text is put together, and would be another one each time."""
    for call in log_calls(module):
        is_log = isinstance(call.func, ast.Attribute) and call.func.attr == "log"
        texts = call.args[is_log:]
        if len(texts) != 1 or not is_constant(texts[0]):
            yield f"{module.name}:{call.lineno} {ast.unparse(call)}"


def unknown_fields(module: Module) -> Iterator[str]:
    """Yield fields of other names: those in the call, and in what `fields` was set to before."""
    if not any(log_calls(module)):
        return
    known = documented_fields()
    for node in ast.walk(module.tree):
        for key in keys_of_fields(node):
            if key not in known:
                yield f"{module.name}:{node.lineno} {key}"  # type: ignore[attr-defined]


def keys_of_fields(node: ast.AST) -> Iterator[str]:
    given: ast.expr | None = None
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {ast.unparse(target) for target in targets}
        given = node.value if "fields" in names else None
        yield from (
            str(each.slice.value)
            for each in targets
            if isinstance(each, ast.Subscript)
            and ast.unparse(each.value) == "fields"
            and isinstance(each.slice, ast.Constant)
        )
    elif isinstance(node, ast.keyword) and node.arg == "extra":
        given = node.value
    for part in ast.walk(given) if given is not None else ():
        if isinstance(part, ast.Dict):
            yield from (str(key.value) for key in part.keys if isinstance(key, ast.Constant))


@pytest.mark.parametrize("rule", [prose, unknown_fields])
def test_lines_have_constant_texts_and_known_fields(rule: object) -> None:
    assert callable(rule)
    modules = [each for each in package_modules() if each.name != "gdistributed.wire.logs"]
    assert [broken for module in modules for broken in rule(module)] == []


def test_task_and_worker_are_among_the_fields() -> None:
    assert {"task", "worker", "client", "cause"} <= documented_fields()


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (prose, 'logger.info(f"{key} is lost")'),
        (prose, 'logger.info("%s is lost", key)'),
        (prose, "self._logger.warning(text)"),
        (unknown_fields, 'logger.info("lost", extra={"key": key})'),
        (unknown_fields, 'fields = {"key": 1}\nlogger.info("lost", extra=fields)'),
        (unknown_fields, 'fields["key"] = 1\nlogger.info("lost", extra=fields)'),
    ],
)
def test_a_planted_line_is_found(rule: object, text: str) -> None:
    assert callable(rule)
    assert list(rule(Module("gdistributed.client.x", text)))
