"""A tree: pairs are added until one is left, each sum a `submit` on two futures."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from systems.cluster import Cluster, System

from workloads.functions import add, increment
from workloads.warming import Stopwatch, check, rest, warm_cluster
from workloads.workload import TASK_RATE, Workload

REPEATS: Final = 2


def tree(system: System, size: int) -> Generator[float]:
    """Yield tasks a second, from the first `submit` to the sum; the size is 2**n - 1."""
    nleaves = (size + 1) // 2
    with warm_cluster(system) as cluster:
        for repeat in range(REPEATS):
            leaves = range(repeat * nleaves, (repeat + 1) * nleaves)
            with Stopwatch() as watch:
                value = _sum(cluster, leaves)
            check(value, sum(leaves) + nleaves)
            yield size / watch.elapsed_s
            rest()


def _sum(cluster: Cluster, leaves: range) -> object:
    level: list[Any] = [cluster.submit(increment, leaf) for leaf in leaves]
    while len(level) > 1:
        level = [
            cluster.submit(add, left, right)
            for left, right in zip(level[::2], level[1::2], strict=True)
        ]
    return cluster.result(level[0])


WORKLOADS: Final = (
    Workload(
        name="tree",
        title="tree of {size:,}",
        metrics=(TASK_RATE,),
        measure=tree,
        size=8_191,
        quick_size=511,
    ),
)
