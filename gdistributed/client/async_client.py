"""The asynchronous client: its life. What it can do stands in the files of its bases."""

from __future__ import annotations

import asyncio
import atexit
import functools
import inspect
import weakref
from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from gdistributed.client import dask_scheduler
from gdistributed.client.bridge import BLOCKING, SUSPENDING, Bridge
from gdistributed.client.connection import Connection
from gdistributed.client.current import add_default, as_current, remove_default
from gdistributed.client.dataset_mapping import DatasetMapping
from gdistributed.client.datasets import Datasets
from gdistributed.client.executor import Executing
from gdistributed.client.extending import Extending
from gdistributed.client.inspecting import Inspecting
from gdistributed.client.metadata import Metadata
from gdistributed.client.moving import Moving
from gdistributed.client.output import OutputOfTasks
from gdistributed.client.presenting import presented, presented_in_html
from gdistributed.client.profiling import Profiling
from gdistributed.client.reporting import Reporting
from gdistributed.client.running import Running
from gdistributed.client.starting import Cluster, start_cluster
from gdistributed.client.topics import Topics
from gdistributed.data.codecs.compression import check_setting
from gdistributed.security.certificates import Security, take_part
from gdistributed.settings import ClientSettings
from gdistributed.v1 import scheduler_pb2
from gdistributed.wire.hosts import link_to

if TYPE_CHECKING:
    from gdistributed.client.client import Client

TIMEOUT_S: Final = 10.0
NO_PICKLE: Final = "a client cannot be sent to a worker: send its address, and make one there"


