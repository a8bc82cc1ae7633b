"""What the scheduler says: one function for each kind of message, in the open batch of its peer.

What a peer has to know first (a function, a template, where a worker is) is put in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import reach
from gdistributed.core.scheduler.offers import can_be_handed
from gdistributed.settings import MIB
from gdistributed.v1 import error_pb2, nanny_pb2, task_pb2, worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import (
        ClientRecord,
        Death,
        TaskRecord,
        WorkerRecord,
    )


SIGNALS = {
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    15: "SIGTERM",
}


# So many holders of a dependency are named to a worker, at most.
HOLDERS_MAX = 4


def say_run(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Hand a task to the worker that the books say it is on."""
    worker, template = task.processing_on, task.template
    assert worker is not None
    assert template is not None
    batch = brain.workers.to(worker.id, len(task.arguments) + len(task.key))
    if template.number not in worker.templates:
        worker.templates.add(template.number)
        for function in template.functions:
            if function.id not in worker.functions:
                worker.functions.add(function.id)
                batch.functions.append(function)
        batch.templates.append(template.message)
    run = batch.run.add(
        key=task.key,
        attempt=task.attempt,
        template=template.number,
        rank=task.rank,
        expected_ns=task.expected_ns,
        arguments=task.arguments,
    )
    if traced := brain.books.traced:
        run.traceparent = traced.get(task, "")
    held = worker.has
    for dependency in task.dependencies:
        if dependency in held:
            run.dependencies.add(key=dependency.key, nbytes=dependency.nbytes)
        else:
            _name_dependency(brain, worker, batch, run.dependencies.add(), dependency)


def _name_dependency(
    brain: SchedulerBrain,
    worker: WorkerRecord,
    batch: worker_pb2.ToWorker,
    message: worker_pb2.Dependency,
    dependency: TaskRecord,
) -> None:
    message.key = dependency.key
    if dependency.processing_on is worker:
        message.own_result = True
        return
    message.nbytes = dependency.nbytes
    if can_be_handed(worker, dependency):
        message.value = dependency.value
    holders = dependency.who_has
    if brain.cuts:
        holders = tuple(each for each in holders if not reach.is_cut(brain, worker, each))
    for holder in few_of(holders or dependency.who_has, worker):
        _name_holder(worker, batch, message, holder)


def _name_holder(
    worker: WorkerRecord,
    batch: worker_pb2.ToWorker,
    message: worker_pb2.Dependency,
    holder: WorkerRecord,
) -> None:
    if holder.number not in worker.peers:
        worker.peers.add(holder.number)
        batch.peers.append(peer_of(holder))
    message.holders.append(holder.number)


def few_of(holders: tuple[WorkerRecord, ...], worker: WorkerRecord) -> Iterable[WorkerRecord]:
    """Choose the holders to name to a worker, others to others; one on its host is among them."""
    if len(holders) <= HOLDERS_MAX:
        return holders
    first = worker.number % len(holders)
    turned = (*holders[first:], *holders[:first])
    near = next((holder for holder in turned if holder.host == worker.host), turned[0])
    few = turned[:HOLDERS_MAX]
    return few if near in few else (near, *few[:-1])


def say_located(
    brain: SchedulerBrain, worker: WorkerRecord, task: TaskRecord, holder: WorkerRecord
) -> None:
    """Tell a worker that has found others crowded of a holder."""
    batch = brain.workers.to(worker.id, len(task.key))
    message = batch.located.add(key=task.key, nbytes=task.nbytes)
    _name_holder(worker, batch, message, holder)


def say_fetch(brain: SchedulerBrain, worker: WorkerRecord, task: TaskRecord) -> None:
    """Have a worker copy a result."""
    batch = brain.workers.to(worker.id, len(task.key))
    _name_dependency(brain, worker, batch, batch.fetch.add(), task)


def say_cancel(brain: SchedulerBrain, worker: WorkerRecord, task: TaskRecord) -> None:
    """Tell a worker that a run is no longer wanted."""
    batch = brain.workers.after(worker.id, "run", nbytes=len(task.key))
    batch.cancel.add(key=task.key, attempt=task.attempt)


