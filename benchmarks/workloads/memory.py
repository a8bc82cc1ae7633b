"""What the scheduler needs for a task whose small result somebody holds."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from systems.cluster import SCHEDULER_PROCESS, System

from workloads.functions import same
from workloads.warming import check, rest, warm_cluster
from workloads.workload import Metric, Workload

STEPS: Final = 5


def held_task(system: System, size: int) -> Generator[float]:
    """Yield the bytes by which the scheduler's own process grows for each task that is held.

    What is held before the first look takes the buffers and free lists out of the account, which
    a first big batch leaves behind once and for all.
    """
    import psutil

    step = size // STEPS
    with warm_cluster(system, scheduler_alone=True) as cluster:
        scheduler = psutil.Process(cluster.scheduler_process_id())
        held: list[Any] = []
        seen: list[int] = []
        for first in range(0, size + step, step):
            numbers = range(first, first + step)
            held += cluster.map(same, numbers)
            check(cluster.gather(held[first:]), list(numbers))
            rest()
            seen.append(scheduler.memory_full_info().uss)
        yield (seen[-1] - seen[0]) / (len(held) - step)


WORKLOADS: Final = (
    Workload(
        name="memory",
        title="scheduler memory of a held task",
        metrics=(Metric("", "B", more_is_better=False),),
        measure=held_task,
        size=100_000,
        quick_size=10_000,
        needs=frozenset({SCHEDULER_PROCESS}),
        timeout_s=900.0,
    ),
)
