"""What gdistributed has set itself to reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from systems import OURS

from harness.numbers import shown
from harness.outcomes import Results
from harness.ratios import cost_growth, figure_of, over_best, over_other


@dataclass(frozen=True)
class Target:
    """A bound on a figure.

    Attributes
    ----------
    title
        What is bounded, for people.
    figure
        Finds it in the results; None when it was not measured.
    bound
        What to reach.
    at_least
        Whether the figure has to be this large; else it must not exceed it.
    unit
        Of the figure; empty for ratios.
    """

    title: str
    figure: Callable[[Results], float | None]
    bound: float
    at_least: bool
    unit: str = ""

    def is_reached(self, results: Results) -> bool | None:
        """Return whether it is; None when it was not measured."""
        figure = self.figure(results)
        if figure is None:
            return None
        return figure >= self.bound if self.at_least else figure <= self.bound

    def as_json(self, results: Results) -> dict[str, Any]:
        """Return it and what came of it as plain data."""
        return {
            "title": self.title,
            "at_least" if self.at_least else "at_most": self.bound,
            "unit": self.unit,
            "figure": self.figure(results),
            "reached": self.is_reached(results),
        }

    def as_line(self, results: Results) -> str:
        """Return it as one line for people."""
        figure, reached = self.figure(results), self.is_reached(results)
        words = {None: "not measured", True: "reached", False: "MISSED"}[reached]
        bound = f"{'at least' if self.at_least else 'at most'} {shown(self.bound)} {self.unit}"
        return (
            f"{self.title:<56} {bound:<18} {'-' if figure is None else shown(figure):>8}  {words}"
        )


def _against(peers: tuple[str, ...], *names: str) -> Callable[[Results], float | None]:
    return lambda results: over_best(results, OURS, peers, *names)


_DASK: Final = ("dask", "dask-inf")
_PEERS: Final = (*_DASK, "ray")
BY_MEMORY: Final = "worker-to-worker"
MADE_SHARED: Final = "worker-to-worker-shm"
BY_GRPC: Final = "worker-to-worker-by-socket"

TARGETS: Final = (
    *(
        Target(
            f"map+gather of {count:,}, over the best peer's",
            _against(_PEERS, f"map-{count}"),
            bound=10.0,
            at_least=True,
        )
        for count in (1_000, 10_000, 50_000)
    ),
    Target(
        "submit to result p50, over ray's",
        _against(("ray",), "latency", "p50"),
        bound=0.55,
        at_least=False,
    ),
    Target(
        "submit to result p99, over ray's",
        _against(("ray",), "latency", "p99"),
        bound=0.55,
        at_least=False,
    ),
    Target("chain of 1,000, over ray's", _against(("ray",), "chain"), bound=4.0, at_least=True),
    Target("tree of 8,191, over the best peer's", _against(_PEERS, "tree"), 8.0, at_least=True),
    Target("graph get of 40,001, over dask's", _against(_DASK, "graph"), 10.0, at_least=True),
    Target(
        "dask array of 1,600 chunks, over dask's", _against(_DASK, "array"), 0.5, at_least=False
    ),
    Target(
        "local cluster to the first result, over dask's", _against(_DASK, "startup"), 1.0, False
    ),
    Target(
        "cost of a task in a map of 50,000, over one of 1,000",
        partial(cost_growth, system=OURS, many="map-50000", few="map-1000"),
        bound=1.3,
        at_least=False,
    ),
    Target(
        "import of client and local cluster",
        partial(figure_of, system=OURS, workload_name="import"),
        bound=0.5,
        at_least=False,
        unit="s",
    ),
    Target(
        "20 clients at once, over one",
        partial(over_other, system=OURS, workload_name="clients-20", other_name="clients-1"),
        bound=1.0,
        at_least=True,
    ),
    Target(
        "scheduler's time a task with 200 workers, over 2",
        partial(over_other, system=OURS, workload_name="workers-200", other_name="workers-2"),
        bound=1.3,
        at_least=False,
    ),
    Target(
        "scheduler memory of a held task",
        partial(figure_of, system=OURS, workload_name="memory"),
        bound=800,
        at_least=False,
        unit="B",
    ),
    Target(
        "256 MiB worker to worker by gRPC",
        partial(figure_of, system=OURS, workload_name=BY_GRPC, metric_name="later"),
        bound=1_024,
        at_least=True,
        unit="MiB/s",
    ),
    Target(
        "the same by gRPC, over dask's",
        _against(_DASK, BY_GRPC, "later"),
        bound=5.0,
        at_least=True,
    ),
    Target(
        "the same through shared memory, over gRPC",
        partial(
            over_other,
            system=OURS,
            workload_name=BY_MEMORY,
            other_name=BY_GRPC,
            metric_name="later",
        ),
        bound=10.0,
        at_least=True,
    ),
    Target(
        "the same made in shared memory, over gRPC",
        partial(
            over_other,
            system=OURS,
            workload_name=MADE_SHARED,
            other_name=BY_GRPC,
            metric_name="later",
        ),
        bound=10.0,
        at_least=True,
    ),
    Target(
        "peak memory of worker to worker by gRPC",
        partial(figure_of, system=OURS, workload_name="worker-to-worker-memory-by-socket"),
        bound=2.2,
        at_least=False,
        unit="times",
    ),
    Target(
        "peak memory of worker to worker through shared memory",
        partial(figure_of, system=OURS, workload_name="worker-to-worker-memory"),
        bound=1.1,
        at_least=False,
        unit="times",
    ),
    Target(
        "peak memory of the same made in shared memory",
        partial(figure_of, system=OURS, workload_name="worker-to-worker-shm-memory"),
        bound=1.1,
        at_least=False,
        unit="times",
    ),
    Target(
        "256 MiB worker to client, over ray's",
        _against(("ray",), "worker-to-client", "later"),
        bound=2.0,
        at_least=True,
    ),
    Target(
        "gather of 10,000 scattered values of 1 KiB, over dask's",
        _against(_DASK, "gather-scattered"),
        bound=10.0,
        at_least=True,
    ),
    Target(
        "gather of 10,000 results of 1 KiB, over dask's",
        _against(_DASK, "gather-results"),
        bound=10.0,
        at_least=True,
    ),
    Target(
        "100 by 100 blocks of 256 KiB, all to all, over dask's",
        _against(_DASK, "all-to-all"),
        bound=3.0,
        at_least=True,
    ),
    Target(
        "the same as a rechunk of a dask array, over dask's",
        _against(_DASK, "rechunk"),
        bound=3.0,
        at_least=True,
    ),
    Target(
        "256 MiB Python to Go, over Python to Python",
        partial(
            over_other,
            system=OURS,
            workload_name="python-to-go",
            other_name="python-to-python",
            metric_name="later",
        ),
        bound=1.0,
        at_least=True,
    ),
    Target(
        "map+gather of 10,000 in Go, over Python's",
        partial(over_other, system=OURS, workload_name="map-10000-go", other_name="map-10000"),
        bound=0.9,
        at_least=True,
    ),
)