def say_revoke(brain: SchedulerBrain, worker: WorkerRecord, task: TaskRecord) -> None:
    """Ask a worker to give a run back if it has not begun it."""
    batch = brain.workers.after(worker.id, "run", nbytes=len(task.key))
    batch.revoke.add(key=task.key, attempt=task.attempt)


def say_claim(brain: SchedulerBrain, worker: WorkerRecord, key: str, put: int) -> None:
    """Tell a worker that a value which was put there is wanted."""
    brain.workers.after(worker.id, "free", nbytes=len(key)).claim.add(key=key, put=put)


def is_told(brain: SchedulerBrain, client: ClientRecord, task: TaskRecord) -> bool:
    """Whether a client is told of a task at once; otherwise it is noted what it missed."""
    if client.until_done:
        brain.done.append((client, task))
    if client.missed is not None:
        client.missed[task] = None
        return False
    return client.connected


def say_finished(
    brain: SchedulerBrain,
    client: ClientRecord,
    task: TaskRecord,
    report: task_pb2.TaskFinished,
) -> None:
    """Pass on the report of a worker, which names the holders by now."""
    if not is_told(brain, client, task):
        return
    batch = brain.clients.to(client.id, len(task.value) + len(task.key))
    for holder in task.who_has:
        if holder.number not in client.peers:
            client.peers.add(holder.number)
            batch.peers.append(peer_of(holder))
    batch.finished.append(report)


def finished_report(task: TaskRecord) -> task_pb2.TaskFinished:
    """Make the report of a result that came earlier."""
    return task_pb2.TaskFinished(
        key=task.key,
        attempt=task.attempt,
        nbytes=task.nbytes,
        type=task.type,
        holders=[holder.number for holder in task.who_has],
        value=task.value,
    )


def say_erred(brain: SchedulerBrain, client: ClientRecord, task: TaskRecord) -> None:
    """Tell a client that a task erred, itself or one that it depends on."""
    if task.error is not None and is_told(brain, client, task):
        brain.clients.to(client.id, task.error.ByteSize()).erred.add(
            key=task.key, attempt=task.attempt, error=task.error
        )


def say_lost(brain: SchedulerBrain, client: ClientRecord, task: TaskRecord) -> None:
    """Tell a client that a result is gone; news of it follows."""
    if client.connected and is_told(brain, client, task):
        batch = brain.clients.after(client.id, "finished", "erred", nbytes=len(task.key))
        batch.lost.append(task.key)


def say_cancelled(
    brain: SchedulerBrain, client: ClientRecord, key: str, reason: str, by: str
) -> None:
    """Tell a client that a key was given up."""
    if client.connected:
        brain.clients.to(client.id, len(key)).cancelled.add(key=key, reason=reason, client=by)


def say_own_cancelled(brain: SchedulerBrain, client: ClientRecord, keys: Iterable[str]) -> None:
    """Answer a cancel: what is said of the keys afterwards is of tasks that are submitted later."""
    if client.connected:
        for key in keys:
            brain.clients.to(client.id, len(key)).cancelled.add(key=key, own=True)
        brain.clients.close(client.id)


def peer_of(worker: WorkerRecord) -> task_pb2.Peer:
    """Describe a worker to others."""
    return task_pb2.Peer(
        number=worker.number, worker_id=worker.id, address=worker.data_address, host=worker.host
    )


# Errors that the scheduler itself gives a task


def data_lost(task: TaskRecord) -> error_pb2.TaskError:
    """Say that data is gone which nobody can compute."""
    return error_pb2.TaskError(
        type="gdistributed.errors.DataLost",
        message=(
            f"the data {task.key!r} was put on the cluster by a client and lost with the worker "
            f"that held it; it cannot be computed again: scatter it once more"
        ),
        runtime="gdistributed",
        kind=error_pb2.TASK_ERROR_KIND_DATA_LOST,
        reason="DATA_LOST",
        key=task.key,
        missing_keys=[task.key],
    )


