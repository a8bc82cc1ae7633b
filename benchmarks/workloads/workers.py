"""What a task costs the scheduler with many workers: real ones, which live in one process."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final

from systems.cluster import MANY_WORKERS, System

from workloads.functions import same
from workloads.warming import check, rest
from workloads.workload import Metric, Workload

REPEATS: Final = 5

Measure = Callable[[System, int], Generator[float]]


def scheduler_time(count: int) -> Measure:
    """Return what measures the scheduler with so many workers."""

    def measure(system: System, size: int) -> Generator[float]:
        """Yield microseconds of processor time of the scheduler's process for each task."""
        import psutil

        with system.with_workers(count) as cluster:
            scheduler = psutil.Process(cluster.scheduler_process_id())
            for repeat in range(REPEATS + 1):
                numbers = range(repeat * size, (repeat + 1) * size)
                before = scheduler.cpu_times()
                check(cluster.gather(cluster.map(same, numbers)), list(numbers))
                after = scheduler.cpu_times()
                spent_s = after.user + after.system - before.user - before.system
                if repeat:  # the first one warms up
                    yield spent_s / size * 1e6
                rest()

    return measure


WORKLOADS: Final = tuple(
    Workload(
        name=f"workers-{count}",
        title=f"scheduler's time a task, {count} workers",
        metrics=(Metric("", "µs", more_is_better=False),),
        measure=scheduler_time(count),
        size=20_000,
        quick_size=2_000,
        needs=frozenset({MANY_WORKERS}),
    )
    for count in (2, 200)
)
