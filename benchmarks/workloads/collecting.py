"""Many small values on their way to the client: 1 KiB each."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from systems.cluster import TRANSFERS, System

from workloads.functions import small
from workloads.warming import Stopwatch, check, rest, warm_cluster
from workloads.workload import Metric, Workload

REPEATS: Final = 5
RATE: Final = Metric("", "keys/s", more_is_better=True)


def results(system: System, size: int) -> Generator[float]:
    """Yield keys a second of a `gather` of results that are there already."""
    with warm_cluster(system) as cluster:
        for repeat in range(REPEATS):
            numbers = range(repeat * size, (repeat + 1) * size)
            futures = cluster.map(small, numbers)
            cluster.wait(futures)
            rest()
            with Stopwatch() as watch:
                values = cluster.gather(futures)
            check(values, [small(number) for number in numbers])
            yield size / watch.elapsed_s
            del futures, values
            rest()


def scattered(system: System, size: int) -> Generator[float]:
    """Yield keys a second of a `gather` of values that were put on the workers.

    Unlike small results these have not come with word of the task's end: they have to be fetched.
    """
    with warm_cluster(system) as cluster:
        for repeat in range(REPEATS):
            sent = [small(number) for number in range(repeat * size, (repeat + 1) * size)]
            futures = cluster.scatter(sent)
            rest()
            with Stopwatch() as watch:
                values = cluster.gather(futures)
            check(values, sent)
            yield size / watch.elapsed_s
            del futures, values
            rest()


WORKLOADS: Final = (
    Workload(
        name="gather-results",
        title="gather of {size:,} results, 1 KiB",
        metrics=(RATE,),
        measure=results,
        size=10_000,
        quick_size=1_000,
    ),
    Workload(
        name="gather-scattered",
        title="gather of {size:,} scattered, 1 KiB",
        metrics=(RATE,),
        measure=scattered,
        size=10_000,
        quick_size=1_000,
        needs=frozenset({TRANSFERS}),
    ),
)