class AsyncClient(
    Executing,
    Moving,
    Datasets,
    Topics,
    Inspecting,
    OutputOfTasks,
    Profiling,
    Reporting,
    Running,
    Extending,
    Metadata,
):
    """The user's side of a cluster, for code that runs on an event loop.

    ``async with AsyncClient(address) as client``, or ``client = await AsyncClient(address)``. It is
    what ``Client(address, asynchronous=True)`` returns. Methods that wait are to be awaited; those
    that do not, like `submit` and `map`, return at once.

    Parameters
    ----------
    address
        Of the scheduler or the Center, or a cluster like `LocalCluster`. None starts one on this
        machine, which ends with the client.
    asynchronous
        Always true.
    timeout
        Seconds to try to reach the scheduler; default 10.
    name
        Name for people.
    set_as_default
        Whether dask, and all that need a client and are given none, use this one.
    direct_to_workers
        Whether values come straight from the workers and go there; False means by way of the
        scheduler, None (the default) straight to those workers that can be reached.
    forward_output
        Whether to print here what tasks print and log; see `forward_output`.
    security
        The certificates of a cluster that speaks TLS, or their folder; None, the default, for what
        this process uses already. See `Security`.
    settings
        Limits, for those who must change them.

    Examples
    --------
    >>> async def main():
    ...     async with AsyncClient(address) as client:
    ...         return await client.submit(sum, [1, 2, 3])
    >>> asyncio.run(main())
    6
    """

    asynchronous = True

    def __init__(
        self,
        address: str | Cluster | None = None,
        *,
        asynchronous: bool = True,
        timeout: float = TIMEOUT_S,
        name: str | None = None,
        set_as_default: bool = True,
        direct_to_workers: bool | None = None,
        forward_output: bool = False,
        security: Security | str | Path | None = None,
        settings: ClientSettings | None = None,
        bridge: Bridge = SUSPENDING,
        loop: asyncio.AbstractEventLoop | None = None,
        face: Client | None = None,
        worker_id: str = "",
    ) -> None:
        if address is not None and not isinstance(address, str | Cluster):
            raise TypeError(
                f"Client needs the address of a scheduler, or a cluster, and got {address!r}"
            )
        settings = settings or ClientSettings(connect_timeout_s=timeout)
        check_setting(settings.compression)
        take_part(security)
        if loop is None:
            loop = asyncio.get_running_loop()
        self.connection = Connection(loop, bridge, settings, name or "", worker_id)
        self.connection.routes.direct = direct_to_workers
        self._numbers = {}
        self.cluster = address if isinstance(address, Cluster) else None
        self._address = address if isinstance(address, str) else None
        self._owns_cluster = False
        self._set_as_default = set_as_default
        self._forwards_output = forward_output
        self._face = self if face is None else weakref.proxy(face)
        self._default = face or self

    @property
    def id(self) -> str:
        """The incarnation of this client: no other has the same."""
        return self.connection.id

    @property
    def name(self) -> str:
        """Name for people."""
        return self.connection.name

    @property
    def status(self) -> str:
        """ "created", "running", "connecting" (after a break), "closing" or "closed"."""
        return self.connection.status

    @property
    def scheduler_address(self) -> str:
        """Where the client is connected; empty before the start."""
        return self.connection.address

    @property
    def dashboard_link(self) -> str:
        """What to open in a browser to see the cluster; empty where there is no dashboard."""
        return link_to(self.connection.welcome.dashboard_address)

    async def start(self) -> Self:
        """Connect. Starting again changes nothing.

        Raises
        ------
        ConnectTimeout
            If nobody answers at the address in time; it names both.

        Examples
        --------
        >>> client = await AsyncClient(address).start()  # doctest: +SKIP
        """
        if self.connection.status != "created":
            return self
        address = await self._find_address()
        try:
            timeout_s = self.connection.settings.connect_timeout_s
            await self.bridge.on_loop(
                self.connection.open(address, timeout_s), self.connection.loop
            )
        except BaseException:
            await self._close_cluster()
            raise
        if self._forwards_output:
            self.forward_output()
        _open_clients.add(self)
        _close_at_exit()
        if self._set_as_default and add_default(self._default):
            dask_scheduler.install()
        if not self.connection.worker_id:
            try:
                await self.warn_of_versions()
            except BaseException:  # a warning may be made an error
                await self.close()
                raise
        return self

    async def close(self) -> None:
        """Leave the cluster. What nobody else wants is dropped there.

        Pending futures are cancelled. A cluster that the client started ends too. Closing again
        changes nothing.

        Examples
        --------
        >>> client = Client(address)
        >>> client.close()
        >>> client.status
        'closed'
        """
        if remove_default(self._default):
            dask_scheduler.uninstall()
        _open_clients.discard(self)
        await self.bridge.on_loop(self.connection.close(), self.connection.loop)
        await self._close_cluster()

    async def shutdown(self) -> None:
        """End the cluster, for all of its clients: the workers, the scheduler, and this client.

        A cluster that the client was given, or has started, is closed. A Center in a process of its
        own goes on.

        Examples
        --------
        >>> client.shutdown()  # doctest: +SKIP
        """
        if self.cluster is None:
            request = scheduler_pb2.ShutdownRequest(reason=f"the client {self.name} asked for it")
            await self.connection.ask(self.connection.scheduler.Shutdown, request, "shutting down")
        self._owns_cluster = self.cluster is not None
        await self.close()

    async def _find_address(self) -> str:
        if self._address is not None:
            return self._address
        if self.cluster is None:
            self.cluster = start_cluster(self.bridge is SUSPENDING)
            self._owns_cluster = True
        if inspect.isawaitable(self.cluster):
            await self.cluster
        return self.cluster.scheduler_address

    async def _close_cluster(self) -> None:
        if self._owns_cluster and self.cluster is not None:
            self._owns_cluster = False
            closing = self.cluster.close()
            if inspect.isawaitable(closing):
                await closing

    def as_current(self) -> AbstractContextManager[AsyncClient | Client]:
        """Make this client the current one of this task, for the time of a `with` block.

        Examples
        --------
        >>> with client.as_current():
        ...     Client.current() is client
        True
        """
        return as_current(self)

    def __await__(self) -> Generator[Any, None, Self]:
        return self.start().__await__()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def datasets(self) -> DatasetMapping:
        """The datasets as a mapping: ``await client.datasets[name]``, ``async for name in``."""
        return DatasetMapping(self)

    def __reduce__(self) -> str:
        raise TypeError(NO_PICKLE)

    def __repr__(self) -> str:
        return presented(self)

    def _repr_html_(self) -> str:
        return presented_in_html(self)


_open_clients: weakref.WeakSet[AsyncClient] = weakref.WeakSet()


@functools.cache
def _close_at_exit() -> None:
    """Have clients say goodbye when the program ends, before the loop thread does."""
    atexit.register(_close_open_clients)


def _close_open_clients() -> None:
    for client in list(_open_clients):
        loop = client.connection.loop
        if client.bridge is BLOCKING and loop.is_running():
            BLOCKING.run(client.close())
