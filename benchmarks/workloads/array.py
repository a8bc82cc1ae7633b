"""A dask array of small chunks, so that scheduling is most of the work."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from systems.cluster import GRAPHS, System

from workloads.warming import Stopwatch, check, rest, warm_cluster
from workloads.workload import Metric, Workload

CHUNK: Final = 200  # 200 by 200 numbers of 8 bytes: 312 KiB
REPEATS: Final = 3


def array_sum(system: System, size: int) -> Generator[float]:
    """Yield seconds of `(x + x.T).sum()`, where `x` has so many chunks; the size is a square."""
    import dask.array

    da: Any = dask.array  # it has no types
    side = round(size**0.5) * CHUNK
    with warm_cluster(system) as cluster:
        for number in range(1, REPEATS + 1):
            x = da.full((side, side), number, dtype="int64", chunks=CHUNK)
            total = (x + x.T).sum()
            with Stopwatch() as watch:
                value = cluster.compute(total)
            check(int(value), 2 * number * side * side)
            yield watch.elapsed_s
            rest()


WORKLOADS: Final = (
    Workload(
        name="array",
        title="(x + x.T).sum() of {size:,} chunks",
        metrics=(Metric("", "s", more_is_better=False),),
        measure=array_sum,
        size=1_600,
        quick_size=100,
        needs=frozenset({GRAPHS}),
    ),
)
