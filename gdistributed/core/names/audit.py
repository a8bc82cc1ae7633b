"""Recount what the names hold and who waits, and compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gdistributed.errors import InvariantBroken

if TYPE_CHECKING:
    from gdistributed.core.names.brain import NamesBrain


def audit(brain: NamesBrain) -> None:
    """Raise if anything is wrong.

    Raises
    ------
    InvariantBroken
        With all that was found, a line each.
    """
    found = [*_semaphores(brain), *_queues(brain), *_lines(brain)]
    if found:
        raise InvariantBroken("\n".join(found))


def _semaphores(brain: NamesBrain) -> Iterator[str]:
    rooms = brain.semaphores
    for name, semaphore in rooms.by_name.items():
        if not (semaphore.leases or semaphore.line):
            yield f"the semaphore {name!r} is unused, and kept"
        if semaphore.free < 0:
            yield f"the semaphore {name!r} has more leases than its limit"
        for lease in semaphore.leases.values():
            if rooms.leases.get(lease.id) is not lease or lease.semaphore is not semaphore:
                yield f"the lease {lease.id!r} is not entered where it belongs"
            if lease.expires < brain.calls.now:
                yield f"the lease {lease.id!r} has outlived itself"
        for call in semaphore.line:
            names = list(dict.fromkeys(call.request.names))
            free = [rooms.by_name[name].free for name in names]
            can_have = sum(each >= (call.request.count or 1) for each in free)
            if can_have >= (call.request.at_least or len(names)):
                yield f"a call waits at {name!r} though all that it wants is free"
    if sum(len(each.leases) for each in rooms.by_name.values()) != len(rooms.leases):
        yield "there are leases of no semaphore"


def _queues(brain: NamesBrain) -> Iterator[str]:
    for name, queue in brain.queues.by_name.items():
        if not (queue.values or queue.getters or queue.putters):
            yield f"the queue {name!r} is unused, and kept"
        if queue.values and queue.getters:
            yield f"somebody waits at the queue {name!r}, which has values"
        first = next(iter(queue.putters), None)
        if first is not None and not 0 < first.request.max_size <= len(queue.values):
            yield f"somebody waits at the queue {name!r}, which has room"


def _lines(brain: NamesBrain) -> Iterator[str]:
    in_line = {
        call
        for lines in (
            [semaphore.line for semaphore in brain.semaphores.by_name.values()],
            [queue.getters for queue in brain.queues.by_name.values()],
            [queue.putters for queue in brain.queues.by_name.values()],
            brain.events.lines.values(),
            brain.variables.lines.values(),
        )
        for line in lines
        for call in line
    }
    if in_line != set(brain.calls.waiting):
        yield "those who wait are not those in the lines"
    if any(call.answer is not None for call in in_line):
        yield "somebody waits who has an answer"
    if any(name in brain.events.are_set for name in brain.events.lines):
        yield "somebody waits for an event that is set"
    if any(name in brain.variables.values for name in brain.variables.lines):
        yield "somebody waits for a variable that has a value"
