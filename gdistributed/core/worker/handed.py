"""What the scheduler hands over: tasks to run, the values that they need, and values to copy.

And what it wants back of all that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gdistributed.core.worker.fetching import ask_for
from gdistributed.core.worker.records import (
    ABANDONED,
    ARRIVING,
    COMING,
    CROWDED,
    ENDED,
    EXECUTING,
    HELD,
    KNOWN,
    MISSING,
    READY,
    RUN_NS_MIN,
    WAITING,
    DataRecord,
    RunRecord,
)
from gdistributed.v1 import error_pb2, worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.worker.brain import WorkerBrain

SYSTEM: Final = error_pb2.TASK_ERROR_KIND_SYSTEM


def receive(brain: WorkerBrain, task: worker_pb2.RunTask) -> None:
    key, attempt = task.key, task.attempt
    if brain.abandoned and (key, attempt) in brain.abandoned:
        brain.note(key, f"attempt {attempt} came again after it was cancelled, ignored")
        return
    if task.template not in brain.templates:
        _refuse(brain, task)
        return
    older = brain.runs.get(key)
    if older is not None:
        if older.attempt >= attempt:
            brain.note(key, f"attempt {attempt} came after {older.attempt}, ignored")
            return
        brain.move(older, ABANDONED if older.state is EXECUTING else ENDED)
    if key in brain.data:
        free(brain, [key])  # of an older run: the scheduler has not taken it
    expected_ns = task.expected_ns
    cost_ns = min(max(expected_ns, RUN_NS_MIN), brain.slot_ns) if expected_ns else brain.slot_ns
    run = brain.runs[key] = RunRecord(key, attempt, task, cost_ns, ready_at=brain.now)
    is_complete = True
    for dependency in task.dependencies:
        is_complete &= _use(brain, run, dependency)
    brain.move(run, READY if is_complete else WAITING)


def _refuse(brain: WorkerBrain, task: worker_pb2.RunTask) -> None:
    error = error_pb2.TaskError(
        type="UnknownTemplate",
        message=f"template {task.template} was not announced to this worker",
        reason="UNKNOWN_TEMPLATE",
        runtime="gdistributed",
        kind=SYSTEM,
        key=task.key,
        attempt=task.attempt,
    )
    brain.mail().erred.add(key=task.key, attempt=task.attempt, error=error)


def _use(brain: WorkerBrain, run: RunRecord, dependency: worker_pb2.Dependency) -> bool:
    """Book a value for a run; False when it is not here."""
    data = brain.data.get(dependency.key)
    if data is None or data.state is not HELD:
        value = dependency.value
        if value and len(value) < brain.settings.keep_nbytes:
            return True  # the runtime takes it from the message
        data = _want(brain, dependency)
        if value and data.state is KNOWN:
            brain.to_store.append((data.key, value))
            brain.move(data, ARRIVING)
    data.users += 1
    if run.uses is None:
        run.uses = [data]
    else:
        run.uses.append(data)
    if data.state is KNOWN and dependency.own_result:
        brain.move(data, COMING)
        run.follows = True
    elif data.state is KNOWN:
        ask_for(brain, data)
    return data.state is HELD


def _want(brain: WorkerBrain, dependency: worker_pb2.Dependency) -> DataRecord:
    """Return the record of a value that is not here, with all its holders."""
    data = brain.data.get(dependency.key)
    if data is None:
        data = brain.data[dependency.key] = DataRecord(dependency.key, dependency.nbytes)
    if data.holders is None:
        data.holders = {}
    data.holders.update(dict.fromkeys(dependency.holders))
    if data.state in (MISSING, CROWDED, COMING):
        brain.move(data, KNOWN)
    return data


def copy(brain: WorkerBrain, wanted: worker_pb2.Dependency) -> None:
    data = brain.data.get(wanted.key)
    if data is not None:
        data.is_freed = False
    if data is not None and data.state is HELD:
        brain.mail_of_value().stored.add(key=data.key, nbytes=data.nbytes, type=data.type)
        return
    data = _want(brain, wanted)
    data.is_copied = True
    if data.state is KNOWN:
        ask_for(brain, data)


def cancel(brain: WorkerBrain, named: Iterable[worker_pb2.TaskAttempt]) -> None:
    """End runs that are no longer wanted, without a word."""
    for name in named:
        run = brain.runs.get(name.key)
        if run is not None and run.attempt == name.attempt:
            brain.move(run, ABANDONED if run.state is EXECUTING else ENDED)


def give_back(brain: WorkerBrain, named: Iterable[worker_pb2.TaskAttempt]) -> None:
    """Give runs back that have not begun; of those that were given to a thread it is not known."""
    for name in named:
        run = brain.runs.get(name.key)
        if run is not None and run.attempt != name.attempt:
            run = None
        is_on_thread = run is not None and run.state is EXECUTING
        if run is not None and is_on_thread and not brain.rarely("keep a run"):
            brain.to_withdraw.append(run)
            continue
        given_back = run is not None and not is_on_thread
        if run is not None and given_back:
            brain.move(run, ENDED)
        brain.mail().revoked.add(key=name.key, attempt=name.attempt, given_back=given_back)


def free(brain: WorkerBrain, keys: Iterable[str]) -> None:
    """Drop values that are no longer wanted here, as soon as no run needs them."""
    for key in keys:
        data = brain.data.get(key)
        if data is not None:
            data.is_freed = True
            data.is_copied = False
            brain.release(data)
