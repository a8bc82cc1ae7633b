"""A run that executes leaves its thread to others, for instance while it waits for other tasks.

It counts as executing all the while, but not in what the threads have to do; another run is begun
in its place. Once it holds a thread again it counts as before, and nothing is begun in addition
until there is room. Coroutines hold no thread, but count like those who do: for them it is the
same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdistributed.core.worker.records import EXECUTING, RunRecord

if TYPE_CHECKING:
    from gdistributed.core.worker.brain import WorkerBrain


def secede(brain: WorkerBrain, run: RunRecord) -> None:
    """A run has left its thread."""
    if not run.has_seceded:
        run.has_seceded = True
        brain.load_ns -= run.cost_ns
        _tell(brain, run)


def rejoin(brain: WorkerBrain, run: RunRecord) -> None:
    """A run takes the next thread that is free, or has done so."""
    if run.has_seceded:
        run.has_seceded = False
        brain.load_ns += run.cost_ns
        _tell(brain, run)


def tell_again(brain: WorkerBrain) -> None:
    """A new session has begun: say which of the runs that execute hold no thread."""
    for run in brain.runs.values():
        if run.has_seceded:
            _tell(brain, run)


def abandoned_count(brain: WorkerBrain) -> int:
    """Return how many threads are kept by runs whose results nobody wants."""
    return sum(not run.has_seceded for run in brain.abandoned.values())


def _tell(brain: WorkerBrain, run: RunRecord) -> None:
    if run.state is EXECUTING:
        brain.mail().seceded.add(key=run.key, attempt=run.attempt, rejoined=not run.has_seceded)
