"""Actors live on the worker that made them, and are lost with it.

Their task errs then: a new run would make another instance, without the state of the first one.

The result of their task is a reference, of which other workers may hold copies: these count for
nothing without the home, which is the first that held it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdistributed.core.scheduler import reports
from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain


def remove_replica(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> None:
    """Note that a result is lost on a worker; that of an actor, everywhere if it was its home."""
    is_home = task.is_actor and task.who_has[:1] == (worker,)
    brain.books.remove_replica(task, worker)
    if not is_home:
        return
    for holder in task.who_has:
        brain.workers.to(holder.id, len(task.key)).free.append(task.key)
        brain.books.remove_replica(task, holder)
    if task.is_needed:
        task.error = reports.actor_lost(task, worker)
