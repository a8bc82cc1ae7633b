"""The Center in the simulation, and how others deal with it: as members, and with reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gdistributed.core.center.brain import CenterBrain
from gdistributed.core.scheduler.books import Books
from gdistributed.core.scheduler.locations import changes_of, snapshot_of
from gdistributed.errors import NotFound, Superseded, UsageError
from gdistributed.sim.network import Network
from gdistributed.sim.world import Host, World
from gdistributed.v1 import center_pb2

HEARTBEAT_S: Final = 3.0


class CenterHost(Host):
    """Runs a Center's brain.

    Attributes
    ----------
    brain
        The brain.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world, "center", world.random.uniform(0.0, 1e6))
        self.brain = CenterBrain("cluster")

    def register(self, member: center_pb2.Member) -> int | None:
        """Enter a member and return its epoch; None if it is refused."""
        try:
            response = self.brain.register(member, 0.0, self.now)
        except (UsageError, Superseded) as error:
            self.note(f"refuses {member.name}: {error}")
            return None
        self.set_timer(self.brain.deadline, self._on_time)
        return response.epoch

    def renew(self, member_id: str) -> bool:
        """Renew a lease; False if there is no such member."""
        try:
            self.brain.heartbeat(member_id, self.now)
        except NotFound:
            return False
        return True

    def report(self, batch: center_pb2.ReportLocationsRequest) -> bool:
        """Take in where data lies; False if the scheduler that says so has been followed."""
        try:
            self.brain.report(batch)
        except Superseded as error:
            self.note(f"refuses a report: {error}")
            return False
        return True

    def _on_time(self) -> None:
        self.brain.on_time(self.now)
        self.set_timer(self.brain.deadline, self._on_time)


class Membership:
    """Keeps one host a member.

    Parameters
    ----------
    host
        Who is to be a member.
    joined
        Is called with its epoch when it has become one, the first time.
    """

    def __init__(
        self,
        host: Host,
        network: Network,
        center: CenterHost,
        member: center_pb2.Member,
        joined: Callable[[int], None],
    ) -> None:
        self._host, self._network, self._center = host, network, center
        self._member = member
        self._joined: Callable[[int], None] | None = joined

    def register(self) -> None:
        """Try to become a member, until that is so."""
        member = center_pb2.Member.FromString(self._member.SerializeToString())
        center = self._center
        self._network.call(
            self._host, center, lambda: center.register(member), self._was_registered
        )

    def _was_registered(self, epoch: int | None) -> None:
        if epoch is None:
            self._host.later(1.0, self.register)
            return
        self._member.epoch = epoch
        self._host.later(HEARTBEAT_S, self._renew)
        joined, self._joined = self._joined, None
        if joined is not None:
            joined(epoch)

    def _renew(self) -> None:
        member_id, center = self._member.id, self._center
        self._network.call(self._host, center, lambda: center.renew(member_id), self._was_renewed)

    def _was_renewed(self, is_known: bool | None) -> None:
        if is_known is False:
            self.register()
        else:
            self._host.later(HEARTBEAT_S, self._renew)


class LocationReports:
    """Keeps the Center up to date on where data lies; after a break it begins with a snapshot."""

    def __init__(self, host: Host, network: Network, center: CenterHost, books: Books) -> None:
        self._host, self._network, self._center = host, network, center
        self._books = books
        self._epoch = 0
        self._is_on_its_way = False

    @property
    def are_on_their_way(self) -> bool:
        """Whether the Center has not heard everything."""
        return self._is_on_its_way or bool(self._books.moved)

    def begin(self, epoch: int) -> None:
        """Begin, or begin anew, with all that there is."""
        self._epoch = epoch
        self._books.moved = []
        self._send(snapshot_of(self._books, self._epoch))

    def wake(self) -> None:
        """There may be something to report."""
        moved = self._books.moved
        if not moved or self._is_on_its_way:
            return
        self._books.moved = []
        self._send(changes_of(moved, self._epoch))

    def _send(self, batch: center_pb2.ReportLocationsRequest) -> None:
        center = self._center
        self._is_on_its_way = True
        self._network.call(self._host, center, lambda: center.report(batch), self._was_reported)

    def _was_reported(self, was_accepted: bool | None) -> None:
        if was_accepted is None:
            self._host.later(1.0, self.begin, self._epoch)
        else:
            self._is_on_its_way = False
            self.wake()