def actor_lost(task: TaskRecord, worker: WorkerRecord) -> error_pb2.TaskError:
    """Say that an actor is gone with its worker."""
    return error_pb2.TaskError(
        type="gdistributed.errors.ActorLost",
        message=(
            f"the actor {task.key!r} lived on {worker.name!r} at {worker.address}, which is gone, "
            f"and its state with it: submit it again, or retry its future, for a new one"
        ),
        runtime="gdistributed",
        kind=error_pb2.TASK_ERROR_KIND_WORKER_LOST,
        reason="ACTOR_LOST",
        key=task.key,
        worker_id=worker.id,
        worker_name=worker.name,
        attempt=task.attempt,
    )


def data_unreachable(data: TaskRecord, worker: WorkerRecord) -> error_pb2.TaskError:
    """Say that data is there, but not to be had where it is needed."""
    holders = ", ".join(f"{each.name!r} at {each.address}" for each in data.who_has)
    return error_pb2.TaskError(
        type="gdistributed.errors.DataLost",
        message=(
            f"the data {data.key!r} lies on {holders}, which does not answer {worker.name!r} at "
            f"{worker.address}, where it is needed: can these machines reach each other?"
        ),
        runtime="gdistributed",
        kind=error_pb2.TASK_ERROR_KIND_DATA_LOST,
        reason="DATA_LOST",
        key=data.key,
        missing_keys=[data.key],
    )


def no_worker(task: TaskRecord, explanation: str) -> error_pb2.TaskError:
    """Say that no worker came in time that may run a task."""
    return error_pb2.TaskError(
        type="gdistributed.errors.NoWorker",
        message=f"no worker came in time for the task {task.key!r}. {explanation}",
        runtime="gdistributed",
        kind=error_pb2.TASK_ERROR_KIND_NO_WORKER,
        reason="NO_WORKER",
        key=task.key,
    )


def killed_worker(task: TaskRecord) -> error_pb2.TaskError:
    """Say that workers die of a task, which ones, and how."""
    last = task.deaths[-1]
    deaths = "".join(f"\n- {line}" for death in task.deaths for line in _tell_death(death))
    return error_pb2.TaskError(
        type="gdistributed.errors.KilledWorker",
        message=(
            f"the task {task.key!r} was executing on {len(task.deaths)} workers as each of them "
            f"died; it is not tried again.{deaths}\n"
            f"Memory and crashes of native code are usual causes; see the logs of these workers"
        ),
        runtime="gdistributed",
        kind=error_pb2.TASK_ERROR_KIND_WORKER_LOST,
        reason="KILLED_WORKER",
        key=task.key,
        worker_id=last.exit.worker_id if last.exit is not None else "",
        worker_name=last.worker,
        attempt=task.attempt,
    )


def _tell_death(death: Death) -> Iterator[str]:
    told = f"{death.worker!r} at {death.address}: {death.cause}"
    if death.exit is None:
        yield told
        return
    if death.exit.peak_memory_nbytes:
        told += f", having used {death.exit.peak_memory_nbytes / MIB:.0f} MiB of memory at most"
    if death.exit.log_tail:
        told += "; its last lines:"
    yield told + "".join(f"\n    {line}" for line in death.exit.log_tail)


def cause_of(exit: nanny_pb2.WorkerExit) -> str:
    """Say in words how a worker's process ended."""
    if exit.cause == "memory_limit":
        return "its nanny ended it at its memory limit"
    if exit.signal:
        name = f" ({SIGNALS[exit.signal]})" if exit.signal in SIGNALS else ""
        suspicion = ", perhaps for want of memory" if exit.cause == "out_of_memory" else ""
        return f"its process was ended by signal {exit.signal}{name}{suspicion}"
    if exit.cause and exit.cause != "exited":
        return f"its nanny ended it: {exit.cause}"
    return f"its process ended with exit code {exit.exit_code}"
