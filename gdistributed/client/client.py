"""The clients: their life, and how the synchronous one is made of the asynchronous one."""

from __future__ import annotations

import asyncio
import atexit
import functools
import inspect
import weakref
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

from gdistributed.client import dask_scheduler
from gdistributed.client.bridge import BLOCKING, SUSPENDING, Bridge
from gdistributed.client.connection import Connection
from gdistributed.client.current import add_default, current_client, remove_default
from gdistributed.client.dataset_mapping import DatasetMapping
from gdistributed.client.datasets import Datasets
from gdistributed.client.executor import Executing
from gdistributed.client.extending import Extending
from gdistributed.client.inspecting import Inspecting
from gdistributed.client.metadata import Metadata
from gdistributed.client.moving import Moving
from gdistributed.client.presenting import presented, presented_in_html
from gdistributed.client.running import Running
from gdistributed.client.starting import Cluster, start_cluster
from gdistributed.client.topics import Topics
from gdistributed.errors import UsageError
from gdistributed.settings import ClientSettings
from gdistributed.v1 import scheduler_pb2
from gdistributed.wire.loop_thread import LoopThread

P = ParamSpec("P")
R = TypeVar("R")

TIMEOUT_S: Final = 10.0
NO_PICKLE: Final = "a client cannot be sent to a worker: send its address, and make one there"


class AsyncClient(Executing, Moving, Datasets, Topics, Inspecting, Running, Extending, Metadata):
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
        if loop is None:
            loop = asyncio.get_running_loop()
        self.connection = Connection(loop, bridge, settings, name or "", worker_id)
        self._numbers = {}
        self.cluster = address if isinstance(address, Cluster) else None
        self._address = address if isinstance(address, str) else None
        self._owns_cluster = False
        self._set_as_default = set_as_default
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


def blocking(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Client, P], R]:
    """Make the synchronous form of a method that waits: it blocks the caller's thread."""

    @functools.wraps(method)
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return BLOCKING.run(method(self.twin, *args, **kwargs))

    return call


def plain(
    method: Callable[Concatenate[AsyncClient, P], R],
) -> Callable[Concatenate[Client, P], R]:
    """Make the synchronous form of a method that does not wait."""

    @functools.wraps(method)
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(self.twin, *args, **kwargs)

    return call


