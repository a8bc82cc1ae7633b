"""The tables of transitions: every edge function is in its table, under the edge that it names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.source import Module, package_modules


def edge_functions(module: Module) -> set[str]:
    """Return the functions of a module that are named like an edge: `waiting_to_queued`."""
    return {
        node.name
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef) and "_to_" in node.name and node.name[0] != "_"
    }


def table(module: Module) -> dict[str, str]:
    """Return a module's TRANSITIONS: edge, written as a function's name would be, to function."""
    for node in module.tree.body:
        is_table = isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "TRANSITIONS"
        if is_table and isinstance(node.value, ast.Dict):
            pairs = zip(node.value.keys, node.value.values, strict=True)
            return {edge_name(key): ast.unparse(value) for key, value in pairs}
    return {}


def edge_name(edge: ast.expr | None) -> str:
    if not isinstance(edge, ast.Tuple):
        raise AssertionError(f"not an edge: {ast.unparse(edge) if edge else '**'}")
    start, target = (ast.unparse(state).rpartition(".")[2].lower() for state in edge.elts)
    return f"{start}_to_{target}"


def faults(module: Module) -> Iterator[str]:
    edges = table(module)
    if not edges:
        yield f"{module.name} has no TRANSITIONS: Final = {{...}}"
    for name in sorted(edge_functions(module) - set(edges.values())):
        yield f"{module.name}: {name} is in no edge"
    for edge, function in edges.items():
        if function in edge_functions(module) - {edge} and edge in edge_functions(module):
            yield f"{module.name}: the edge {edge} has a function of its own, and takes {function}"


def test_tables_and_edge_functions_agree() -> None:
    tables = [module for module in package_modules() if module.short_name == "transitions"]
    assert [fault for module in tables for fault in faults(module)] == []


@pytest.mark.parametrize(
    "text",
    [
        "def a_to_b(): ...",
        "def a_to_b(): ...\ndef b_to_c(): ...\nTRANSITIONS: Final = {(A, B): a_to_b}",
        "def a_to_b(): ...\ndef b_to_c(): ...\n"
        "TRANSITIONS: Final = {(A, B): b_to_c, (B, C): a_to_b}",
    ],
)
def test_a_planted_fault_is_found(text: str) -> None:
    assert list(faults(Module("gdistributed.core.x.transitions", text)))


def test_an_honest_table_passes() -> None:
    text = "def a_to_b(): ...\nTRANSITIONS: Final = {(A, B): a_to_b, (State.A, C): a_to_b}"
    assert list(faults(Module("gdistributed.core.x.transitions", text))) == []
