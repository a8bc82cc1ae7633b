"""A worker is gone, or data is: what that means for the tasks on it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import actors, crowds, reach, replicas, reports, runs, suspects
from gdistributed.core.scheduler.records import Death, WorkerRecord
from gdistributed.core.scheduler.states import PROCESSING
from gdistributed.v1 import nanny_pb2, worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain

DEATHS_KEPT = 1000
# Ends of a worker that its nanny wanted, for which no task is to blame.
BLAMELESS = frozenset({"lifetime", "restart", "closed"})


def lose_worker(
    brain: SchedulerBrain,
    worker: WorkerRecord,
    cause: str,
    died: bool,
    exit: nanny_pb2.WorkerExit | None = None,
) -> None:
    """Take back all that was handed to a worker, and all that it held.

    Parameters
    ----------
    cause
        What is known of it, for people.
    died
        Whether it is a death for which a task may be to blame; a goodbye is none.
    exit
        How its process ended, when its nanny has said so.
    """
    books = brain.books
    if died:
        _blame(brain, worker, cause, exit)
    suspects.requeue(brain, worker)
    replicas.worker_lost(brain, worker)
    if brain.books.crowds:
        crowds.worker_lost(brain, worker)
    if brain.cuts:
        reach.forget_worker(brain, worker)
    for task in (*worker.processing, *worker.seceded):
        books.end_run(task)
        brain.reconsider(task)
    for task in list(worker.has):
        actors.remove_replica(brain, task, worker)
        if not task.who_has:
            brain.reconsider(task)
    alone = [requirement for requirement in worker.requirements if len(requirement.eligible) == 1]
    books.remove_worker(worker)
    brain.workers.drop(worker.id)
    for requirement in alone:
        for _, _, task in requirement.queue:
            brain.reconsider(task)
    for task in books.stranded if alone else ():  # they stand in no queue
        if task.template is not None and task.template.requirement in alone:
            brain.reconsider(task)


def _blame(
    brain: SchedulerBrain, worker: WorkerRecord, cause: str, exit: nanny_pb2.WorkerExit | None
) -> None:
    """Blame a death on the tasks that the worker was executing, at most one for each thread.

    Those that have left their threads wait, most often: one of them is to blame only where nothing
    else was executing.
    """
    death = Death(worker.name, worker.address, cause, exit)
    brain.deaths[worker.id] = death
    if len(brain.deaths) > DEATHS_KEPT:
        brain.deaths.popitem(last=False)
    ready = (task for task in worker.processing if not task.waiting_on)
    executing = dict.fromkeys((*worker.started, *islice(ready, worker.nthreads)))
    executing = executing or worker.seceded
    for task in islice(executing, worker.nthreads):
        task.deaths += (death,)
        brain.events.remark(brain.now, task.key, "was executing as its worker died", worker.name)
        if len(task.deaths) >= brain.settings.allowed_failures:
            task.error = reports.killed_worker(task)


def note_exit(brain: SchedulerBrain, exit: nanny_pb2.WorkerExit) -> None:
    """A nanny says how its worker ended: so it is known at once, and can be told in errors."""
    worker = brain.books.workers.get(exit.worker_id)
    cause = reports.cause_of(exit)
    death = brain.deaths.get(exit.worker_id)
    if death is not None:  # it was lost a moment ago
        death.cause, death.exit = cause, exit
    if worker is not None:
        brain.give_up_worker(worker, cause, died=exit.cause not in BLAMELESS, exit=exit)


def find_work_for(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A worker came: what nobody could run may now be run."""
    for requirement in worker.requirements:
        for task in list(requirement.unrunnable):
            brain.reconsider(task)


def lose_replica(
    brain: SchedulerBrain, reporter: WorkerRecord, missing: worker_pb2.MissingData
) -> None:
    """A worker did not get a value from a holder.

    A holder that answered that it lacks the value is believed. One that did not answer may be
    reached by others, and keeps its replica.

    Tasks that were handed to the reporter and need the value are taken back. They run again once
    the value is to be had, perhaps elsewhere.
    """
    task = brain.books.tasks.get(missing.key)
    if task is None:
        return
    replicas.failed(brain, task, reporter)
    holder = brain.books.workers.get(missing.worker_id)
    if holder is not None and missing.unreachable:
        reach.note_cut(brain, reporter, holder)
    elif holder is not None and task in holder.has:
        actors.remove_replica(brain, task, holder)
        if not task.who_has:
            brain.reconsider(task)
    for dependent in task.dependents or ():
        if dependent.state is PROCESSING and dependent.processing_on is reporter:
            runs.take_back(brain, dependent)
