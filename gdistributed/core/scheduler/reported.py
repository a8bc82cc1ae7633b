"""What workers say of tasks: one function for each kind of message.

A report on a run that was given up changes nothing; that is noted, and is no error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdistributed.core.scheduler import (
    abandoned,
    actors,
    ahead,
    crowds,
    liveness,
    reach,
    replicas,
    reports,
)
from gdistributed.core.scheduler.activity import note_run, note_transfer
from gdistributed.core.scheduler.estimates import learn_run
from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord
from gdistributed.core.scheduler.states import MEMORY
from gdistributed.core.scheduler.transitions import next_state
from gdistributed.core.words import word_of_status
from gdistributed.v1 import task_pb2, worker_pb2

CLOSING = worker_pb2.WORKER_STATUS_CLOSING
PAUSED = worker_pb2.WORKER_STATUS_PAUSED

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain


def heartbeat(brain: SchedulerBrain, worker: WorkerRecord, message: worker_pb2.Heartbeat) -> None:
    """Its loop works; so the session may as well acknowledge what has come."""
    worker.metrics = message.metrics
    abandoned.told(brain, worker, message.metrics.abandoned)
    for each in message.bandwidths:
        brain.bandwidths.learn(each.host, worker.host, each.bytes_per_second)
    for transfer in message.transfers:
        note_transfer(brain, worker, transfer)
    if (session := brain.worker_sessions.of(worker.id)) is not None:
        session.acknowledge_soon()
    status = message.status or worker_pb2.WORKER_STATUS_RUNNING
    if status != worker.status:
        worker.status = status
        if status == CLOSING:
            replicas.retire(brain, worker, leaves_anyway=True)
        liveness.refresh(brain, worker)
        brain.events.note(brain.now, "worker", worker.name, "", word_of_status(status))
    if status == PAUSED:
        _take_back_waiting(brain, worker)


def _take_back_waiting(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A worker begins nothing new: ask for what it has not begun and others can run."""
    for task in worker.processing:
        assert task.template is not None
        eligible = task.template.requirement.eligible
        if (
            task not in worker.started
            and task not in worker.revoked
            and any(each.takes_tasks for each in eligible)
        ):
            worker.revoked[task] = None
            reports.say_revoke(brain, worker, task)


def current(
    brain: SchedulerBrain, worker: WorkerRecord, key: str, attempt: int
) -> TaskRecord | None:
    """Return the task of a run if that is the one that the books say is under way."""
    task = brain.books.tasks.get(key)
    if task is not None and task.processing_on is worker and task.attempt == attempt:
        return task
    return None


def started(brain: SchedulerBrain, worker: WorkerRecord, run: worker_pb2.TaskAttempt) -> None:
    """A run has begun that will take a while."""
    task = current(brain, worker, run.key, run.attempt)
    if task is not None and task in worker.processing:
        worker.started[task] = None


def seceded(brain: SchedulerBrain, worker: WorkerRecord, run: worker_pb2.Secession) -> None:
    """A run has left its thread to others, or holds one again."""
    task = current(brain, worker, run.key, run.attempt)
    if task is None:
        return
    if run.rejoined:
        brain.books.rejoin(task)
    else:
        brain.books.secede(task)
        ahead.call_back(brain, task)  # it may stay long
    brain.events.remark(brain.now, task.key, "rejoined" if run.rejoined else "seceded", worker.name)


def finished(brain: SchedulerBrain, worker: WorkerRecord, report: task_pb2.TaskFinished) -> None:
    """A run has a result; that of a run that was given up is dropped."""
    task = current(brain, worker, report.key, report.attempt)
    if task is not None:
        take_result(brain, worker, task, report)
        return
    _note_late(brain, worker, report.key)
    known = brain.books.tasks.get(report.key)
    if known is None or (known not in worker.has and known.processing_on is not worker):
        brain.workers.to(worker.id, len(report.key)).free.append(report.key)


