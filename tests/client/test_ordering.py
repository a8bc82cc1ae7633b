"""The order in which the nodes of a graph should run."""

from __future__ import annotations

import random
from collections.abc import Mapping

import dask.array as da
import pytest
from dask._task_spec import GraphNode, Task, TaskRef, convert_legacy_graph
from dask.order import order

from gdistributed.client.ordering import count_dependents, order_nodes

Graph = dict[str, GraphNode]


def graph_of(**needs: str) -> Graph:
    """Make a graph: ``graph_of(c="a b")`` says that c needs a and b."""
    return {key: Task(key, max, *map(TaskRef, needed.split())) for key, needed in needs.items()}


def ordered(graph: Mapping[str, GraphNode]) -> list[str]:
    keys = order_nodes(graph, count_dependents(graph, graph))
    assert len(keys) == len(set(keys)) == len(graph)
    return keys


def peak(graph: Mapping[str, GraphNode], keys: list[str]) -> int:
    """Return how many results are held at most when the nodes run one by one."""
    left, held, most = count_dependents(graph, graph), 0, 0
    for key in keys:
        held += 1
        most = max(most, held)
        for needed in graph[key].dependencies:
            left[needed] -= 1
            held -= not left[needed]
    return most


def assert_runs(graph: Mapping[str, GraphNode], keys: list[str]) -> None:
    done: set[str] = set()
    for key in keys:
        assert done >= graph[key].dependencies & graph.keys()
        done.add(key)
    assert done == graph.keys()


def random_graph(seed: int) -> Graph:
    choose = random.Random(seed)
    keys = [f"k{number}" for number in range(60)]
    needs = {
        key: " ".join(choose.sample(keys[:number], min(number, choose.choice([0, 1, 1, 1, 2, 3]))))
        for number, key in enumerate(keys)
    }
    shuffled = choose.sample(keys, len(keys))
    return graph_of(**{key: needs[key] for key in shuffled})


def test_what_is_all_that_another_is_for_follows_it_at_once() -> None:
    graph = graph_of(a="", b="a", c="b", d="", e="d", f="c e")
    keys = ordered(graph)
    assert_runs(graph, keys)
    text = "".join(keys)
    assert "abc" in text
    assert "de" in text


def test_a_key_that_is_not_in_the_graph_does_not_matter() -> None:
    assert ordered(graph_of(b="elsewhere", c="b")) == ["b", "c"]


@pytest.mark.parametrize("seed", range(40))
def test_dependencies_come_first(seed: int) -> None:
    graph = random_graph(seed)
    assert_runs(graph, ordered(graph))


@pytest.mark.parametrize(
    "needs",
    [
        {"a": "a"},
        {"a": "b", "b": "a"},
        {"a": "c", "b": "a", "c": "b", "d": ""},
        {"a": "b c", "b": "a", "c": ""},
    ],
)
def test_a_cycle_is_refused(needs: dict[str, str]) -> None:
    with pytest.raises(RuntimeError, match=r"(?i)cycle"):
        ordered(graph_of(**needs))


def array_graph() -> Graph:
    x = da.ones((400, 400), chunks=(50, 50))
    return convert_legacy_graph(dict(((x + x.T)[::2] * 2).sum().__dask_graph__()))  # type: ignore[no-any-return]


def tree_of_chains() -> Graph:
    needs = {f"a{n}": "" for n in range(16)}
    needs |= {f"b{n}": f"a{n}" for n in range(16)} | {f"c{n}": f"b{n}" for n in range(16)}
    needs |= {f"d{n}": f"c{2 * n} c{2 * n + 1}" for n in range(8)}
    needs |= {f"e{n}": f"d{2 * n} d{2 * n + 1}" for n in range(4)}
    return graph_of(**needs, f="e0 e1", g="e2 e3", h="f g")


# Which of two equal nodes dask.order takes first depends on the seed of this process's hashes: its
# own orders differ by one result.
BY_CHANCE = 1


def lopsided_tree() -> Graph:
    """Two branches of one node and one of eight: this goes first, while nothing else is held."""
    needs = {f"a{n}": "" for n in range(10)}
    needs |= {f"b{n}": f"a{2 * n} a{2 * n + 1}" for n in range(4)}
    return graph_of(**needs, c="b0 b1", d="b2 b3", e="c d", f="a8 e a9")


def comb(length: int = 3000) -> Graph:
    """Each node needs the one before and one of its own."""
    needs = {"n0": "", **{f"m{n}": "" for n in range(1, length)}}
    return graph_of(**needs, **{f"n{n}": f"n{n - 1} m{n}" for n in range(1, length)})


def test_of_a_plain_reduction_dask_is_shown_one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []

    def counting(graph: Graph) -> dict[str, int]:
        shown.append(len(graph))
        return order(graph)  # type: ignore[no-any-return]

    monkeypatch.setattr("gdistributed.client.ordering.order", counting)
    for graph in (tree_of_chains(), lopsided_tree(), comb()):
        assert_runs(graph, ordered(graph))
    assert shown == [1, 1, 1]


def test_the_larger_branch_goes_first() -> None:
    graph = lopsided_tree()
    assert peak(graph, ordered(graph)) == 5
    assert peak(comb(), ordered(comb())) == 3


@pytest.mark.parametrize("graph", [array_graph(), tree_of_chains()], ids=["array", "tree"])
def test_it_holds_no_more_than_the_order_of_dask_alone(graph: Graph) -> None:
    by_dask = order(graph)
    alone = peak(graph, sorted(graph, key=by_dask.__getitem__))
    assert peak(graph, ordered(graph)) <= alone + BY_CHANCE
