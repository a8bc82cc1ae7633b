"""Semaphores and locks, which are semaphores with the limit 1: who holds leases, and who waits.

A semaphore is there while somebody holds a lease of it or waits for one. Those who wait are looked
at in the order in which they came, and each that can be served is: so nobody waits for what is
free, and somebody who wants several names holds none of them while it waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from gdistributed.core.names.calls import Call, Calls, seconds
from gdistributed.errors import LimitDiffers, MalformedMessage, WaitTimeout
from gdistributed.v1 import names_pb2 as pb

LEASE_S: Final = 30.0


@dataclass(slots=True, eq=False)
class Lease:
    """A lease that somebody holds.

    Attributes
    ----------
    length_s
        How long it lasts without being renewed.
    expires
        When it ends.
    """

    id: str
    semaphore: Semaphore
    holder: str
    length_s: float
    expires: float


@dataclass(slots=True, eq=False)
class Semaphore:
    """One semaphore: its leases by id, and the calls that wait for some."""

    name: str
    limit: int
    leases: dict[str, Lease] = field(default_factory=dict)
    line: dict[Call, None] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """How many leases are left."""
        return self.limit - len(self.leases)


class Semaphores:
    """All semaphores by name, and all leases by id.

    Parameters
    ----------
    calls
        The calls of all rooms.
    prefix
        What ids of leases begin with: another one for each Center, so that none is mistaken for a
        lease of the Center before.
    """

    def __init__(self, calls: Calls, prefix: str) -> None:
        self.by_name: dict[str, Semaphore] = {}
        self.leases: dict[str, Lease] = {}
        self._calls = calls
        self._prefix = prefix
        self._granted = 0

    def acquire(self, request: pb.AcquireRequest) -> Call:
        """Take leases, now or later.

        Raises
        ------
        MalformedMessage
            If that can never be.
        LimitDiffers
            If a name exists with another limit.
        """
        names = list(dict.fromkeys(request.names))
        limit, count = request.limit or 1, request.count or 1
        if not names or not all(names):
            raise MalformedMessage("a lock or semaphore needs a name").with_reason("BAD_NAME")
        if count > limit or request.at_least > len(names):
            raise MalformedMessage(
                f"{count} of {limit} leases of {request.at_least or len(names)} of "
                f"{len(names)} names were asked for: that can never be"
            ).with_reason("BAD_COUNT")
        for name in names:
            known = self.by_name.get(name)
            if known is not None and known.limit != limit:
                raise LimitDiffers(
                    f"the semaphore {name!r} has {known.limit} leases, and not {limit}: all who "
                    f"use a name must give the same number"
                )
        call = Call(request, self)
        if not self._grant(call):
            for name in names:
                self.by_name.setdefault(name, Semaphore(name, limit)).line[call] = None
        return call

    def renew(self, lease_ids: Iterable[str]) -> list[str]:
        """Let leases begin anew; return those that are gone."""
        gone = []
        for lease_id in lease_ids:
            lease = self.leases.get(lease_id)
            if lease is None:
                gone.append(lease_id)
            else:
                lease.expires = self._calls.now + lease.length_s
        return gone

    def release(self, lease_ids: Iterable[str]) -> list[str]:
        """End leases, and give what is free to those who wait; return those that were held."""
        ended = [self.leases.pop(each) for each in lease_ids if each in self.leases]
        for lease in ended:
            del lease.semaphore.leases[lease.id]
        for semaphore in dict.fromkeys(lease.semaphore for lease in ended):
            self._serve(semaphore)
        return [lease.id for lease in ended]

    def lease_ids(self, names: Iterable[str]) -> list[str]:
        """Return the ids of all leases of some semaphores."""
        known = [self.by_name[name] for name in names if name in self.by_name]
        return [lease_id for semaphore in known for lease_id in semaphore.leases]

    def describe(self, name: str) -> pb.GetSemaphoreResponse:
        """Say who holds a semaphore."""
        response = pb.GetSemaphoreResponse()
        semaphore = self.by_name.get(name)
        if semaphore is not None:
            response.limit, response.waiting = semaphore.limit, len(semaphore.line)
            for lease in semaphore.leases.values():
                held = response.leases.add(lease_id=lease.id, holder=lease.holder)
                held.remaining.FromNanoseconds(int((lease.expires - self._calls.now) * 1e9))
        return response

    def _grant(self, call: Call) -> bool:
        """Give a call what it wants, if all of it is free."""
        request = call.request
        names = list(dict.fromkeys(request.names))
        needed, count = request.at_least or len(names), request.count or 1
        free = [
            name for name in names if name not in self.by_name or self.by_name[name].free >= count
        ]
        if len(free) < needed:
            return False
        length_s = (seconds(request.lease) if request.HasField("lease") else 0.0) or LEASE_S
        response = pb.AcquireResponse(names=free[:needed])
        response.lease.FromNanoseconds(int(length_s * 1e9))
        for name in free[:needed]:
            semaphore = self.by_name.setdefault(name, Semaphore(name, request.limit or 1))
            for _ in range(count):
                lease = self._begin(semaphore, request.holder, length_s)
                response.lease_ids.append(lease.id)
        self._calls.answer(call, response)
        return True

    def _begin(self, semaphore: Semaphore, holder: str, length_s: float) -> Lease:
        self._granted += 1
        lease_id, expires = f"{self._prefix}-{self._granted}", self._calls.now + length_s
        lease = Lease(lease_id, semaphore, holder, length_s, expires)
        self.leases[lease_id] = semaphore.leases[lease_id] = lease
        self._calls.agenda.at(expires, self._expire, lease)
        return lease

    def _expire(self, lease: Lease) -> None:
        if self.leases.get(lease.id) is not lease:
            return
        if lease.expires <= self._calls.now:
            self.release([lease.id])
        else:
            self._calls.agenda.at(lease.expires, self._expire, lease)

    def _serve(self, semaphore: Semaphore) -> None:
        """Give what has become free to those who wait."""
        for call in list(semaphore.line):
            if not semaphore.free:
                break
            if self._grant(call):
                self._leave_lines(call)
        self._forget_unused(semaphore)

    def _leave_lines(self, call: Call) -> None:
        for name in call.request.names:
            semaphore = self.by_name.get(name)
            if semaphore is not None and call in semaphore.line:
                del semaphore.line[call]
                self._forget_unused(semaphore)

    def _forget_unused(self, semaphore: Semaphore) -> None:
        if not (semaphore.leases or semaphore.line):
            self.by_name.pop(semaphore.name, None)

    def leave(self, call: Call) -> None:
        """Take a call that waits out of all lines."""
        self._leave_lines(call)

    def undo(self, call: Call) -> bool:
        """Release what a call was given."""
        if not isinstance(call.answer, pb.AcquireResponse):
            return False
        self.release(call.answer.lease_ids)
        return True

    def late(self, call: Call) -> WaitTimeout:
        """Say that the time of a call is over."""
        names = ", ".join(repr(name) for name in call.request.names)
        error = WaitTimeout(f"{names}: not free within {seconds(call.request.timeout):g} s")
        return error.with_reason("ACQUIRE_TIMEOUT")
