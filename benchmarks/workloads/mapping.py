"""Many tasks that do nothing: `map`, then `gather`."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from systems.cluster import System

from workloads.functions import same
from workloads.warming import Stopwatch, check, rest, warm_cluster
from workloads.workload import TASK_RATE, Workload

# Short ones are repeated in one process: 1,000 tasks can take no more than some milliseconds.
TASKS_PER_PROCESS: Final = 10_000
REPEATS_MAX: Final = 7


def map_and_gather(system: System, size: int) -> Generator[float]:
    """Yield tasks a second, from the call of `map` to the last result."""
    with warm_cluster(system) as cluster:
        for repeat in range(min(max(TASKS_PER_PROCESS // size, 1), REPEATS_MAX)):
            numbers = range(repeat * size, (repeat + 1) * size)  # no result is known already
            with Stopwatch() as watch:
                values = cluster.gather(cluster.map(same, numbers))
            check(values, list(numbers))
            yield size / watch.elapsed_s
            rest()


WORKLOADS: Final = tuple(
    Workload(
        name=f"map-{size}",
        title="map+gather of {size:,}",
        metrics=(TASK_RATE,),
        measure=map_and_gather,
        size=size,
        quick_size=size // 10,
    )
    for size in (1_000, 10_000, 50_000)
)
