"""What the scheduler says to a worker: for each kind of word in a batch, the function for it.

A batch is taken in kind by kind, in the order of the numbers of its fields. Only what is in it is
looked at, so that a small batch costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from gdistributed.core.worker import handed
from gdistributed.core.worker.fetching import take_located
from gdistributed.core.worker.puts import claim
from gdistributed.core.worker.records import PeerRecord
from gdistributed.v1 import task_pb2, worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.worker.brain import WorkerBrain

Take = Callable[["WorkerBrain", Any], None]


def hear_scheduler(brain: WorkerBrain, batch: worker_pb2.ToWorker) -> None:
    """Take in what the scheduler says."""
    for field, said in batch.ListFields():
        if (take := FROM_SCHEDULER.get(field.name)) is not None:
            take(brain, said)


def _each(take: Take) -> Take:
    def take_each(brain: WorkerBrain, said: Iterable[object]) -> None:
        for one in said:
            take(brain, one)

    return take_each


def _function(brain: WorkerBrain, function: task_pb2.Function) -> None:
    brain.functions[function.id] = function


def _template(brain: WorkerBrain, template: task_pb2.TaskTemplate) -> None:
    brain.templates[template.id] = template
    if template.HasField("timeout"):
        brain.timeouts_s[template.id] = template.timeout.ToNanoseconds() / 1e9
    else:
        brain.timeouts_s.pop(template.id, None)


def _peer(brain: WorkerBrain, peer: task_pb2.Peer) -> None:
    known = brain.peers.get(peer.number)
    if known is None or known.worker_id != peer.worker_id:
        brain.peers[peer.number] = PeerRecord(
            peer.number, peer.worker_id, peer.address, peer.host, {}
        )


def _reconcile(brain: WorkerBrain, said: worker_pb2.Reconcile) -> None:
    handed.cancel(brain, said.cancel)
    handed.free(brain, said.drop)


def _forget_function(brain: WorkerBrain, function_id: str) -> None:
    brain.functions.pop(function_id, None)


def _forget_template(brain: WorkerBrain, template_id: int) -> None:
    brain.templates.pop(template_id, None)
    brain.timeouts_s.pop(template_id, None)


def _drain(brain: WorkerBrain, said: bool) -> None:
    brain.is_draining = True


FROM_SCHEDULER: Final[dict[str, Take]] = {
    "functions": _each(_function),
    "templates": _each(_template),
    "peers": _each(_peer),
    "reconcile": _reconcile,
    "cancel": handed.cancel,
    "revoke": handed.give_back,
    "claim": claim,
    "free": handed.free,
    "fetch": _each(handed.copy),
    "run": _each(handed.receive),
    "forget_functions": _each(_forget_function),
    "forget_templates": _each(_forget_template),
    "drain": _drain,
    "located": _each(take_located),
}
