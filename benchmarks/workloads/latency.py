"""One task at a time: from `submit` to its result, in a synchronous program."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from systems.cluster import System

from workloads.functions import same
from workloads.warming import Stopwatch, check, warm_cluster
from workloads.workload import Metric, Workload, percentile


def submit_to_result(system: System, size: int) -> Generator[float]:
    """Yield milliseconds of one round trip after the other."""
    with warm_cluster(system) as cluster:
        for number in range(size):
            with Stopwatch() as watch:
                value = cluster.result(cluster.submit(same, number))
            check(value, number)
            yield watch.elapsed_s * 1e3


WORKLOADS: Final = (
    Workload(
        name="latency",
        title="submit to result",
        metrics=(
            Metric("p50", "ms", more_is_better=False, summarise=percentile(50)),
            Metric("p99", "ms", more_is_better=False, summarise=percentile(99)),
        ),
        measure=submit_to_result,
        size=1_000,
        quick_size=200,
    ),
)
