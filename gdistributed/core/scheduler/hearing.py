"""What peers say to the scheduler: for each kind of word in a batch, the function that takes it in.

A batch is taken in kind by kind, in the order of the numbers of its fields; what tasks have printed
comes first. Only what is in it is looked at, so that a small batch costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from gdistributed.core.scheduler import (
    crowds,
    holders,
    inventory,
    liveness,
    loss,
    output,
    reported,
    wants,
)
from gdistributed.core.scheduler.records import ClientRecord, WorkerRecord
from gdistributed.v1 import scheduler_pb2, task_pb2, worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain

Take = Callable[["SchedulerBrain", Any, Any], None]


def hear_worker(brain: SchedulerBrain, worker: WorkerRecord, batch: worker_pb2.FromWorker) -> None:
    """Take in what a worker says."""
    for part in batch.output:
        output.heard(brain, worker, part)
    for field, said in batch.ListFields():
        if (take := FROM_WORKER.get(field.name)) is not None:
            take(brain, worker, said)


def hear_client(
    brain: SchedulerBrain, client: ClientRecord, batch: scheduler_pb2.FromClient
) -> None:
    """Take in what a client says."""
    for field, said in batch.ListFields():
        if (take := FROM_CLIENT.get(field.name)) is not None:
            take(brain, client, said)


def _each(take: Take) -> Take:
    def take_each(brain: SchedulerBrain, peer: object, said: Iterable[object]) -> None:
        for one in said:
            take(brain, peer, one)

    return take_each


def _settled(take: Take) -> Take:
    """What is given up or asked for again may have come with the same batch."""

    def settle_first(brain: SchedulerBrain, client: ClientRecord, said: object) -> None:
        brain.settle()
        take(brain, client, said)

    return settle_first


def _missing(brain: SchedulerBrain, worker: WorkerRecord, missing: worker_pb2.MissingData) -> None:
    brain.events.remark(brain.now, missing.key, "was not found where it should be", worker.name)
    loss.lose_replica(brain, worker, missing)


def _function(brain: SchedulerBrain, client: ClientRecord, function: task_pb2.Function) -> None:
    client.functions[function.id] = function


def _retry(brain: SchedulerBrain, client: ClientRecord, said: scheduler_pb2.RetryKeys) -> None:
    wants.retry(brain, client, said.keys)


def _cancel(brain: SchedulerBrain, client: ClientRecord, said: scheduler_pb2.CancelKeys) -> None:
    wants.cancel(brain, client, said.keys, said.reason, said.force)


def _unhold(brain: SchedulerBrain, client: ClientRecord, name: str) -> None:
    holders.end(brain, name)


def _heartbeat(brain: SchedulerBrain, client: ClientRecord, said: bool) -> None:
    if (session := brain.client_sessions.of(client.id)) is not None:
        session.acknowledge_soon()


FROM_WORKER: Final[dict[str, Take]] = {
    "inventory": inventory.take_piece,
    "heartbeat": reported.heartbeat,
    "started": _each(reported.started),
    "stored": _each(reported.stored),
    "finished": _each(reported.finished),
    "erred": _each(reported.erred),
    "seceded": _each(reported.seceded),
    "rescheduled": _each(reported.rescheduled),
    "revoked": _each(reported.revoked),
    "dropped": _each(reported.dropped),
    "missing": _each(_missing),
    "crowded": _each(crowds.crowded),
}

FROM_CLIENT: Final[dict[str, Take]] = {
    "functions": _each(_function),
    "templates": _each(wants.announce),
    "scattered": _each(wants.bring),
    "graphs": _each(wants.submit),
    "hold": _each(holders.hold),
    "retry": _settled(_each(_retry)),
    "cancel": _settled(_each(_cancel)),
    "release": _settled(wants.release),
    "unhold": _settled(_each(_unhold)),
    "forward_output": output.listen,
    "wanted": _settled(liveness.restate),
    "heartbeat": _heartbeat,
}
