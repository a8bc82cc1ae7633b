"""What a task costs in each process, with more tasks, dependencies and workers: `make bench-costs`.

Processor time, user's and the system's, of the client, the scheduler and two workers of one thread
each, for functions that do nothing; those of many workers live in one process, of which only the
scheduler's time is told. Writes docs/costs.svg and prints the figures.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.costs_plot import Bar, plot
from benchmarks.processor_time import processor_time
from gdistributed import Client, LocalCluster, Worker
from gdistributed.settings import WorkerSettings

DOCS: Final = Path(__file__).parent.parent / "docs"
TASKS: Final = (100, 1_000, 10_000, 100_000)
DEPENDENCIES: Final = (0, 1, 2, 4, 8, 16, 32)
WORKERS: Final = (2, 20, 200)
# So many tasks at least for each figure, in as many goes as it takes.
TASKS_A_FIGURE: Final = 100_000
DEPENDENT_TASKS: Final = 4_000
ROOTS: Final = 100
ROUNDS: Final = 3
# Each profiler would look at the threads of all workers of the process.
UNPROFILED: Final = WorkerSettings(profile_interval_s=0.0)

Times = dict[str, tuple[float, float]]


def nothing(*values: object) -> int:
    """Take no time."""
    return len(values)


def main() -> None:
    """Measure, print the figures, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks-a-figure", type=int, default=TASKS_A_FIGURE)
    parser.add_argument("--write", action="store_true", help="write docs/costs.svg")
    asked = parser.parse_args()
    with running() as (client, processes):
        by_tasks = [
            of_maps(client, processes, count, asked.tasks_a_figure // count or 1)
            for count in TASKS
            if count <= asked.tasks_a_figure
        ]
        by_dependencies = [of_dependents(client, processes, count) for count in DEPENDENCIES]
    by_workers = [of_workers(count, asked.tasks_a_figure // 5) for count in WORKERS]
    for title, bars in (
        ("tasks of a map", by_tasks),
        ("dependencies of a task, submitted one by one", by_dependencies),
        ("workers (the scheduler alone)", by_workers),
    ):
        print(f"\n{title}: µs of processor time a task")
        for bar in bars:
            parts = "  ".join(f"{name} {value:5.1f}" for name, value in bar.parts.items())
            print(f"{bar.label:>8}  {sum(bar.parts.values()):6.1f}  {parts}")
    if asked.write:
        plot(by_tasks, by_dependencies, by_workers, DOCS / "costs.svg")


@contextmanager
def running() -> Iterator[tuple[Client, dict[str, list[psutil.Process]]]]:
    """Start a cluster of three processes; yield its client, and the processes by role."""
    own = psutil.Process()
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
        children = own.children(recursive=True)
        schedulers = [each for each in children if "scheduler" in each.cmdline()]
        workers = [each for each in children if "worker" in each.cmdline()]
        yield client, {"client": [own], "scheduler": schedulers, "workers": workers}


def cost(processes: dict[str, list[psutil.Process]], count: int, work: Callable[[], Any]) -> Times:
    """Return the microseconds that a task costs by role: the user's and the system's."""
    before = {role: processor_time(each) for role, each in processes.items()}
    work()
    after = {role: processor_time(each) for role, each in processes.items()}
    return {
        role: (
            (after[role][0] - before[role][0]) / count * 1e6,
            (after[role][1] - before[role][1]) / count * 1e6,
        )
        for role in processes
    }


def bar_of(label: str, rounds: list[Times]) -> Bar:
    """Return the medians of some rounds."""
    parts = {}
    for role in rounds[0]:
        for index, kind in enumerate(("", ", system")):
            parts[role + kind] = statistics.median(each[role][index] for each in rounds)
    return Bar(label, parts)


def of_maps(
    client: Client, processes: dict[str, list[psutil.Process]], count: int, goes: int
) -> Bar:
    """Return what a task costs of maps of so many, made one after the other."""

    def work() -> None:
        for _ in range(goes):
            client.gather(client.map(nothing, range(count), pure=False))

    work()
    return bar_of(f"{count:,}", [cost(processes, count * goes, work) for _ in range(ROUNDS)])


def of_dependents(client: Client, processes: dict[str, list[psutil.Process]], count: int) -> Bar:
    """Return what a task costs that needs so many results, which are there."""
    roots = client.map(nothing, range(ROOTS), pure=False)
    client.gather(roots)

    def work() -> None:
        needed = [random.sample(roots, count) for _ in range(DEPENDENT_TASKS)]
        client.gather([client.submit(nothing, *each, pure=False) for each in needed])

    work()
    return bar_of(str(count), [cost(processes, DEPENDENT_TASKS, work) for _ in range(ROUNDS)])


def of_workers(count: int, tasks: int) -> Bar:
    """Return what a task costs the scheduler with so many workers."""
    with ExitStack() as stack:
        cluster = stack.enter_context(LocalCluster(n_workers=0))
        (scheduler,) = psutil.Process().children()
        for _ in range(count):
            stack.enter_context(Worker(cluster.scheduler_address, nthreads=1, settings=UNPROFILED))
        client = stack.enter_context(Client(cluster))
        client.wait_for_workers(count)

        def work() -> None:
            client.gather(client.map(nothing, range(tasks), pure=False))

        work()
        processes = {"scheduler": [scheduler]}
        return bar_of(str(count), [cost(processes, tasks, work) for _ in range(ROUNDS)])


if __name__ == "__main__":
    main()
