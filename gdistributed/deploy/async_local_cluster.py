"""A cluster on this machine, for code that runs on an event loop."""

from __future__ import annotations

import asyncio
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
from gdistributed.deploy.adaptive import AdaptiveOptions, adapt
from gdistributed.deploy.machine import CORES, size_nbytes, time_s, workers_and_threads
from gdistributed.deploy.parts import ClusterOptions, LocalParts, Parts, ProcessParts
from gdistributed.errors import UsageError, WaitTimeout
from gdistributed.security.certificates import Security, take_part
from gdistributed.settings import LOOPBACK
from gdistributed.v1 import scheduler_pb2_grpc
from gdistributed.wire.channel import open_channel
from gdistributed.wire.hosts import link_to
from gdistributed.wire.pages import all_workers

if TYPE_CHECKING:
    from gdistributed.client.async_client import AsyncClient
    from gdistributed.services.scheduler.server import Scheduler
    from gdistributed.services.worker.server import Worker

WORKERS_POLL_S: Final = 0.01
START_TIMEOUT_S: Final = 60.0


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
        self._joined: set[str] = set()
        self._changing = asyncio.Lock()
        self._adapting: asyncio.Task[None] | None = None
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
        """Have `n` workers: start new ones, or stop the youngest. It adapts no longer.

        A worker that leaves finishes what it runs and hands over what it holds.

        Raises
        ------
        UsageError
            If the cluster does not run.
        """
        self._must_run()
        await self._stop_adapting()
        async with self._changing:
            names = self._parts.living()
            await self._replace(names[n:], n - len(names))

    def adapt(
        self,
        minimum: int = 0,
        maximum: int | None = None,
        *,
        interval: float | str = 1.0,
        wait_count: int = 3,
        target_duration: float | str = 5.0,
    ) -> None:
        """Have as many workers as the tasks are worth, from now on; see `LocalCluster.adapt`."""
        self._must_run()
        nthreads = self._options.threads_per_worker
        usual = max(CORES // nthreads, self._options.n_workers, minimum, 1)
        options = AdaptiveOptions(
            minimum=minimum,
            maximum=usual if maximum is None else maximum,
            interval_s=time_s(interval),
            wait_count=wait_count,
            target_duration_s=time_s(target_duration),
            nthreads=nthreads,
        )
        if self._adapting is not None:
            self._adapting.cancel()
        self._adapting = asyncio.create_task(
            adapt(self._address, options, self._parts.living, self._change)
        )

    def _must_run(self) -> None:
        if self.status != "running":
            raise UsageError(f"a cluster that is {self.status} cannot be scaled")

    async def _stop_adapting(self) -> None:
        adapting, self._adapting = self._adapting, None
        if adapting is not None:
            adapting.cancel()
            await asyncio.wait([adapting])

    async def _change(self, leaving: list[str], count: int) -> None:
        """Have workers leave that are still there, and start so many new ones."""
        async with self._changing:
            there = self._parts.living()
            await self._replace([name for name in leaving if name in there], count)

    async def _replace(self, leaving: list[str], count: int) -> None:
        new = [next(self._names) for _ in range(count)]
        async with self._time_limit(new, leaving):
            await self._parts.add(new)
            await self._parts.remove(leaving)
            await self._wait_for(new, leaving)

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
        await self._stop_adapting()
        await self._parts.close()

    @asynccontextmanager
    async def _time_limit(self, new: list[str], gone: Sequence[str] = ()) -> AsyncIterator[None]:
        timeout_s = self._options.start_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError as error:
            late = ", ".join(sorted(set(new) - self._joined | self._joined.intersection(gone)))
            where = f" at {self._address}" if self._address else ""
            raise WaitTimeout(
                f"the scheduler{where} and its workers did not find each other within"
                f" {timeout_s:g} s; workers concerned: {late or 'none'}"
            ) from error

    async def _wait_for(self, new: list[str], gone: Sequence[str] = ()) -> None:
        """Wait until the scheduler has some workers and does not have others."""
        async with open_channel(self._address) as channel:
            scheduler: Any = scheduler_pb2_grpc.SchedulerStub(channel)
            while not await self._are_joined(new, gone, scheduler):
                self._parts.check()
                await asyncio.sleep(WORKERS_POLL_S)

    async def _are_joined(
        self,
        new: list[str],
        gone: Sequence[str],
        scheduler: scheduler_pb2_grpc.SchedulerAsyncStub,
    ) -> bool:
        try:
            workers = await all_workers(scheduler, self._options.start_timeout_s)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False  # its process has ended: the parts are looked at next
        self._joined = {worker.name for worker in workers}
        return self._joined.issuperset(new) and self._joined.isdisjoint(gone)

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
