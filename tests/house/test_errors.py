"""The three places of a reason: the exception, docs/errors.md, the calls of the protocol."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from docs.generate_errors import CALL_ERROR, exceptions, page, reasons
from gdistributed import errors
from tests.house.source import ROOT, Module, package_modules


def test_each_exception_has_a_reason_of_its_own() -> None:
    assert all("reason" in vars(exception) for exception in exceptions())
    words = [exception.reason for exception in exceptions()]
    assert len(words) == len(set(words))
    assert [word for word in words if not re.fullmatch(r"[A-Z][A-Z0-9_]*", word)] == []


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn = drawn_parents(errors.__doc__ or "")
    del drawn["InvariantBroken"]
    assert {e.__name__: parent_of(e) for e in exceptions()} == drawn


def drawn_parents(docstring: str) -> dict[str, str | None]:
    """Read the drawn tree: each name and the name that it hangs from."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for indent, name in re.findall(r"^([│├└─ ]*)([A-Z]\w+)(?: {2,}.*)?$", docstring, re.MULTILINE):
        depth = len(indent) // 4
        path = [*path[:depth], name]
        parents[name] = path[depth - 1] if depth else None
    return parents


def parent_of(exception: type[errors.GDistributedError]) -> str | None:
    ours = [base for base in exception.__bases__ if base in exceptions()]
    return ours[0].__name__ if ours else None


def test_the_page_is_fresh() -> None:
    assert (ROOT / "docs/errors.md").read_text() == page(), "run: make docs"


def test_the_page_has_a_chapter_for_each_reason() -> None:
    chapters = re.findall(r"^## (.*)$", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    assert chapters == list(reasons())
    assert {exception.reason for exception in exceptions()} <= set(chapters)


def test_an_error_of_a_call_is_read_with_all_its_lines() -> None:
    comment = "Errors:\n- NOT_FOUND (A): one\n  more.\n- ABORTED (B): two."
    found = CALL_ERROR.findall(comment)
    assert found == [("NOT_FOUND", "A", "one\n  more."), ("ABORTED", "B", "two.")]


def given_reasons(module: Module) -> Iterator[str]:
    """Yield the reasons that a module gives by hand: `StatusError(code, "REASON", ...)`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("StatusError"):
            by_name = [word.value for word in node.keywords if word.arg == "reason"]
            for given in [*by_name, *node.args[1:2]]:
                if isinstance(given, ast.Constant):
                    yield given.value


def test_no_call_fails_for_a_reason_that_the_protocol_does_not_list() -> None:
    given = {reason for module in package_modules() for reason in given_reasons(module)}
    assert given - reasons().keys() == set()


def test_reasons_given_by_hand_are_found() -> None:
    text = "status.StatusError(A, 'ONE', 'text')\nStatusError(code=A, reason='TWO')\nOther(A, 'B')"
    assert list(given_reasons(Module("a", text))) == ["ONE", "TWO"]
