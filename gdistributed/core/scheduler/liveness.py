"""Who lives: streams that break and come back, and peers that fall silent.

A stream that breaks is no death: its peer has a grace in which to resume the session, with nothing
run again and nothing said twice. Meanwhile a worker gets nothing new, and a client's news is noted
by key. A worker whose stream lives but whose loop is silent is `unresponsive`: it gets nothing new
until it is heard of again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import reports, wants
from gdistributed.core.scheduler.states import ERRED, MEMORY
from gdistributed.v1 import scheduler_pb2, worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import ClientRecord, WorkerRecord
    from gdistributed.core.session import Session

RUNNING = worker_pb2.WORKER_STATUS_RUNNING


# Workers


def refresh(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """Work out whether a worker may be handed tasks, after a fact about it has changed."""
    worker.takes_tasks = (
        worker.status == RUNNING
        and worker.is_connected
        and worker.is_responsive
        and worker.inventory is None
        and worker not in brain.retiring
    )
    brain.books.freed[worker] = None  # it may have room; or what waits for it has to go elsewhere


def watch_worker(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """Look whether a worker has been heard of lately, and when to look again."""
    if brain.books.workers.get(worker.id) is not worker:
        return
    settings = brain.settings
    silence_s = brain.now - worker.last_seen
    if silence_s >= settings.worker_ttl_s:
        cause = f"its loop has been silent for {silence_s:.0f} s, though its connection lives"
        brain.give_up_worker(worker, cause)
        return
    if worker.is_responsive and silence_s >= settings.unresponsive_s and worker.is_connected:
        worker.is_responsive = False
        brain.events.note(brain.now, "worker", worker.name, "", "unresponsive")
        refresh(brain, worker)
    limit_s = settings.unresponsive_s if worker.is_responsive else settings.worker_ttl_s
    # Never at once: a worker without a stream is silent, and that is another matter.
    soonest = brain.now + settings.unresponsive_s / 2
    brain.agenda.at(max(worker.last_seen + limit_s, soonest), watch_worker, brain, worker)


def heard_of(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A message of a worker came."""
    worker.last_seen = brain.now
    if not worker.is_responsive:
        worker.is_responsive = True
        brain.events.note(brain.now, "worker", worker.name, "unresponsive", "running")
        refresh(brain, worker)


def suspend_worker(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A worker's stream broke: give it a while to come back."""
    worker.is_connected = False
    now, settings = brain.now, brain.settings
    grace_s = settings.limits.grace_s
    silent_until = max(worker.last_seen + settings.silence_s, now + grace_s / 3)
    worker.lost_at = min(now + grace_s, silent_until)
    brain.agenda.at(worker.lost_at, _end_grace_of_worker, brain, worker)
    brain.events.note(now, "worker", worker.name, "", "suspended", detail="its stream broke")
    refresh(brain, worker)


def resume_worker(
    brain: SchedulerBrain, hello: worker_pb2.WorkerHello
) -> Session[worker_pb2.ToWorker] | None:
    """Return the session that a worker asks to go on with; None if that cannot be."""
    worker = brain.books.workers.get(hello.worker_id)
    if worker is None or not hello.HasField("resume"):
        return None
    session = brain.worker_sessions.resume(worker.id, hello.resume)
    if session is None:
        return None
    worker.is_connected = worker.is_responsive = True
    worker.last_seen = brain.now
    brain.events.note(brain.now, "worker", worker.name, "", "resumed")
    refresh(brain, worker)
    return session


def expect_inventory(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A worker begins a new session with what it has of an older one: hear what that is first."""
    brain.workers.drop(worker.id)
    worker.is_connected = worker.is_responsive = True
    worker.last_seen = brain.now
    worker.templates.clear()
    worker.functions.clear()
    worker.peers.clear()
    worker.inventory = worker_pb2.Inventory()
    worker.brought.clear()
    refresh(brain, worker)


def _end_grace_of_worker(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    is_known = brain.books.workers.get(worker.id) is worker
    if is_known and not worker.is_connected and brain.now >= worker.lost_at:
        silence_s = brain.now - worker.last_seen
        brain.give_up_worker(
            worker, f"its connection broke, and it was not heard of for {silence_s:.0f} s"
        )


# Clients


def suspend_client(brain: SchedulerBrain, client: ClientRecord) -> None:
    """A client's stream broke: keep what it wants for a while, and note its news by key."""
    client.is_live = False
    if client.missed is None:
        client.missed = OrderedDict()
    client.gone_at = brain.now + brain.settings.limits.grace_s
    brain.agenda.at(client.gone_at, _end_grace_of_client, brain, client)
    brain.events.note(brain.now, "client", client.name, "", "suspended")


def resume_client(
    brain: SchedulerBrain, hello: scheduler_pb2.ClientHello
) -> Session[scheduler_pb2.ToClient] | None:
    """Return the session that a client asks to go on with; None if that cannot be."""
    client = brain.books.clients.get(hello.client_id)
    if client is None or not hello.HasField("resume"):
        return None
    session = brain.client_sessions.resume(client.id, hello.resume)
    if session is None:
        return None
    client.is_live = True
    brain.events.note(brain.now, "client", client.name, "", "resumed")
    return session


def begin_client_again(brain: SchedulerBrain, client: ClientRecord) -> None:
    """A client begins a new session: it will say what it wants, and announce things anew."""
    brain.clients.drop(client.id)
    client.is_live = True
    client.missed = None
    brain.output.listeners.pop(client, None)
    client.peers.clear()
    client.templates.clear()
    client.functions.clear()


def note_slow_clients(brain: SchedulerBrain) -> None:
    """Clients that do not take their mail get their news by key from now on: the last of each."""
    for client_id in brain.clients.overfull:
        client = brain.books.clients.get(client_id)
        if client is not None and client.missed is None:
            client.missed = OrderedDict()
    brain.clients.overfull.clear()


def tell_missed(brain: SchedulerBrain, client: ClientRecord) -> scheduler_pb2.ToClient | None:
    """Return a batch of what a client missed; it is told at once again when that was all."""
    missed, client.missed = client.missed, None
    if missed is None:
        return None
    limit_nbytes, told_nbytes = brain.settings.limits.batch_nbytes, 0
    while missed and told_nbytes < limit_nbytes:
        task, _ = missed.popitem(last=False)
        if task not in client.wants:
            continue
        told_nbytes += len(task.value) + 2 * len(task.key)
        if task.state is MEMORY:
            reports.say_finished(brain, client, task, reports.finished_report(task))
        elif task.state is ERRED:
            reports.say_erred(brain, client, task)
        else:
            reports.say_lost(brain, client, task)
    batch = brain.clients.take(client.id)
    if missed:
        client.missed = missed
    return batch


def _end_grace_of_client(brain: SchedulerBrain, client: ClientRecord) -> None:
    is_known = brain.books.clients.get(client.id) is client
    if is_known and not client.is_live and brain.now >= client.gone_at:
        brain.client_gone(client.id, "its connection broke, and it did not come back", brain.now)


def restate(brain: SchedulerBrain, client: ClientRecord, wanted: scheduler_pb2.WantedKeys) -> None:
    """A client says all that it wants: it wants nothing else, and is told where each key stands."""
    client.is_returning = False
    keys = dict.fromkeys(wanted.keys)
    wants.release(brain, client, [task.key for task in client.wants if task.key not in keys])
    wants.hold(brain, client, keys)
