"""A worker comes back after its session is gone: what of its work still counts.

Its inventory comes in pieces and is applied at the last one, as one step. Values of tasks that are
still needed are adopted, if they were computed for the task that now has the key; runs that nobody
has begun elsewhere go on. All else is dropped or cancelled, and the scheduler lets go of what it
believed to be on the worker and is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdistributed.core.scheduler import actors, liveness, reported, reports
from gdistributed.core.scheduler.states import ERRED, PROCESSING, QUEUED
from gdistributed.v1 import worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord


def take_piece(brain: SchedulerBrain, worker: WorkerRecord, piece: worker_pb2.Inventory) -> None:
    """Add a piece to a worker's inventory, and apply it when it was the last."""
    if worker.inventory is None:
        brain.events.remark(brain.now, worker.id, "an inventory that was not expected, skipped")
        return
    worker.inventory.MergeFrom(piece)
    if not piece.last:
        return
    inventory, worker.inventory = worker.inventory, None
    reconcile = brain.workers.to(worker.id).reconcile
    reconcile.SetInParent()
    held = {stored.key for stored in inventory.held}
    _let_go_of_absent(brain, worker, inventory, held)
    for finished in inventory.finished:
        task = reported.current(brain, worker, finished.key, finished.attempt)
        if task is not None and finished.key in held:
            reported.take_result(brain, worker, task, finished)
    for stored in inventory.held:
        _adopt_value(brain, worker, stored, reconcile)
    for erred in inventory.erred:
        reported.erred(brain, worker, erred)
    brain.settle()
    for run in inventory.running:
        _adopt_run(brain, worker, run, reconcile)
    reconcile.cancel.extend(inventory.queued)
    worker.brought.clear()
    liveness.refresh(brain, worker)


def _let_go_of_absent(
    brain: SchedulerBrain,
    worker: WorkerRecord,
    inventory: worker_pb2.Inventory,
    held: set[str],
) -> None:
    for task in list(worker.has):
        if task.key not in held and task not in worker.brought:  # those it is asked for by a claim
            actors.remove_replica(brain, task, worker)
            brain.reconsider(task)
    there = {run.key: run.attempt for run in inventory.running}
    there.update(
        (report.key, report.attempt) for report in inventory.finished if report.key in held
    )
    there.update((report.key, report.attempt) for report in inventory.erred)
    for task in (*worker.processing, *worker.seceded):
        if there.get(task.key) != task.attempt:
            brain.books.end_run(task)
            brain.reconsider(task)


def _adopt_value(
    brain: SchedulerBrain,
    worker: WorkerRecord,
    stored: worker_pb2.StoredData,
    reconcile: worker_pb2.Reconcile,
) -> None:
    task = brain.books.tasks.get(stored.key)
    if stored.put:
        if task is not None and worker in task.who_has:
            reports.say_claim(brain, worker, stored.key, stored.put)
        return  # whoever put it there may still speak of it
    if task is None or not _is_of(task, stored) or not (task.is_needed and task.state is not ERRED):
        reconcile.drop.append(stored.key)
        return
    if not task.who_has:
        task.nbytes, task.type = stored.nbytes, stored.type
    brain.books.add_replica(task, worker)
    reconcile.adopt.add(key=stored.key, attempt=stored.attempt)
    brain.events.remark(brain.now, task.key, "its value was adopted", worker.name)
    brain.reconsider(task)


def _is_of(task: TaskRecord, stored: worker_pb2.StoredData) -> bool:
    """Whether a value belongs to the task that has its key now, not to an earlier one."""
    if task.template is None:
        return True
    return stored.attempt > task.born


def _adopt_run(
    brain: SchedulerBrain,
    worker: WorkerRecord,
    run: worker_pb2.TaskAttempt,
    reconcile: worker_pb2.Reconcile,
) -> None:
    task = brain.books.tasks.get(run.key)
    if reported.current(brain, worker, run.key, run.attempt) is not None:
        reconcile.adopt.append(run)
        return
    is_newest = task is not None and run.attempt > task.born and run.attempt >= task.attempt
    if task is None or task.state is not QUEUED or not is_newest:
        reconcile.cancel.append(run)
        return
    reconcile.adopt.append(run)
    brain.books.leave_queue(task)
    task.attempt = run.attempt
    brain.books.begin_run(task, worker, brain.expected_ns(task))
    brain.transition(task, PROCESSING)
    brain.events.remark(brain.now, task.key, "its run was adopted", worker.name)
