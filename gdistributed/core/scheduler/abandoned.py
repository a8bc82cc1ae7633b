"""Runs that go on though nobody wants their results: each keeps a thread of its worker.

A task that has begun cannot be stopped. Until its run ends by itself, its worker has a thread less:
others go where one is free, and those that wait behind it can be stolen. That a run goes on is
assumed when it is given up after the worker said that it had begun; a heartbeat, which counts such
runs, has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gdistributed.settings import NS

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import WorkerRecord

# A heartbeat that comes sooner may have been made before its worker heard of it.
HEARD_S: Final = 1.0


def goes_on(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A run that had begun was given up."""
    worker.abandoned_at = brain.now
    _count(brain, worker, worker.abandoned + 1)


def told(brain: SchedulerBrain, worker: WorkerRecord, count: int) -> None:
    """A worker says how many of its threads such runs keep."""
    if count < worker.abandoned and brain.now < worker.abandoned_at + HEARD_S:
        return
    if count != worker.abandoned:
        _count(brain, worker, count)


def _count(brain: SchedulerBrain, worker: WorkerRecord, count: int) -> None:
    worker.abandoned = count
    worker.threads = max(worker.nthreads - count, 0)
    set_room(brain, worker)
    books, taken = brain.books, len(worker.processing)
    if taken < worker.threads:
        books.dry[worker] = None
    else:
        books.dry.pop(worker, None)
    if taken > worker.threads:
        books.loaded[worker] = None
    books.freed[worker] = None


def set_room(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """Say how far ahead a worker is handed tasks: by its threads, and always one task.

    So that one waits there which has nowhere else to go, or which may begin at once: whoever asked
    a coroutine to stop was heard.
    """
    settings, threads = brain.settings, worker.threads
    worker.ahead_ns = settings.prefetch_s * NS * threads
    worker.ahead_tasks = max(settings.prefetch_tasks_min * threads, 1)
