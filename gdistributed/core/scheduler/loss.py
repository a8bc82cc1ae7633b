"""A worker is gone, or data is: what that means for the tasks on it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import reports
from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord
from gdistributed.core.scheduler.states import PROCESSING
from gdistributed.v1 import worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain


def lose_worker(brain: SchedulerBrain, worker: WorkerRecord, cause: str, died: bool) -> None:
    """Take back all that was handed to a worker, and all that it held.

    Parameters
    ----------
    cause
        What is known of it, for people.
    died
        Whether it is a death for which a task may be to blame; a goodbye is none. Only tasks that
        it was executing are blamed: the first ones handed to it, one for each thread.
    """
    books = brain.books
    if died:
        for task in islice(worker.processing, worker.nthreads):
            task.deaths += 1
            if task.deaths >= brain.settings.allowed_failures:
                task.error = reports.killed_worker(task, worker, cause)
    for task in list(worker.processing):
        books.end_run(task)
        brain.reconsider(task)
    for task in list(worker.has):
        books.remove_replica(task, worker)
        if not task.who_has:
            brain.reconsider(task)
    requirements = list(worker.requirements)
    books.remove_worker(worker)
    brain.workers.drop(worker.id)
    for requirement in requirements:
        if not requirement.eligible:
            for _, _, task in list(requirement.queue):
                brain.reconsider(task)


def find_work_for(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A worker came: what nobody could run may now be run."""
    for requirement in worker.requirements:
        for task in list(requirement.unrunnable):
            brain.reconsider(task)


def lose_replica(
    brain: SchedulerBrain, reporter: WorkerRecord, missing: worker_pb2.MissingData
) -> None:
    """A worker did not get a value from a holder: do without that replica.

    Tasks that were handed to the reporter and need the value are taken back. They run again once
    the value is to be had, perhaps elsewhere.
    """
    task = brain.books.tasks.get(missing.key)
    if task is None:
        return
    holder = brain.books.workers.get(missing.worker_id)
    if holder is not None and task in holder.has:
        brain.books.remove_replica(task, holder)
        if missing.unreachable:
            brain.workers.to(holder.id, len(task.key)).free.append(task.key)
        if not task.who_has:
            brain.reconsider(task)
    for dependent in task.dependents or ():
        if dependent.state is PROCESSING and dependent.processing_on is reporter:
            take_back(brain, dependent)


def take_back(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Take a task back from the worker to which it was handed."""
    worker = brain.books.end_run(task)
    if worker is not None:
        reports.say_cancel(brain, worker, task)
    brain.reconsider(task)
