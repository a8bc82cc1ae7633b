"""Who is in the cluster: members by id, each for as long as it renews its lease."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from gdistributed.v1 import center_pb2 as pb

SCHEDULER = "scheduler"
WORKER = "worker"


@dataclass(slots=True, eq=False)
class MemberRecord:
    """One member.

    Attributes
    ----------
    message
        What it said of itself.
    lease_s
        How long it lives without a heartbeat.
    expires
        When its lease runs out.
    """

    message: pb.Member
    lease_s: float
    expires: float


class Members:
    """The members, and the order in which their leases run out.

    Attributes
    ----------
    by_id
        Members by id, in the order in which they came.
    addresses
        Addresses of the workers by id.
    scheduler
        The scheduler; None when there is none.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, MemberRecord] = {}
        self.addresses: dict[str, str] = {}
        self.scheduler: MemberRecord | None = None
        self._names: dict[str, MemberRecord] = {}
        self._leases: list[tuple[float, int, MemberRecord]] = []
        self._entered = 0

    def add(self, message: pb.Member, lease_s: float, now: float) -> MemberRecord:
        """Enter a member."""
        record = self.by_id[message.id] = MemberRecord(message, lease_s, 0.0)
        if message.role == WORKER:
            self.addresses[message.id] = message.address
            self._names[name_of(message)] = record
        elif message.role == SCHEDULER:
            self.scheduler = record
        self.renew(record, now)
        self._await_expiry(record)
        return record

    def remove(self, record: MemberRecord) -> None:
        """Remove a member."""
        message = record.message
        del self.by_id[message.id]
        self.addresses.pop(message.id, None)
        if self._names.get(name_of(message)) is record:
            del self._names[name_of(message)]
        if self.scheduler is record:
            self.scheduler = None

    def renew(self, record: MemberRecord, now: float) -> None:
        """Let a lease begin anew."""
        record.expires = now + record.lease_s

    def _await_expiry(self, record: MemberRecord) -> None:
        self._entered += 1
        heapq.heappush(self._leases, (record.expires, self._entered, record))

    def worker_named(self, name: str) -> MemberRecord | None:
        """Return the worker of a name."""
        return self._names.get(name)

    def next_expiry(self) -> float | None:
        """Return when the next lease may run out: a lower bound, cheap to keep."""
        return self._leases[0][0] if self._leases else None

    def expired(self, now: float) -> list[MemberRecord]:
        """Return the members whose leases have run out; those that were renewed wait again."""
        found = []
        while self._leases and self._leases[0][0] <= now:
            record = heapq.heappop(self._leases)[2]
            if self.by_id.get(record.message.id) is not record:
                continue  # it left before
            if record.expires <= now:
                found.append(record)
            else:
                self._await_expiry(record)
        return found


def name_of(member: pb.Member) -> str:
    """Return the name of a member: its address when it gave none."""
    return member.name or member.address


def place_of(member: pb.Member) -> tuple[str, str, str]:
    """Return what the indexes know a member by, beside its id."""
    return member.role, member.name, member.address
