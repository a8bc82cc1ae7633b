"""A cluster on this machine: one scheduler and some workers, that end with the program."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import logging
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import grpc
import grpc.aio

from gdistributed.client.html import dashboard, facts, framed, listing
from gdistributed.deploy.machine import size_nbytes, workers_and_threads
from gdistributed.deploy.parts import ClusterOptions, LocalParts, Parts, ProcessParts
from gdistributed.errors import UsageError, WaitTimeout
from gdistributed.security.certificates import Security, take_part
from gdistributed.settings import LOOPBACK
from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc
from gdistributed.wire.channel import open_channel
from gdistributed.wire.hosts import link_to
from gdistributed.wire.loop_thread import LoopThread

if TYPE_CHECKING:
    from gdistributed.client.async_client import AsyncClient
    from gdistributed.client.client import Client
    from gdistributed.services.scheduler.server import Scheduler
    from gdistributed.services.worker.server import Worker

WORKERS_POLL_S: Final = 0.01
START_TIMEOUT_S: Final = 60.0
PAGE_SIZE: Final = 10_000


@dataclass(frozen=True, slots=True)
class LocalWorker:
    """One worker of a local cluster.

    Attributes
    ----------
    name
        "0", "1" and so on.
    address
        Of its own server.
    process_id
        Of the process it lives in; another one when its nanny had to start it anew.
    nthreads
        How many tasks it runs at once.
    server
        The worker itself, where it lives in this process; None otherwise.
    """

    name: str
    address: str
    process_id: int
    nthreads: int
    server: Worker | None = None


class AsyncLocalCluster:
    """A `LocalCluster` for code that runs on an event loop: `await` it, or use `async with`.

    Parameters are those of `LocalCluster`.
    """

    def __init__(
        self,
        n_workers: int | None = None,
        threads_per_worker: int | None = None,
        processes: bool = True,
        *,
        nthreads: Sequence[int] | None = None,
        host: str = LOOPBACK,
        scheduler_port: int = 0,
        memory_limit: str | float | None = "auto",
        max_spill: str | int | None = None,
        local_directory: str | Path | None = None,
        silence_logs: int = logging.WARNING,
        shared_memory: bool = True,
        allow_run: bool = False,
        event_log: str | Path | None = None,
        dashboard_address: str | bool | None = True,
        security: Security | str | Path | bool | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        take_part(security)
        if nthreads is not None:
            n_workers, threads_per_worker = len(nthreads), threads_per_worker or 1
        elif n_workers is None and not processes:
            n_workers = 1
        n_workers, threads_per_worker = workers_and_threads(n_workers, threads_per_worker)
        self._options = ClusterOptions(
            host=host,
            scheduler_port=scheduler_port,
            n_workers=n_workers,
            threads_per_worker=threads_per_worker,
            nthreads={str(number): count for number, count in enumerate(nthreads or ())},
            memory_limit=memory_limit,
            max_spill_nbytes=size_nbytes(max_spill),
            local_directory=Path(local_directory) if local_directory else None,
            silence_logs=silence_logs,
            shared_memory=shared_memory,
            allow_run=allow_run,
            event_log=Path(event_log).absolute() if event_log else None,
            dashboard_address=dashboard_address,
            start_timeout_s=start_timeout_s,
        )
        self._parts: Parts = (ProcessParts if processes else LocalParts)(self._options)
        self._joined: list[str] = []
        self._names = map(str, itertools.count())
        self._address = ""
        self._client: AsyncClient | None = None
        self.status = "created"

    @property
    def scheduler_address(self) -> str:
        """Address of the scheduler, for clients and workers; empty before the start."""
        return self._address

    @property
    def workers(self) -> dict[str, LocalWorker]:
        """The workers that live, by name."""
        parts, nthreads_of = self._parts, self._options.nthreads_of
        return {
            name: LocalWorker(name, *parts.place_of(name), nthreads_of(name), parts.server_of(name))
            for name in parts.living()
            if name in self._joined
        }

    @property
    def scheduler(self) -> Scheduler | None:
        """The scheduler itself, where it lives in this process; None otherwise."""
        return self._parts.scheduler

    @property
    def dashboard_link(self) -> str:
        """What to open in a browser to see the cluster; empty where there is no dashboard."""
        return link_to(self._parts.dashboard_address)

    async def start(self) -> Self:
        """Start the scheduler and the workers, and wait until they know each other.

        Raises
        ------
        ClusterError
            If a part ended while it started; the message has its last words.
        WaitTimeout
            If they did not find each other in time.
        """
        if self.status != "created":
            return self
        self.status = "starting"
        names = [next(self._names) for _ in range(self._options.n_workers)]
        try:
            async with self._time_limit(names):
                self._address = await self._parts.open(names)
                await self._wait_for(names)
        except BaseException:
            await self.close()
            raise
        self.status = "running"
        return self

    async def scale(self, n: int) -> None:
        """Have `n` workers: start new ones, or stop the youngest.

        A worker that leaves finishes what it runs and hands over what it holds.
        """
        if self.status != "running":
            raise UsageError(f"a cluster that is {self.status} cannot be scaled")
        names = self._parts.living()
        leaving, new = names[n:], [next(self._names) for _ in range(n - len(names))]
        async with self._time_limit(leaving + new):
            await self._parts.add(new)
            await self._parts.remove(leaving)
            await self._wait_for(names[:n] + new)

    def get_client(self) -> AsyncClient:
        """Return a client of this cluster, to be awaited: that of the last time if it is open."""
        from gdistributed.client.async_client import AsyncClient

        if self._client is None or self._client.status == "closed":
            self._client = AsyncClient(self)
        return self._client

    async def close(self) -> None:
        """Stop the workers and the scheduler. Closing again changes nothing."""
        if self.status == "closed":
            return
        self.status = "closed"
        await self._parts.close()

    @asynccontextmanager
    async def _time_limit(self, names: list[str]) -> AsyncIterator[None]:
        timeout_s = self._options.start_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError as error:
            missing = ", ".join(sorted(set(names) ^ set(self._joined)))
            where = f" at {self._address}" if self._address else ""
            raise WaitTimeout(
                f"the scheduler{where} and its workers did not find each other within"
                f" {timeout_s:g} s; workers concerned: {missing or 'none'}"
            ) from error

    async def _wait_for(self, names: list[str]) -> None:
        """Wait until the scheduler has these workers and no others."""
        async with open_channel(self._address) as channel:
            scheduler: Any = scheduler_pb2_grpc.SchedulerStub(channel)
            while not await self._are_joined(names, scheduler):
                self._parts.check()
                await asyncio.sleep(WORKERS_POLL_S)

    async def _are_joined(
        self, names: list[str], scheduler: scheduler_pb2_grpc.SchedulerAsyncStub
    ) -> bool:
        try:
            request = scheduler_pb2.ListWorkersRequest(page_size=PAGE_SIZE)
            answer = await scheduler.ListWorkers(request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False  # its process has ended: the parts are looked at next
        self._joined = [worker.name for worker in answer.workers]
        return set(self._joined) == set(names)

    def __await__(self) -> Generator[Any, None, Self]:
        return self.start().__await__()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        workers = self.workers
        threads = sum(worker.nthreads for worker in workers.values())
        where = self._address or "nowhere yet"
        return f"<LocalCluster {where} {self.status}, workers={len(workers)}, threads={threads}>"

    def _repr_html_(self) -> str:
        workers = self.workers.values()
        rows = ((each.name, each.address, each.process_id, each.nthreads) for each in workers)
        summary = {
            "scheduler": self._address or "nowhere yet",
            "status": self.status,
            "workers": len(workers),
            "threads": sum(worker.nthreads for worker in workers),
            **dashboard(self.dashboard_link),
        }
        columns = ("name", "address", "process", "threads")
        return facts("LocalCluster", summary, self.status) + framed(
            listing("Workers", columns, rows)
        )


class LocalCluster:
    """A scheduler and workers on this machine; `with` closes it.

    Give it to `Client` in the place of an address. All parts end with this program, also when it is
    killed.

    Parameters
    ----------
    n_workers
        How many workers; by default as fits the machine (see `workers_and_threads`), and one
        when `processes` is false.
    threads_per_worker
        How many tasks each worker runs at once; by default the cores, shared by the workers.
    processes
        Whether scheduler and workers are processes of their own (the default: tasks do not share
        Python's interpreter lock, and a nanny starts another worker for one that dies), or live in
        this one (quick to start, easy to debug).
    nthreads
        How many tasks each worker runs at once, a number for each; in the place of `n_workers` and
        `threads_per_worker`, which then says it for workers that come later (default 1).
    host
        Where all servers listen; 127.0.0.1 by default.
    scheduler_port
        Port of the scheduler; 0, the default, picks a free one.
    memory_limit
        Of each worker: "auto" (the default) for its share of the machine, bytes, a text like
        "4GiB", a fraction of the machine's memory up to 1.0, or 0 for none.
    max_spill
        How much of the disk the values may take that each worker moves out of its memory: bytes, or
        a text like "100GiB"; None, the default, for no bound.
    local_directory
        Where workers make the folders for their files; by default the system's place for temporary
        ones.
    silence_logs
        Lowest level, of the module `logging`, of the lines that the processes log here; WARNING
        by default.
    shared_memory
        Whether large values are handed over by shared memory (the default), and not sent.
    allow_run
        Whether clients may run code in the scheduler; by default they may not.
    event_log
        File to which all that happens is written, for ``gd replay``; compressed if it ends with
        ".gz". None, the default, writes none.
    dashboard_address
        Where the scheduler serves web pages about the cluster, as "HOST:PORT" or ":PORT"; True, the
        default, for 127.0.0.1:8787; None or False for no pages. If the port is taken the next free
        one is used.
    security
        The certificates of the cluster, or their folder, if its parts are to speak TLS; True for
        new ones that go with this program. None, the default, for what this process uses already.
    start_timeout_s
        How long, in seconds, the parts may take to find each other; 60 by default.
    asynchronous
        Give an `AsyncLocalCluster` instead, for code that runs on an event loop.

    Raises
    ------
    ClusterError
        If a part ended while it started; the message has its last words.
    WaitTimeout
        If the parts did not find each other in time.

    Examples
    --------
    >>> with LocalCluster(n_workers=2) as cluster, Client(cluster) as client:
    ...     client.submit(sum, [1, 2]).result()
    3
    """

    def __init__(
        self,
        n_workers: int | None = None,
        threads_per_worker: int | None = None,
        processes: bool = True,
        *,
        nthreads: Sequence[int] | None = None,
        host: str = LOOPBACK,
        scheduler_port: int = 0,
        memory_limit: str | float | None = "auto",
        max_spill: str | int | None = None,
        local_directory: str | Path | None = None,
        silence_logs: int = logging.WARNING,
        shared_memory: bool = True,
        allow_run: bool = False,
        event_log: str | Path | None = None,
        dashboard_address: str | bool | None = True,
        security: Security | str | Path | bool | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
        asynchronous: bool = False,
    ) -> None:
        self._cluster = AsyncLocalCluster(
            n_workers,
            threads_per_worker,
            processes,
            nthreads=nthreads,
            host=host,
            scheduler_port=scheduler_port,
            memory_limit=memory_limit,
            max_spill=max_spill,
            local_directory=local_directory,
            silence_logs=silence_logs,
            shared_memory=shared_memory,
            allow_run=allow_run,
            event_log=event_log,
            dashboard_address=dashboard_address,
            security=security,
            start_timeout_s=start_timeout_s,
        )
        self._client: Client | None = None
        self._loop = LoopThread.shared()
        self._loop.run(self._cluster.start())
        atexit.register(self.close)  # runs before the loop thread is stopped, which came first

    def __new__(cls, *args: Any, asynchronous: bool = False, **kwargs: Any) -> Any:  # noqa: ANN401
        """Return an `AsyncLocalCluster` where that is wanted."""
        return AsyncLocalCluster(*args, **kwargs) if asynchronous else super().__new__(cls)

    @property
    def scheduler_address(self) -> str:
        """Address of the scheduler, for clients and workers."""
        return self._cluster.scheduler_address

    @property
    def workers(self) -> dict[str, LocalWorker]:
        """The workers that live, by name."""
        return self._cluster.workers

    @property
    def scheduler(self) -> Scheduler | None:
        """The scheduler itself, where it lives in this process; None otherwise."""
        return self._cluster.scheduler

    @property
    def dashboard_link(self) -> str:
        """What to open in a browser to see the cluster; empty where there is no dashboard."""
        return self._cluster.dashboard_link

    @property
    def status(self) -> str:
        """What it does now, for instance "running" or "closed"."""
        return self._cluster.status

    def scale(self, n: int) -> None:
        """Have `n` workers: start new ones, or stop the youngest.

        A worker that leaves finishes what it runs and hands over what it holds.

        Examples
        --------
        >>> cluster.scale(4)  # doctest: +SKIP
        """
        self._loop.run(self._cluster.scale(n))

    def get_client(self) -> Client:
        """Return a client of this cluster: that of the last time if it is open, or a new one.

        Examples
        --------
        >>> with cluster.get_client() as its_client:
        ...     its_client.submit(sum, [1, 2]).result()
        3
        """
        from gdistributed.client.client import Client

        if self._client is None or self._client.status == "closed":
            self._client = Client(self)
        return self._client

    def close(self) -> None:
        """Stop the workers and the scheduler. Closing again changes nothing.

        Examples
        --------
        >>> cluster.close()  # doctest: +SKIP
        """
        atexit.unregister(self.close)
        if self.status != "closed":
            self._loop.run(self._cluster.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._cluster)

    def _repr_html_(self) -> str:
        return self._cluster._repr_html_()
