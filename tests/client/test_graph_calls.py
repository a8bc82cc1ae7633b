"""What a node of a dask graph becomes: a plain call of its function, or one that takes it whole."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pytest
from dask._task_spec import List, Task, TaskRef, Tuple, convert_legacy_graph

from gdistributed import Client
from gdistributed.client import graph_calls
from gdistributed.client.graph_calls import NODE_FUNCTION, CallMaker
from gdistributed.data.arguments import KeyReference


def add(left: int, right: int) -> int:
    return left + right


class Doubling:
    def __call__(self, number: int) -> int:
        return 2 * number


NAMES: Any = {"a": "a", ("b", 0): "('b', 0)"}
A, B = KeyReference("a"), KeyReference("('b', 0)")


def call_of(node: object) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    graph = convert_legacy_graph({"a": 1, ("b", 0): 2, "node": node})
    function, args, kwargs = CallMaker(NAMES).call_of(graph["node"])
    return function.name or function.id, args, kwargs


@pytest.mark.parametrize(
    ("node", "args"),
    [
        ((operator.add, "a", 1), (A, 1)),
        ((operator.add, ("b", 0), 1), (B, 1)),
        ((sum, ["a", ("b", 0), 3]), ([A, B, 3],)),
        ((sum, [["a"], [("b", 0), 3]]), ([[A], [B, 3]],)),
        ((max, 1, 2), (1, 2)),
    ],
)
def test_nodes_that_call_functions_are_plain_calls(
    node: tuple[Any, ...], args: tuple[Any, ...]
) -> None:
    name, found, kwargs = call_of(node)
    assert name in ("_operator.add", f"builtins.{node[0].__name__}")
    assert (found, kwargs) == (args, {})


def test_nodes_of_collections_are_plain_calls_too() -> None:
    node = Task("t", operator.add, List(TaskRef("a"), 1), Tuple(TaskRef(("b", 0)), TaskRef("a")))
    function, args, _ = CallMaker(NAMES).call_of(node)
    assert (function.name, args) == ("_operator.add", ([A, 1], (B, A)))
    node = Task("t", add, 1, right=TaskRef("a"))
    _, args, kwargs = CallMaker(NAMES).call_of(node)
    assert (args, kwargs) == ((1,), {"right": A})


@pytest.mark.parametrize(
    "node",
    [
        (sum, [(add, "a", 1), 2]),  # computes an argument itself
        (functools.partial(add, 1), "a"),
        (Doubling(), "a"),
        "a",
    ],
)
def test_other_nodes_go_whole(node: object) -> None:
    name, args, _ = call_of(node)
    assert name == NODE_FUNCTION.name
    assert args[1] == {"a": A}


def test_a_function_is_packed_once_and_not_thousands_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph_calls, "FUNCTIONS_MAX", 2)
    calls = CallMaker(NAMES)
    made: list[Any] = [lambda number, by=by: number + by for by in range(3)]
    first = calls.call_of(Task("t", made[0], 1))[0]
    assert calls.call_of(Task("u", made[0], 2))[0] is first
    names = [calls.call_of(Task("t", each, 1))[0].name for each in made]
    assert names == ["", "", NODE_FUNCTION.name]


async def later(number: int) -> int:
    return number + 1


def test_all_of_them_compute_the_same(client: Client) -> None:
    graph = {
        "a": 1,
        ("b", 0): (add, "a", 1),
        "listed": (sum, ["a", ("b", 0)]),
        "nested": (sum, [(add, "a", 1), ("b", 0)]),
        "partial": (functools.partial(add, 10), "a"),
        "object": (Doubling(), ("b", 0)),
        "alias": "nested",
        "later": (later, "listed"),
    }
    keys = ["listed", "nested", "partial", "object", "alias", "later"]
    assert client.get(graph, keys) == [3, 4, 11, 4, 4, 4]