def take_result(
    brain: SchedulerBrain, worker: WorkerRecord, task: TaskRecord, report: task_pb2.TaskFinished
) -> None:
    """Note the result of a run that is under way."""
    worker.busy_since = brain.now
    has_waited = task in worker.seceded or task in worker.rejoined
    brain.books.end_run(task)
    task.nbytes = report.nbytes
    task.type = report.type
    brain.books.add_replica(task, worker)
    brain.books.keep_value(task, report.value, brain.settings.kept_nbytes)
    assert task.template is not None
    if worker in brain.retiring:
        brain.retiring[worker].todo[task] = None
    if not has_waited:  # how long it was without a thread says nothing about its kind
        learn_run(task.template.prefix, report.run_ns, report.nbytes)
    note_run(brain, task, worker, report, task.nbytes, of_type=task.type)
    if task.wanted_by:
        report.holders.append(worker.number)
        brain.report = report
    brain.transition(task, next_state(task))
    brain.report = None


def erred(brain: SchedulerBrain, worker: WorkerRecord, report: task_pb2.TaskErred) -> None:
    """A run has failed: another one is made if its task has retries left."""
    task = current(brain, worker, report.key, report.attempt)
    if task is None:
        _note_late(brain, worker, report.key)
        return
    brain.books.end_run(task)
    worker.busy_since = brain.now
    note_run(brain, task, worker, report, 0, failed=1)
    assert task.template is not None
    if report.error.retryable and task.failures < task.template.retries:
        task.failures += 1
        brain.events.remark(brain.now, task.key, f"failed: {report.error.type}", worker.name)
    else:
        task.error = report.error
        task.error.key = task.error.key or task.key
        if not task.error.worker_id:
            task.error.worker_id, task.error.worker_name = worker.id, worker.name
    brain.reconsider(task)


def rescheduled(brain: SchedulerBrain, worker: WorkerRecord, run: worker_pb2.TaskAttempt) -> None:
    """A task asks to be run again, elsewhere if that can be."""
    task = current(brain, worker, run.key, run.attempt)
    if task is None:
        _note_late(brain, worker, run.key)
        return
    brain.books.end_run(task)
    brain.books.avoided[task] = worker
    brain.reconsider(task)


def revoked(brain: SchedulerBrain, worker: WorkerRecord, answer: worker_pb2.RevokeAnswer) -> None:
    """A worker answers whether it gives a task back that it had not begun."""
    task = current(brain, worker, answer.key, answer.attempt)
    if task is None:
        _note_late(brain, worker, answer.key)
        return
    target = brain.books.end_revoke(task, worker)
    if not answer.given_back:
        if task in worker.processing:
            worker.started[task] = None
        return
    brain.books.end_run(task)
    brain.reconsider(task)
    if target is not None:
        brain.moving.append((task, target))


def stored(brain: SchedulerBrain, worker: WorkerRecord, data: worker_pb2.StoredData) -> None:
    """A value came to a worker from elsewhere."""
    task = brain.books.tasks.get(data.key)
    if task is not None and task.state is MEMORY:
        brain.books.add_replica(task, worker)
        if task in brain.books.copying:
            replicas.arrived(brain, task, worker)
        if task in brain.books.crowds:
            crowds.arrived(brain, task, worker)
        if brain.books.stranded:
            reach.try_again(brain)
    else:
        brain.workers.to(worker.id, len(data.key)).free.append(data.key)


def dropped(brain: SchedulerBrain, worker: WorkerRecord, key: str) -> None:
    """A value that a worker held is gone."""
    task = brain.books.tasks.get(key)
    if task is not None:
        actors.remove_replica(brain, task, worker)
        brain.reconsider(task)


def _note_late(brain: SchedulerBrain, worker: WorkerRecord, key: str) -> None:
    brain.events.remark(brain.now, key, "late report, dropped", worker.name)
