"""A large graph on its way to the scheduler: how long it takes, and what it costs in memory.

The first tasks say when they ran, so that a system which runs them while the rest is still on its
way shows it. Peaks of memory are those that Linux keeps for each process, reset beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Hashable
from pathlib import Path
from typing import Final

from systems.cluster import GRAPHS, SCHEDULER_PROCESS, Cluster, System

from workloads.functions import now, same
from workloads.warming import Stopwatch, rest, warm_cluster
from workloads.workload import Metric, Workload

POLL_S: Final = 0.002
LAST: Final = "earliest"
Measure = Callable[[System, int], Generator[float]]


def accepted(system: System, size: int) -> Generator[float]:
    """Yield the seconds until the scheduler knows the last task of a graph."""
    graph = stamped_layers(size)
    with warm_cluster(system) as cluster:
        with Stopwatch() as watch:
            future = cluster.begin(graph, LAST)
            while not cluster.knows(LAST):
                time.sleep(POLL_S)
        yield watch.elapsed_s
        cluster.result(future)


def first_result(system: System, size: int) -> Generator[float]:
    """Yield the seconds until the first task of a graph has run."""
    graph = stamped_layers(size)
    with warm_cluster(system) as cluster:
        begun = time.time()
        yield cluster.result(cluster.begin(graph, LAST)) - begun


def peak_of(process: Callable[[Cluster], str]) -> Measure:
    """Return a workload that yields by how much a process grows while a graph is computed."""

    def peak(system: System, size: int) -> Generator[float]:
        graph = stamped_layers(size)
        with warm_cluster(system, scheduler_alone=True) as cluster:
            rest()
            folder = Path("/proc", process(cluster))
            (folder / "clear_refs").write_text("5")  # resets the peak
            before = _kib(folder, "VmHWM")
            cluster.result(cluster.begin(graph, LAST))
            yield (_kib(folder, "VmHWM") - before) / 1024

    return peak


def stamped_layers(size: int) -> dict[Hashable, object]:
    """Return a graph of two layers; its result is the time at which the first task ran."""
    width = (size - 1) // 2
    graph: dict[Hashable, object] = {("stamp", i): (now, i) for i in range(width)}
    graph |= {("pass", i): (same, ("stamp", i)) for i in range(width)}
    graph[LAST] = (min, [("pass", i) for i in range(width)])
    return graph


def _kib(folder: Path, name: str) -> int:
    for line in (folder / "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"{folder} does not say {name}")


def _workload(name: str, title: str, unit: str, measure: Measure) -> Workload:
    return Workload(
        name=f"submission-{name}",
        title=f"graph of {{size:,}}: {title}",
        metrics=(Metric("", unit, more_is_better=False),),
        measure=measure,
        size=100_001,
        quick_size=10_001,
        needs=frozenset({GRAPHS, SCHEDULER_PROCESS} if unit == "MiB" else {GRAPHS}),
        timeout_s=600.0,
    )


WORKLOADS: Final = (
    _workload("accepted", "accepted", "s", accepted),
    _workload("first", "first task run", "s", first_result),
    _workload("client", "growth of client", "MiB", peak_of(lambda cluster: "self")),
    _workload(
        "scheduler",
        "growth of scheduler",
        "MiB",
        peak_of(lambda cluster: str(cluster.scheduler_process_id())),
    ),
)
