"""The scheduler as a server, with a Center inside it or joined to one elsewhere."""

from __future__ import annotations

import logging
from typing import Any

from gdistributed.services.scheduler.queries import Queries
from gdistributed.services.scheduler.streams import Streams
from gdistributed.settings import LOOPBACK, SchedulerSettings
from gdistributed.v1 import scheduler_pb2_grpc
from gdistributed.wire.channel import join_host_port
from gdistributed.wire.server import Server

logger = logging.getLogger("gdistributed.scheduler")


class SchedulerService(Streams, Queries, scheduler_pb2_grpc.SchedulerServicer):
    """All rpcs of the Scheduler service: streams and queries over one shell."""


class Scheduler(Server):
    """Decides what runs where and when, for all workers and clients that connect.

    Parameters
    ----------
    hostname
        Host name or address to listen on; loopback by default.
    port_to_workers
        Port for workers; 0 picks a free one.
    port_to_clients
        Port for clients; None (the default) means the same as for workers.
    center
        Address of a Center to join; None (the default) starts one inside.
    name
        Name for people.
    settings
        How to decide, and the limits of sessions.

    Raises
    ------
    AddressInUse
        If a port is taken.
    ConnectTimeout
        If the Center does not answer.

    Examples
    --------
    >>> with Scheduler() as scheduler:
    ...     scheduler.address_to_workers == scheduler.address_to_clients
    True
    """

    def __init__(
        self,
        hostname: str = LOOPBACK,
        port_to_workers: int = 0,
        port_to_clients: int | None = None,
        center: str | None = None,
        name: str | None = None,
        settings: SchedulerSettings | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        ports = [port_to_workers] if port_to_clients is None else [port_to_workers, port_to_clients]
        addresses = [join_host_port(hostname, port) for port in ports]
        super().__init__(role="scheduler", name=name, addresses=addresses, **options)
        self.settings = settings or SchedulerSettings()
        self.center_address = center
        self._begin()

    @property
    def address_to_workers(self) -> str:
        """Where workers connect."""
        return self.addresses[0]

    @property
    def address_to_clients(self) -> str:
        """Where clients connect."""
        return self.addresses[-1]