class Client:
    """The user's side of a cluster.

    While it is open it is dask's scheduler: `dask.compute` and the like use it without being told.

    Parameters
    ----------
    address
        Of the scheduler or the Center, or a cluster like `LocalCluster`. None starts one on this
        machine, which ends with the client.
    asynchronous
        Whether to return an `AsyncClient` instead, for code that runs on an event loop.
    timeout
        Seconds to try to reach the scheduler; default 10.
    name
        Name for people.
    set_as_default
        Whether dask, and all that need a client and are given none, use this one.
    settings
        Limits, for those who must change them.

    Raises
    ------
    ConnectTimeout
        If nobody answers at the address in time; it names both.

    Examples
    --------
    >>> with Client("127.0.0.1:8786") as client:  # doctest: +SKIP
    ...     client.submit(sum, [1, 2, 3]).result()
    6
    """

    asynchronous = False
    twin: AsyncClient

    def __new__(
        cls,
        address: str | Cluster | None = None,
        asynchronous: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Make a client of the kind that was asked for."""
        if asynchronous:
            return AsyncClient(address, **options)
        return super().__new__(cls)

    def __init__(
        self,
        address: str | Cluster | None = None,
        asynchronous: bool = False,
        *,
        timeout: float = TIMEOUT_S,
        name: str | None = None,
        set_as_default: bool = True,
        settings: ClientSettings | None = None,
    ) -> None:
        self.twin = AsyncClient(
            address,
            timeout=timeout,
            name=name,
            set_as_default=set_as_default,
            settings=settings,
            bridge=BLOCKING,
            loop=LoopThread.shared().loop,
            face=self,
        )
        BLOCKING.run(self.twin.start())

    @classmethod
    def of(cls, twin: AsyncClient) -> Client:
        """Make the synchronous form of a client whose callers may wait either way."""
        face: Client = super().__new__(cls)
        face.twin = twin
        return face

    @property
    def connection(self) -> Connection:
        """The session with the scheduler."""
        return self.twin.connection

    @property
    def id(self) -> str:
        """The incarnation of this client: no other has the same."""
        return self.twin.id

    @property
    def name(self) -> str:
        """Name for people."""
        return self.twin.name

    @property
    def status(self) -> str:
        """ "running", "connecting" (after a break), "closing" or "closed"."""
        return self.twin.status

    @property
    def scheduler_address(self) -> str:
        """Where the client is connected."""
        return self.twin.scheduler_address

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that was given or started; None for an address."""
        return self.twin.cluster

    @classmethod
    def current(cls) -> AsyncClient | Client:
        """Return the client that is used where none is named.

        Raises
        ------
        UsageError
            If there is none.
        """
        return current_client()

    submit = plain(AsyncClient.submit)
    map = plain(AsyncClient.map)
    get = blocking(AsyncClient.get)
    compute = plain(AsyncClient.compute)
    persist = plain(AsyncClient.persist)
    cancel = plain(AsyncClient.cancel)
    retry = plain(AsyncClient.retry)
    get_executor = plain(AsyncClient.get_executor)

    gather = blocking(AsyncClient.gather)
    scatter = blocking(AsyncClient.scatter)
    replicate = blocking(AsyncClient.replicate)
    rebalance = blocking(AsyncClient.rebalance)
    retire_workers = blocking(AsyncClient.retire_workers)
    restart = blocking(AsyncClient.restart)

    who_has = blocking(AsyncClient.who_has)
    explain = blocking(AsyncClient.explain)
    has_what = blocking(AsyncClient.has_what)
    ncores = blocking(AsyncClient.ncores)
    nthreads = blocking(AsyncClient.nthreads)
    scheduler_info = blocking(AsyncClient.scheduler_info)
    wait_for_workers = blocking(AsyncClient.wait_for_workers)
    nbytes = blocking(AsyncClient.nbytes)
    processing = blocking(AsyncClient.processing)
    call_stack = blocking(AsyncClient.call_stack)
    get_versions = blocking(AsyncClient.get_versions)
    get_worker_logs = blocking(AsyncClient.get_worker_logs)
    get_scheduler_logs = blocking(AsyncClient.get_scheduler_logs)

    run = blocking(AsyncClient.run)
    run_on_scheduler = blocking(AsyncClient.run_on_scheduler)
    upload_file = blocking(AsyncClient.upload_file)
    register_plugin = blocking(AsyncClient.register_plugin)
    unregister_worker_plugin = blocking(AsyncClient.unregister_worker_plugin)
    unregister_scheduler_plugin = blocking(AsyncClient.unregister_scheduler_plugin)
    set_metadata = blocking(AsyncClient.set_metadata)
    get_metadata = blocking(AsyncClient.get_metadata)

    publish_dataset = blocking(AsyncClient.publish_dataset)
    get_dataset = blocking(AsyncClient.get_dataset)
    list_datasets = blocking(AsyncClient.list_datasets)
    unpublish_dataset = blocking(AsyncClient.unpublish_dataset)
    set_collection = blocking(AsyncClient.set_collection)
    get_collection = blocking(AsyncClient.get_collection)

    log_event = blocking(AsyncClient.log_event)
    get_events = blocking(AsyncClient.get_events)
    subscribe_topic = plain(AsyncClient.subscribe_topic)
    unsubscribe_topic = plain(AsyncClient.unsubscribe_topic)

    shutdown = blocking(AsyncClient.shutdown)
    close = blocking(AsyncClient.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        raise UsageError(
            "this client is synchronous: use `with`, or Client(..., asynchronous=True) for "
            "`async with`"
        )

    async def __aexit__(self, *error: object) -> None:
        """Never reached: `__aenter__` raises."""

    @property
    def datasets(self) -> DatasetMapping:
        """The datasets as a mapping: ``client.datasets[name] = value``."""
        return DatasetMapping(self)

    def __reduce__(self) -> str:
        raise TypeError(NO_PICKLE)

    def __repr__(self) -> str:
        return presented(self)

    def _repr_html_(self) -> str:
        return presented_in_html(self)


Executor = Client

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
