"""A chain: each task waits for the one before."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from systems.cluster import System

from workloads.functions import increment
from workloads.warming import Stopwatch, check, rest, warm_cluster
from workloads.workload import TASK_RATE, Workload

REPEATS: Final = 3


def chain(system: System, size: int) -> Generator[float]:
    """Yield tasks a second, from the first `submit` to the last result."""
    with warm_cluster(system) as cluster:
        for repeat in range(REPEATS):
            first = 2 * repeat * size
            with Stopwatch() as watch:
                link: Any = first
                for _ in range(size):
                    link = cluster.submit(increment, link)
                value = cluster.result(link)
            check(value, first + size)
            yield size / watch.elapsed_s
            del link
            rest()


WORKLOADS: Final = (
    Workload(
        name="chain",
        title="chain of {size:,}",
        metrics=(TASK_RATE,),
        measure=chain,
        size=1_000,
        quick_size=200,
    ),
)
