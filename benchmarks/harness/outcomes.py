"""What came of one workload on one system in one round, and of a whole run."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from systems import SystemEntry
from workloads.workload import Metric, Workload

DONE: Final = "done"
FAILED: Final = "failed"
TIMEOUT: Final = "timeout"
NOT_OFFERED: Final = "not offered"


@dataclass(frozen=True)
class Outcome:
    """One process: one workload on one system in one round.

    Attributes
    ----------
    state
        `DONE`, `FAILED` or `TIMEOUT`.
    samples
        In the unit of the workload's metrics.
    versions
        Of the packages that were measured.
    elapsed_s
        Life of the process, with the start and the end of the cluster.
    last_words
        Of a process that did not end well.
    left_behind
        How many processes were still there when this one had ended.
    """

    system: str
    workload: str
    round: int
    state: str
    samples: list[float] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    elapsed_s: float = 0.0
    last_words: str = ""
    left_behind: int = 0


@dataclass
class Results:
    """All outcomes of a run, and the figures made of them."""

    systems: list[SystemEntry]
    workloads: list[Workload]
    quick: bool
    outcomes: list[Outcome] = field(default_factory=list)

    def of(self, workload: Workload, system: str) -> Iterator[Outcome]:
        """Yield the outcomes of one cell of the table."""
        for outcome in self.outcomes:
            if (outcome.workload, outcome.system) == (workload.name, system):
                yield outcome

    def figure(self, workload: Workload, metric: Metric, system: str) -> float | None:
        """Return the median over the rounds; None when no round ended well."""
        rounds = [
            metric.summarise(outcome.samples)
            for outcome in self.of(workload, system)
            if outcome.state == DONE
        ]
        return statistics.median(rounds) if rounds else None

    def state(self, workload: Workload, system: SystemEntry) -> str:
        """Return how it went at last; `NOT_OFFERED` when there was nothing to measure."""
        if workload.needs & system.lacks:
            return NOT_OFFERED
        states = [outcome.state for outcome in self.of(workload, system.name)]
        return states[-1] if states else NOT_OFFERED

    def as_json(self) -> dict[str, Any]:
        """Return figures and raw samples as plain data."""
        return {
            "quick": self.quick,
            "figures": [
                {
                    "workload": workload.name,
                    "size": workload.size_for(self.quick),
                    "metric": metric.name,
                    "unit": metric.unit,
                    "more_is_better": metric.more_is_better,
                    "figures": {
                        system.name: self.figure(workload, metric, system.name)
                        for system in self.systems
                    },
                }
                for workload in self.workloads
                for metric in workload.metrics
            ],
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
        }
