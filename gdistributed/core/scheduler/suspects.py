"""Tasks that were executing as a worker died: each is run alone, so that the next blame is exact.

Which tasks a worker was executing is nearly known: it announces those that take long, and short
ones are begun in the order in which they were handed out. A death may so be blamed on a task that
had no part in it, once. From then on that task has a worker to itself, which gets nothing else
until it is over: a task that kills its worker again is found out, and an innocent one is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdistributed.core.scheduler.runs import begin_run
from gdistributed.core.scheduler.states import QUEUED

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord


def run_alone(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> None:
    """Hand a suspect to a worker, as soon as that has nothing else."""
    brain.books.reserve(task, worker)
    begin_reserved(brain, worker)


def begin_reserved(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """Begin what waits for a worker to be empty, if it is; or let it wait for another one."""
    task = worker.reserved_for
    if task is None or task.state is not QUEUED:
        return
    if not worker.takes_tasks:
        requeue(brain, worker)
    elif not worker.processing:
        del brain.books.reserved[task]
        begin_run(brain, task, worker)


def requeue(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A worker takes nothing now: what waits for it goes back into the queue."""
    task = worker.reserved_for
    if task is not None and task.state is QUEUED:
        brain.books.end_reservation(task)
        brain.books.push_ready(task)
