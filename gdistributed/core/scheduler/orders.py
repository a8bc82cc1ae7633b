"""What people and tools order by plain calls: each is an event of the brain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import holders, intake, pieces, replicas, wants
from gdistributed.core.scheduler.records import ClientRecord, WorkerRecord
from gdistributed.errors import BadGraph, NotFound
from gdistributed.v1 import scheduler_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain


def cancel(brain: SchedulerBrain, keys: Iterable[str], reason: str, now: float) -> list[str]:
    """Cancel tasks for all who want them, and return the keys that were given up."""
    brain.now = now
    cancelled = wants.cancel(brain, ClientRecord("", "an operator"), keys, reason, force=True)
    brain.decide()
    return cancelled


def retry(brain: SchedulerBrain, keys: Iterable[str], now: float) -> list[str]:
    """Run erred tasks again, and return their keys."""
    brain.now = now
    retried = wants.retry(brain, None, keys)
    brain.decide()
    return retried


def submit(
    brain: SchedulerBrain, batch: scheduler_pb2.FromClient, name: str, expires: float, now: float
) -> None:
    """Enter graphs on behalf of a holder that ends at a time.

    Raises
    ------
    BadGraph
        If a graph is refused.
    """
    brain.now = now
    holder = holders.of(brain, name, expires)
    holder.functions = {function.id: function for function in batch.functions}
    for template in batch.templates:
        wants.announce(brain, holder, template)
    try:
        for graph in batch.graphs:
            wants.want(brain, holder, intake.accept_graph(brain, holder, graph))
            wants.forget_unneeded(brain, holder)
    except BadGraph:
        holders.end(brain, name)
        raise
    brain.decide()


def end_holders(brain: SchedulerBrain, names: Iterable[str], now: float) -> None:
    """End holders, with all that they want."""
    brain.now = now
    for name in names:
        holders.end(brain, name)
    brain.decide()


def replicate(
    brain: SchedulerBrain, keys: Iterable[str], count: int, workers: Iterable[str], now: float
) -> list[replicas.Copy]:
    """Have results lie on so many workers each, or on all that are named; return the copies.

    Raises
    ------
    NotFound
        If a worker is named that is not there.
    """
    brain.now = now
    among = named_workers(brain, workers)
    tasks = [brain.books.tasks[key] for key in keys if key in brain.books.tasks]
    copies = replicas.replicate(brain, tasks, count or len(among), among)
    brain.decide()
    return copies


def rebalance(
    brain: SchedulerBrain, keys: Iterable[str], workers: Iterable[str], now: float
) -> list[replicas.Copy]:
    """Spread results evenly, all of them if none are named; return the copies.

    Raises
    ------
    NotFound
        If a worker is named that is not there.
    """
    brain.now = now
    tasks = {brain.books.tasks[key] for key in keys if key in brain.books.tasks}
    copies = replicas.rebalance(brain, tasks or None, named_workers(brain, workers))
    brain.decide()
    return copies


def retire(brain: SchedulerBrain, workers: Iterable[str], now: float) -> list[WorkerRecord]:
    """Have workers leave once nothing is lost with them, and return them.

    Raises
    ------
    NotFound
        If a worker is named that is not there.
    """
    brain.now = now
    leaving = named_workers(brain, workers) if workers else []
    for worker in leaving:
        replicas.retire(brain, worker)
    brain.decide()
    return leaving


def forget_all(brain: SchedulerBrain, reason: str, now: float) -> list[WorkerRecord]:
    """Cancel all tasks for all who want them, and return the workers that are to go on."""
    brain.now = now
    for name in list(brain.books.clients):
        holders.end(brain, name)  # clients themselves stay
    for client in brain.books.clients.values():
        pieces.give_up_all(brain, client, reason)
    wants.cancel(brain, ClientRecord("", ""), list(brain.books.tasks), reason, force=True)
    brain.decide()
    return [worker for worker in brain.books.workers.values() if worker not in brain.retiring]


def stay(brain: SchedulerBrain, workers: Iterable[WorkerRecord], now: float) -> None:
    """Have workers stay that were to leave."""
    brain.now = now
    for worker in workers:
        replicas.stay(brain, worker)
    brain.decide()


def named_workers(brain: SchedulerBrain, names: Iterable[str]) -> list[WorkerRecord]:
    """Return the workers with these names, addresses or ids; all when none are named.

    Raises
    ------
    NotFound
        If one is not there.
    """
    books = brain.books
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return list(books.workers.values())
    by_address = {worker.address: worker for worker in books.workers.values()}
    found = [
        books.names.get(name) or by_address.get(name) or books.workers.get(name) for name in wanted
    ]
    unknown = [name for name, worker in zip(wanted, found, strict=True) if worker is None]
    if unknown:
        there = ", ".join(sorted(books.names)) or "none"
        raise NotFound(
            f"no worker is called {', '.join(map(repr, unknown))}; there are: {there}"
        ).with_reason("UNKNOWN_WORKER")
    return [worker for worker in found if worker is not None]
