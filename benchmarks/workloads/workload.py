"""What a workload is: something that yields samples, and the figures that are made of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Final

from systems.cluster import System

MEASURE_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True)
class Metric:
    """A figure made of the samples of one process.

    Attributes
    ----------
    name
        Tells several figures of one workload apart; empty when there is but one.
    unit
        Of the figure and of each sample.
    more_is_better
        Whether a larger figure is the better one.
    summarise
        Makes the figure of the samples.
    """

    name: str
    unit: str
    more_is_better: bool
    summarise: Callable[[Sequence[float]], float] = statistics.median


def _no_more_than_usual(_size: int) -> int:
    return 0


@dataclass(frozen=True)
class Workload:
    """One idea of what to measure.

    Attributes
    ----------
    name
        On the command line.
    title
        In the table; `{size}` stands for the size.
    metrics
        What is made of the samples: a row of the table each.
    measure
        Is given a system and a size, starts the system's cluster, and yields samples.
    size, quick_size
        How much is done, usually and with `--quick`.
    needs
        What a system must have, of the words in `systems.cluster`.
    memory_mib
        How much memory must be available for a size, in MiB; with less it is not measured.
    timeout_s
        A process that takes longer, with its start and its end, is killed.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    measure: Callable[[System, int], Generator[float]]
    size: int
    quick_size: int
    needs: frozenset[str] = frozenset()
    memory_mib: Callable[[int], int] = _no_more_than_usual
    timeout_s: float = MEASURE_TIMEOUT_S

    def size_for(self, quick: bool) -> int:
        """How much is done in this run."""
        return self.quick_size if quick else self.size


def percentile(percent: float) -> Callable[[Sequence[float]], float]:
    """Return a function that finds the sample which so many percent do not exceed."""

    def summarise(samples: Sequence[float]) -> float:
        rank = math.ceil(percent / 100 * len(samples))
        return sorted(samples)[max(rank, 1) - 1]

    return summarise


TASK_RATE: Final = Metric("", "tasks/s", more_is_better=True)
