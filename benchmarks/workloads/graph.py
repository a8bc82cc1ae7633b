"""A dask graph, given as a plain dict: two layers of many tasks, and one that needs them all."""

from __future__ import annotations

from collections.abc import Generator, Hashable
from typing import Final

from systems.cluster import GRAPHS, System

from workloads.functions import add, increment
from workloads.warming import Stopwatch, check, rest, warm_cluster
from workloads.workload import TASK_RATE, Workload

REPEATS: Final = 2


def graph_get(system: System, size: int) -> Generator[float]:
    """Yield tasks a second of `client.get`; the graph itself is made beforehand."""
    width = (size - 1) // 2
    with warm_cluster(system) as cluster:
        for repeat in range(REPEATS):
            graph = two_layers(width, repeat)
            with Stopwatch() as watch:
                value = cluster.get(graph, f"total-{repeat}")
            check(value, sum(range(width)) + 2 * width)
            yield len(graph) / watch.elapsed_s
            rest()


def two_layers(width: int, repeat: int) -> dict[Hashable, object]:
    """Return a graph of 2 * width + 1 tasks, whose keys no other repeat has."""
    first, second = f"first-{repeat}", f"second-{repeat}"
    graph: dict[Hashable, object] = {(first, i): (increment, i) for i in range(width)}
    graph |= {(second, i): (add, (first, i), 1) for i in range(width)}
    graph[f"total-{repeat}"] = (sum, [(second, i) for i in range(width)])
    return graph


WORKLOADS: Final = (
    Workload(
        name="graph",
        title="graph get of {size:,}",
        metrics=(TASK_RATE,),
        measure=graph_get,
        size=40_001,
        quick_size=4_001,
        needs=frozenset({GRAPHS}),
    ),
)
