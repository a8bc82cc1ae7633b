"""From nothing to the first result, with the system already imported."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from typing import Final

from systems.cluster import System

from workloads.functions import same
from workloads.warming import Stopwatch, check
from workloads.workload import Metric, Workload


def startup(system: System, _size: int) -> Generator[float]:
    """Yield seconds: a local cluster, a client, one task, its result."""
    with ExitStack() as stack:
        with Stopwatch() as watch:
            cluster = stack.enter_context(system())
            value = cluster.result(cluster.submit(same, 1))
        check(value, 1)
        yield watch.elapsed_s


WORKLOADS: Final = (
    Workload(
        name="startup",
        title="local cluster to the first result",
        metrics=(Metric("", "s", more_is_better=False),),
        measure=startup,
        size=1,
        quick_size=1,
    ),
)
