"""The synchronous client: how it is made of the asynchronous one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from gdistributed.client.async_client import NO_PICKLE, TIMEOUT_S, AsyncClient
from gdistributed.client.bridge import BLOCKING
from gdistributed.client.connection import Connection
from gdistributed.client.current import as_current, current_client
from gdistributed.client.dataset_mapping import DatasetMapping
from gdistributed.client.presenting import presented, presented_in_html
from gdistributed.client.starting import Cluster
from gdistributed.errors import UsageError
from gdistributed.security.certificates import Security
from gdistributed.settings import ClientSettings
from gdistributed.wire.loop_thread import LoopThread

P = ParamSpec("P")
R = TypeVar("R")


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
        direct_to_workers: bool | None = None,
        forward_output: bool = False,
        security: Security | str | Path | None = None,
        settings: ClientSettings | None = None,
    ) -> None:
        self.twin = AsyncClient(
            address,
            timeout=timeout,
            name=name,
            set_as_default=set_as_default,
            direct_to_workers=direct_to_workers,
            forward_output=forward_output,
            security=security,
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
    def dashboard_link(self) -> str:
        """What to open in a browser to see the cluster; empty where there is no dashboard."""
        return self.twin.dashboard_link

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

    def as_current(self) -> AbstractContextManager[AsyncClient | Client]:
        """Make this client the current one of this thread, for the time of a `with` block."""
        return as_current(self)

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
    graph = blocking(AsyncClient.graph)
    has_what = blocking(AsyncClient.has_what)
    ncores = blocking(AsyncClient.ncores)
    nthreads = blocking(AsyncClient.nthreads)
    scheduler_info = blocking(AsyncClient.scheduler_info)
    functions = blocking(AsyncClient.functions)
    wait_for_workers = blocking(AsyncClient.wait_for_workers)
    nbytes = blocking(AsyncClient.nbytes)
    processing = blocking(AsyncClient.processing)
    call_stack = blocking(AsyncClient.call_stack)
    profile = blocking(AsyncClient.profile)
    get_versions = blocking(AsyncClient.get_versions)
    get_worker_logs = blocking(AsyncClient.get_worker_logs)
    get_scheduler_logs = blocking(AsyncClient.get_scheduler_logs)
    get_task_output = blocking(AsyncClient.get_task_output)
    forward_output = plain(AsyncClient.forward_output)
    get_task_stream = blocking(AsyncClient.get_task_stream)

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
