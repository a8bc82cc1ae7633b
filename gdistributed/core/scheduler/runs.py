"""A task is handed to a worker, or taken back: who decides that calls this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdistributed.core.scheduler import abandoned, reports
from gdistributed.core.scheduler.states import PROCESSING

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord


def begin_run(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> None:
    """Hand a task to a worker."""
    if not worker.processing:
        worker.busy_since = brain.now
    if task.dependents:
        brain.books.followed[worker] = None
    brain.epoch_attempts += 1
    task.attempt = brain.epoch_attempts
    brain.books.begin_run(task, worker, brain.expected_ns(task))
    brain.transition(task, PROCESSING)
    reports.say_run(brain, task)


def take_back(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Take a task back from the worker to which it was handed."""
    call_off(brain, task)
    brain.reconsider(task)


def call_off(brain: SchedulerBrain, task: TaskRecord) -> bool:
    """Tell the worker to which a task was handed, if any, that nobody waits for its run."""
    had_begun = task.processing_on is not None and task in task.processing_on.started
    worker = brain.books.end_run(task)
    if worker is None:
        return False
    reports.say_cancel(brain, worker, task)
    if had_begun:
        abandoned.goes_on(brain, worker)
    return True
