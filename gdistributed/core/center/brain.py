"""The Center's brain: members with leases, datasets, and a history for those who watch.

Calls in, answers or exceptions out; `deadline` says when `on_time` is to be called. It knows no
clock and talks to nobody by itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gdistributed.core.center.history import History
from gdistributed.core.center.locations import Locations, ReportedLocations
from gdistributed.core.center.members import (
    SCHEDULER,
    WORKER,
    MemberRecord,
    Members,
    name_of,
    place_of,
)
from gdistributed.core.center.metadata import Metadata
from gdistributed.errors import MalformedMessage, NameTaken, NotFound, Superseded
from gdistributed.settings import CenterSettings
from gdistributed.v1 import center_pb2 as pb


class CenterBrain:
    """Who is in the cluster, where data lies, and datasets by name.

    Parameters
    ----------
    cluster_id
        Names the cluster.
    settings
        Leases and history.
    locations
        Where data lies; None means as a scheduler reports it.

    Attributes
    ----------
    history
        Changes for those who watch.
    metadata
        Values by path, for users' programs.
    """

    def __init__(
        self,
        cluster_id: str,
        settings: CenterSettings | None = None,
        locations: Locations | None = None,
    ) -> None:
        self.cluster_id = cluster_id
        self.settings = settings or CenterSettings()
        self.members = Members()
        self.history = History(self.settings.history)
        self.datasets: dict[str, pb.Dataset] = {}
        self.metadata = Metadata()
        self.epoch = 0
        self.reported = ReportedLocations(self.members.addresses)
        self.locations: Locations = locations or self.reported

    # Members

    def register(self, member: pb.Member, lease_s: float, now: float) -> pb.RegisterResponse:
        """Enter a member; one that is entered already only renews its lease and its facts.

        Raises
        ------
        MalformedMessage
            If it has no id, role or address.
        NameTaken
            If a living worker has its name, or a living scheduler is there already. A worker that
            was started anew at the same address takes the place of the one before.
        Superseded
            If another scheduler came after it.
        """
        self.on_time(now)
        if not (member.id and member.role and (member.address or member.role == "client")):
            raise MalformedMessage("a member needs an id, a role and an address").with_reason(
                "BAD_MEMBER"
            )
        known = self.members.by_id.get(member.id)
        if known is not None and place_of(known.message) != place_of(member):
            self._leave(known, "it registered as another")
            known = None
        if known is None:
            self._check_place(member)
            if member.role == SCHEDULER:
                self.epoch = member.epoch = self._epoch_of(member)
            known = self.members.add(member, lease_s or self.settings.lease_s, now)
            self.history.append(pb.WatchResponse(joined=member))
        else:
            member.epoch = known.message.epoch
            known.message.CopyFrom(member)
            self.members.renew(known, now)
        response = pb.RegisterResponse(cluster_id=self.cluster_id, epoch=known.message.epoch)
        response.heartbeat.FromNanoseconds(int(self.settings.heartbeat_s * 1e9))
        if self.members.scheduler is not None:
            response.scheduler.CopyFrom(self.members.scheduler.message)
        return response

    def _epoch_of(self, scheduler: pb.Member) -> int:
        """Return a new epoch; one that comes back after its lease ran out keeps its own."""
        if not scheduler.epoch:
            return self.epoch + 1
        if scheduler.epoch < self.epoch:
            raise Superseded(
                f"the scheduler of epoch {scheduler.epoch} was followed by that of {self.epoch}"
            ).with_reason("STALE_EPOCH")
        return scheduler.epoch

    def _check_place(self, member: pb.Member) -> None:
        scheduler = self.members.scheduler
        if member.role == SCHEDULER and scheduler is not None:
            raise NameTaken(
                f"a scheduler is registered already, at {scheduler.message.address}: stop it, or "
                f"wait {scheduler.lease_s:g} s if it has died"
            ).with_reason("SCHEDULER_EXISTS")
        if member.role != WORKER:
            return
        other = self.members.worker_named(name_of(member))
        if other is None:
            return
        if other.message.address == member.address:
            self._leave(other, "a new process has its address")
            return
        raise NameTaken(
            f"a worker named {name_of(member)!r} is in the cluster already, at "
            f"{other.message.address}: give another name, or wait until it has left"
        )

    def heartbeat(self, member_id: str, now: float) -> pb.HeartbeatResponse:
        """Renew a lease.

        Raises
        ------
        NotFound
            If the member is not registered: it has to register again.
        """
        self.on_time(now)
        record = self.members.by_id.get(member_id)
        if record is None:
            raise NotFound(
                f"the member {member_id!r} is not registered: register again"
            ).with_reason("UNKNOWN_MEMBER")
        self.members.renew(record, now)
        response = pb.HeartbeatResponse()
        if self.members.scheduler is not None:
            response.scheduler.CopyFrom(self.members.scheduler.message)
        return response

    def deregister(self, member_id: str, reason: str, now: float) -> None:
        """Remove a member; one that is unknown is no error."""
        self.on_time(now)
        record = self.members.by_id.get(member_id)
        if record is not None:
            self._leave(record, reason or "deregistered")

    def _leave(self, record: MemberRecord, reason: str) -> None:
        self.members.remove(record)  # its data is a matter of the scheduler: it may come back
        left = pb.MemberLeft(member=record.message, reason=reason)
        self.history.append(pb.WatchResponse(left=left))

    def members_of(self, role: str) -> list[pb.Member]:
        """Return the members of a role (all for an empty one), by role and then by name."""
        found = [record.message for record in self.members.by_id.values()]
        chosen = [member for member in found if role in ("", member.role)]
        return sorted(chosen, key=lambda member: (member.role, name_of(member)))

    # Where data lies

    def report(self, batch: pb.ReportLocationsRequest) -> None:
        """Take in what a scheduler says of where data lies.

        Raises
        ------
        Superseded
            If a newer scheduler is registered.
        """
        if batch.epoch < self.epoch:
            raise Superseded(
                f"the scheduler of epoch {batch.epoch} has been followed by that of {self.epoch}"
            ).with_reason("STALE_EPOCH")
        self.reported.report(batch)

    def who_has(self, keys: Iterable[str]) -> Iterable[pb.KeyLocations]:
        """Yield where keys lie."""
        for key in keys:
            places = list(self.locations.holders(key))
            yield pb.KeyLocations(
                key=key,
                worker_ids=[worker_id for worker_id, _ in places],
                addresses=[address for _, address in places],
                nbytes=self.locations.nbytes(key),
            )

    def workers(self, names: Iterable[str] = ()) -> list[pb.Member]:
        """Return the workers of these names, addresses or ids; all of them for none."""
        wanted = set(names)
        return [
            member
            for member in self.members_of(WORKER)
            if not wanted or wanted & {member.id, member.name, member.address}
        ]

    # Datasets

    def publish(self, dataset: pb.Dataset, override: bool) -> None:
        """Give a name to a value.

        Raises
        ------
        MalformedMessage
            If the name is empty.
        NameTaken
            If the name is taken and not to be overridden.
        """
        if not dataset.name:
            raise MalformedMessage("a dataset needs a name").with_reason("BAD_NAME")
        if dataset.name in self.datasets and not override:
            raise NameTaken(
                f"a dataset named {dataset.name!r} exists already: unpublish it first, or publish "
                f"with override=True"
            ).with_reason("DATASET_EXISTS")
        self.datasets[dataset.name] = dataset
        self.history.append(pb.WatchResponse(published=dataset.name))

    def dataset(self, name: str) -> pb.Dataset:
        """Return a dataset.

        Raises
        ------
        NotFound
            If there is none of this name; it lists near ones.
        """
        found = self.datasets.get(name)
        if found is None:
            near = difflib.get_close_matches(name, self.datasets) or sorted(self.datasets)[:10]
            raise NotFound(
                f"no dataset is named {name!r}; there are: {', '.join(near) or 'none'}"
            ).with_reason("UNKNOWN_DATASET")
        return found

    def unpublish(self, name: str) -> list[str]:
        """Take a name away and return the keys that its value needed.

        Raises
        ------
        NotFound
            If there is none of this name.
        """
        keys = list(self.dataset(name).keys)
        del self.datasets[name]
        self.history.append(pb.WatchResponse(unpublished=name))
        return keys

    # Time

    @property
    def deadline(self) -> float | None:
        """When `on_time` is to be called at the latest."""
        return self.members.next_expiry()

    def on_time(self, now: float) -> None:
        """Let the members leave whose leases have run out."""
        for record in self.members.expired(now):
            self._leave(record, "its lease ran out")
