"""Many clients at once, each a process of its own, that submit small maps and gather them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Generator
from contextlib import ExitStack
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Final

from systems.cluster import MANY_CLIENTS, System

from workloads.functions import same
from workloads.warming import Stopwatch, check, rest, warm_cluster
from workloads.workload import TASK_RATE, Workload

REPEATS: Final = 3
TASKS_A_MAP: Final = 50
TIMEOUT_S: Final = 120.0

Measure = Callable[[System, int], Generator[float]]


def clients_at_once(count: int) -> Measure:
    """Return what measures the tasks a second of so many clients together."""

    def measure(system: System, size: int) -> Generator[float]:
        """Yield tasks a second, from the moment when all may begin until the last is done."""
        context = multiprocessing.get_context("spawn")
        begin, end = (context.Barrier(count + 1, timeout=TIMEOUT_S) for _ in range(2))
        maps = size // count // TASKS_A_MAP
        with warm_cluster(system, scheduler_alone=True) as cluster, ExitStack() as stack:
            submit = partial(submit_maps, system, cluster.address(), maps, begin, end)
            for number in range(count):
                process = context.Process(target=submit, args=(number,), daemon=True)
                process.start()
                stack.callback(process.join, TIMEOUT_S)
            for _ in range(REPEATS):
                begin.wait()
                with Stopwatch() as watch:
                    end.wait()
                yield count * maps * TASKS_A_MAP / watch.elapsed_s
                rest()

    return measure


def submit_maps(
    system: System, address: str, maps: int, begin: Barrier, end: Barrier, number: int
) -> None:
    """Be one of the clients: the whole life of its process."""
    first = number << 40  # no two clients ask for the same
    with system.connect(address) as cluster:
        for _ in range(REPEATS):
            begin.wait()
            for _ in range(maps):
                numbers = range(first, first + TASKS_A_MAP)
                first += TASKS_A_MAP
                check(cluster.gather(cluster.map(same, numbers)), list(numbers))
            end.wait()


WORKLOADS: Final = tuple(
    Workload(
        name=f"clients-{count}",
        title=f"{count} client{'s' * (count > 1)}, {{size:,}} tasks by {TASKS_A_MAP}",
        metrics=(TASK_RATE,),
        measure=clients_at_once(count),
        size=10_000,
        quick_size=1_000,
        needs=frozenset({MANY_CLIENTS}),
    )
    for count in (1, 20)
)
