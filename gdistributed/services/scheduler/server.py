"""The scheduler as a server, with a Center inside it or joined to one elsewhere."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from gdistributed.core.center.brain import CenterBrain
from gdistributed.core.names.brain import NamesBrain
from gdistributed.core.scheduler.brain import EPOCH_SHIFT, SchedulerBrain
from gdistributed.errors import UsageError
from gdistributed.services.calling import SCHEDULER, Caller
from gdistributed.services.center import names
from gdistributed.services.center.service import CenterService
from gdistributed.services.extending import Extended
from gdistributed.services.extensible import RunnerService
from gdistributed.services.scheduler import relay
from gdistributed.services.scheduler.activity import ActivityService
from gdistributed.services.scheduler.center_elsewhere import CenterElsewhere
from gdistributed.services.scheduler.event_log import EventLog
from gdistributed.services.scheduler.extensions import ExtensionsService
from gdistributed.services.scheduler.load import Load
from gdistributed.services.scheduler.locations import BooksView, LocationReporter
from gdistributed.services.scheduler.names_elsewhere import NamesElsewhere
from gdistributed.services.scheduler.operations import CAPABILITIES, Operations
from gdistributed.services.scheduler.plugins import Plugins
from gdistributed.services.scheduler.profiling import SelfProfiling
from gdistributed.services.scheduler.queries import Queries
from gdistributed.services.scheduler.shell import Shell
from gdistributed.services.scheduler.streams import Streams
from gdistributed.services.stand_in import calls
from gdistributed.services.stand_in.calls import StandIns, Synchronizing
from gdistributed.services.stand_in.enlisting import Enlisting
from gdistributed.services.stand_in.queries import StandInService, add_stand_in_service
from gdistributed.settings import LOOPBACK, SchedulerSettings
from gdistributed.v1 import (
    activity_pb2_grpc,
    center_pb2,
    center_pb2_grpc,
    extensions_pb2_grpc,
    names_pb2_grpc,
    scheduler_pb2,
    scheduler_pb2_grpc,
    server_pb2,
)
from gdistributed.wire.addresses import join_host_port, split_host_port
from gdistributed.wire.channel import Channels, connect
from gdistributed.wire.membership import Membership
from gdistributed.wire.server import Server
from gdistributed.wire.software import own_software


class SchedulerService(  # type: ignore[misc]  # streams are read and written, not iterated
    Streams,
    Queries,
    Operations,
    Synchronizing,
    SelfProfiling,
    scheduler_pb2_grpc.SchedulerServicer,
):
    """All rpcs of the Scheduler service: streams and queries over one shell."""

    def __init__(
        self,
        shell: Shell,
        channels: Channels,
        stand_ins: StandIns,
        identity: Callable[[], server_pb2.Welcome],
        summary: Callable[[], scheduler_pb2.GetSummaryResponse],
        stop: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        Streams.__init__(self, shell, identity)
        Queries.__init__(self, shell, channels, summary)
        Operations.__init__(self, shell, channels, stop)
        Synchronizing.__init__(self, shell, stand_ins, identity)
        SelfProfiling.__init__(self)


class Scheduler(Server):
    """Decides what runs where and when, for all workers and clients that connect.

    Parameters
    ----------
    hostname
        Host name or address to listen on; loopback by default.
    port_to_workers
        Port for workers; 0 picks a free one.
    contact_address
        Where others reach it, as HOST or HOST:PORT, if that is not where it listens.
    port_to_clients
        Port for clients; None (the default) means the same as for workers.
    center
        Address of a Center to join; None (the default) starts one inside.
    name
        Name for people.
    settings
        How to decide, and the limits of sessions.
    allow_run
        Whether clients may run code in this process; by default they may not.
    event_log
        File to which all that happens is written, compressed if it ends with ".gz"; None (the
        default) writes none.
    asynchronous
        Whether it is used from a running event loop; found out by default.

    Attributes
    ----------
    dashboard_address
        Where somebody serves a dashboard about this cluster, for others to be told; empty by
        default.

    Raises
    ------
    AddressInUse
        If a port is taken.
    ConnectTimeout
        If the Center does not answer.
    UsageError
        If the event log cannot be written, or two ports are to be told as one.

    Examples
    --------
    >>> with Scheduler() as scheduler:
    ...     scheduler.address_to_workers == scheduler.address_to_clients
    True
    """

    capabilities = (*CAPABILITIES, names.CAPABILITY, relay.CAPABILITY, calls.CAPABILITY)

    def __init__(
        self,
        hostname: str = LOOPBACK,
        port_to_workers: int = 0,
        port_to_clients: int | None = None,
        contact_address: str = "",
        center: str | None = None,
        name: str | None = None,
        settings: SchedulerSettings | None = None,
        allow_run: bool = False,
        event_log: str | Path | None = None,
        asynchronous: bool | None = None,
    ) -> None:
        ports = [port_to_workers] if port_to_clients is None else [port_to_workers, port_to_clients]
        if len(ports) > 1 and split_host_port(contact_address)[1] is not None:
            raise UsageError(
                "a scheduler with two ports is told at both: the contact address is a HOST"
            )
        addresses = [join_host_port(hostname, port) for port in ports]
        super().__init__(
            role="scheduler", name=name, addresses=addresses, asynchronous=asynchronous
        )
        self.settings = settings or SchedulerSettings()
        self.contact_address = contact_address
        self.center_address, self.told_towards = center, center or ""
        self.allow_run = allow_run
        self.dashboard_address = ""
        self._extended: Extended | None = None
        self._channels = Channels()
        self._shell: Shell | None = None
        self._center: CenterService | None = None
        self._names: names.NamesService | NamesElsewhere | None = None
        self._membership: Membership | None = None
        self._reporting: asyncio.Task[None] | None = None
        self._enlisting: Enlisting | None = None
        self._event_log_path = Path(event_log) if event_log is not None else None
        self._event_log: EventLog | None = None
        self._load = Load()
        self._begin()

    @property
    def address_to_workers(self) -> str:
        """Where workers connect."""
        return self.addresses[0]

    @property
    def address_to_clients(self) -> str:
        """Where clients connect."""
        return self.addresses[-1]

    async def opening(self) -> None:
        """Join the Center, or start one, and make the brain with the epoch that it gives."""
        if self.center_address is None:
            epoch = self._embed_center()
        else:
            epoch = await self._join_center(self.center_address)
        self.brain = SchedulerBrain(self.settings, epoch)
        self._shell = Shell(self.brain)
        if self._event_log_path is not None:
            self._event_log = EventLog(self._shell, self._event_log_path, self._summary())
        if self._center is not None:
            self._center.brain.locations = BooksView(self.brain.books)
            self.add_servicer(center_pb2_grpc.add_CenterServicer_to_server, self._center)
            self._shell.worker_left = self._center.worker_left
            self._names = names.NamesService(NamesBrain(self.cluster_id[:8]))
            self.add_servicer(names_pb2_grpc.add_NamesServicer_to_server, self._names)
        elif self.center_address is not None:
            channel = self._channels.get(self.center_address)
            add = center_pb2_grpc.add_CenterServicer_to_server
            self.add_servicer(add, CenterElsewhere(channel))
            self._names = NamesElsewhere(channel, self.center_address)
            self.add_servicer(names_pb2_grpc.add_NamesServicer_to_server, self._names)
        stand_ins = self._offer_to_stand_in(self._shell)
        self.service = SchedulerService(
            self._shell, self._channels, stand_ins, self._welcome, self._summary, self.stop
        )
        self.add_servicer(scheduler_pb2_grpc.add_SchedulerServicer_to_server, self.service)
        self.activity = ActivityService(self._shell, self._load, self._summary)
        self.add_servicer(activity_pb2_grpc.add_ActivityServicer_to_server, self.activity)
        self.add_servicer(relay.add_relay_service, relay.RelayService(self._shell, self._channels))
        self._offer_extensions(self._shell)

    @property
    def plugins(self) -> dict[str, Any]:
        """The plugins that clients have registered, by name."""
        return self._extended.plugins if self._extended is not None else {}

    def _offer_to_stand_in(self, shell: Shell) -> StandIns:
        """Hold and serve values for workers that cannot."""
        center_address = self.center_address or self.address_to_clients
        self._enlisting = Enlisting(self._channels, center_address)
        address = self.address  # others are told it, who may not know this host by another
        stand_ins = StandIns(shell, self._channels, self._enlisting, address)
        self.add_servicer(add_stand_in_service, StandInService(stand_ins))
        return stand_ins

    def _offer_extensions(self, shell: Shell) -> None:
        caller: Caller | None = None
        if self.allow_run:
            plugins = Plugins(shell, self)
            self._extended = Extended(self, lambda: plugins.listen(self.plugins.values()))
            caller = Caller(self, SCHEDULER)
        extensions = ExtensionsService(shell, self._channels, self._extended)
        self.add_servicer(extensions_pb2_grpc.add_ExtensionsServicer_to_server, extensions)
        self.add_servicer(extensions_pb2_grpc.add_RunnerServicer_to_server, RunnerService(caller))

    def _embed_center(self) -> int:
        self.cluster_id = uuid.uuid4().hex
        center = self._center = CenterService(CenterBrain(self.cluster_id))
        response = center.call(center.brain.register, self._member(), math.inf, center.now())
        return response.epoch

    async def _join_center(self, address: str) -> int:
        channel = await connect(address, self.settings.connect_timeout_s)
        self._channels.adopt(address, channel)
        self._membership = await Membership.join(channel, address, self._member())
        self.cluster_id = self._membership.cluster_id
        return self._membership.epoch

    def _member(self) -> center_pb2.Member:
        return center_pb2.Member(
            id=self.id,
            role=self.role,
            name=self.name,
            address=self._told_to_center(self.address_to_clients),
            address_to_workers=self._told_to_center(self.address_to_workers),
            host=socket.gethostname(),
            process_id=os.getpid(),
            software=own_software(self.capabilities),
        )

    def _told_to_center(self, address: str) -> str:
        """Return where we are, for the Center to tell; whoever asks ours knows where that is."""
        knows_better = self.center_address or self.contact_address
        return self.told(address) if knows_better else address

    async def opened(self) -> None:
        """Watch the event loop, and begin to tell a Center elsewhere where data lies."""
        self._load.begin()
        if self._membership is not None and self._shell is not None and self.center_address:
            channel = self._channels.get(self.center_address)
            reporter = LocationReporter(self._shell, channel, self._membership.epoch)
            self._reporting = asyncio.create_task(reporter.run())

    async def closing(self, grace_s: float) -> None:
        """Tell all peers, and leave the Center."""
        self.service.close("the scheduler was closed")
        if self._names is not None:
            await self._names.close()
        if self._membership is not None:
            await self._membership.leave("closed")

    async def closed(self) -> None:
        """End what runs in the background."""
        await self._load.end()
        if self._extended is not None:
            await self._extended.close()
        if self._reporting is not None:
            self._reporting.cancel()
        if self._enlisting is not None:
            await self._enlisting.close()
        if self._event_log is not None:
            await self._event_log.close()
        if self._shell is not None:
            self._shell.close()
        if self._center is not None:
            self._center.close()
        await self._channels.close()

    def _welcome(self) -> server_pb2.Welcome:
        return server_pb2.Welcome(
            software=own_software(self.capabilities),
            cluster_id=self.cluster_id,
            epoch=self.brain.epoch_attempts >> EPOCH_SHIFT,
            scheduler_id=self.id,
            dashboard_address=self.dashboard_address,
        )

    def _summary(self) -> scheduler_pb2.GetSummaryResponse:
        return scheduler_pb2.GetSummaryResponse(
            cluster_id=self.cluster_id,
            epoch=self.brain.epoch_attempts >> EPOCH_SHIFT,
            address_to_workers=self.address_to_workers,
            address_to_clients=self.address_to_clients,
            center_address=self.center_address or self.address_to_clients,
            dashboard_address=self.dashboard_address,
        )
