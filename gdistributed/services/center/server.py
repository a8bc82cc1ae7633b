"""A Center by itself."""

from __future__ import annotations

import uuid

from gdistributed.core.center.brain import CenterBrain
from gdistributed.core.names.brain import NamesBrain
from gdistributed.services.center.names import CAPABILITY, NamesService
from gdistributed.services.center.service import CenterService
from gdistributed.settings import LOOPBACK, CenterSettings
from gdistributed.v1 import center_pb2_grpc, names_pb2_grpc
from gdistributed.wire.server import Server


class Center(Server):
    """The coordination point of a cluster, in a process without a scheduler.

    Parameters
    ----------
    host, port
        Where to listen; loopback and a free port by default.
    name
        Name for people.
    settings
        Leases and history.
    asynchronous
        Whether it is used from a running event loop; found out by default.

    Raises
    ------
    AddressInUse
        If the port is taken.

    Examples
    --------
    >>> async def main():
    ...     async with Center() as center:
    ...         return center.address.startswith("127.0.0.1:")
    >>> asyncio.run(main())
    True
    """

    capabilities = (CAPABILITY,)

    def __init__(
        self,
        host: str = LOOPBACK,
        port: int = 0,
        name: str | None = None,
        settings: CenterSettings | None = None,
        asynchronous: bool | None = None,
    ) -> None:
        super().__init__(role="center", name=name, host=host, port=port, asynchronous=asynchronous)
        self.cluster_id = uuid.uuid4().hex
        self.settings = settings or CenterSettings()
        self._service: CenterService | None = None
        self._names: NamesService | None = None
        self._begin()

    async def opening(self) -> None:
        """Add the Center's service, and that of names."""
        self._service = CenterService(CenterBrain(self.cluster_id, self.settings))
        self.add_servicer(center_pb2_grpc.add_CenterServicer_to_server, self._service)
        self._names = NamesService(NamesBrain(self.cluster_id[:8]))
        self.add_servicer(names_pb2_grpc.add_NamesServicer_to_server, self._names)

    async def closing(self, grace_s: float) -> None:
        """Answer those who wait for names: nothing will come."""
        if self._names is not None:
            await self._names.close()

    async def closed(self) -> None:
        """Stop the timer."""
        if self._service is not None:
            self._service.close()
