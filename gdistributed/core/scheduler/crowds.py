"""Results that more workers want at one time than their holders serve: they spread as a tree.

A holder serves a few workers with one large value; the others say that it was crowded, and wait
here. Each new replica serves some of them, and so does a holder that is done with one. They also
ask again by themselves after a while, so that nobody waits for ever if what is said here comes to
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gdistributed.core.scheduler import reach, reports
from gdistributed.core.scheduler.records import Crowd
from gdistributed.core.scheduler.states import MEMORY
from gdistributed.v1 import worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord

# So many workers are sent to a replica that has just come: as many as it serves at one time.
READERS: Final = 2


def crowded(brain: SchedulerBrain, worker: WorkerRecord, said: worker_pb2.CrowdedData) -> None:
    """A worker wants a result, and has found holders crowded."""
    task = brain.books.tasks.get(said.key)
    if task is None or task.state is not MEMORY or task in worker.has:
        return
    crowd = brain.books.crowds.get(task)
    if crowd is None:
        crowd = brain.books.crowds[task] = Crowd(room=dict.fromkeys(task.who_has, READERS))
    for worker_id in said.worker_ids:
        if (holder := brain.books.workers.get(worker_id)) is not None:
            crowd.room.pop(holder, None)
    crowd.sent.pop(worker, None)
    crowd.waiting[worker] = None
    _send_on(brain, task, crowd)


def arrived(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> None:
    """A worker holds a result that others wait for."""
    crowd = brain.books.crowds[task]
    crowd.waiting.pop(worker, None)
    crowd.room[worker] = READERS
    if (holder := crowd.sent.pop(worker, None)) is not None:
        crowd.room[holder] = crowd.room.get(holder, 0) + 1
    _send_on(brain, task, crowd)


def worker_lost(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A worker is gone, and waits no longer."""
    for task, crowd in list(brain.books.crowds.items()):
        crowd.waiting.pop(worker, None)
        crowd.room.pop(worker, None)
        crowd.sent.pop(worker, None)
        _send_on(brain, task, crowd)


def _send_on(brain: SchedulerBrain, task: TaskRecord, crowd: Crowd) -> None:
    """Send those who wait to holders that have room."""
    for holder, room in list(crowd.room.items()):
        del crowd.room[holder]
        if holder not in task.who_has:
            continue
        sent = [each for each in crowd.waiting if not reach.is_cut(brain, each, holder)][:room]
        for reader in sent:
            del crowd.waiting[reader]
            crowd.sent[reader] = holder
            reports.say_located(brain, reader, task, holder)
        if len(sent) < room:
            crowd.room[holder] = room - len(sent)
    if not crowd.waiting:
        del brain.books.crowds[task]
