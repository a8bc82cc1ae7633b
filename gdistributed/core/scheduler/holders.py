"""Holders: names that want keys as clients do, and outlive the client that made them.

A dataset is one ("dataset:flights"), and what was submitted by a plain call is held by another for
a while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdistributed.core.scheduler import wants
from gdistributed.core.scheduler.records import ClientRecord
from gdistributed.v1 import scheduler_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain


def of(brain: SchedulerBrain, name: str, expires: float | None = None) -> ClientRecord:
    """Return the holder of a name, made on first use; it may end by itself at a time."""
    clients = brain.books.clients
    holder = clients.get(name)
    if holder is None:
        holder = clients[name] = ClientRecord(id=name, name=name)
    if expires is not None:
        holder.expires = expires
        brain.agenda.at(expires, _expire, brain, name)
    return holder


def hold(brain: SchedulerBrain, client: ClientRecord, message: scheduler_pb2.HoldKeys) -> None:
    """A client asks to have keys kept, for itself or for a holder."""
    holder = of(brain, message.holder) if message.holder else client
    if message.holder:
        holder.until_done = message.until_done
    wants.hold(brain, holder, message.keys)


def let_go(brain: SchedulerBrain) -> None:
    """Let go of tasks that were held until they are done; a holder without any ends."""
    done, brain.done = brain.done, []
    for holder, task in done:
        brain.books.unwant(holder, task)
        brain.reconsider(task)
        if not holder.wants and brain.books.clients.get(holder.id) is holder:
            end(brain, holder.id)


def end(brain: SchedulerBrain, name: str) -> None:
    """End a holder, with all that it wants."""
    holder = brain.books.clients.get(name)
    if holder is not None and not holder.connected:
        del brain.books.clients[name]
        wants.release(brain, holder, [task.key for task in holder.wants])


def _expire(brain: SchedulerBrain, name: str) -> None:
    holder = brain.books.clients.get(name)
    if holder is not None and holder.expires is not None and holder.expires <= brain.now:
        end(brain, name)
