"""The two ways in which a local cluster's scheduler and workers live: as processes, or in here."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from gdistributed.dashboard.server import Dashboard, open_dashboard
from gdistributed.deploy.machine import worker_memory_nbytes
from gdistributed.services.nanny.processes import ChildProcess
from gdistributed.settings import WorkerSettings

if TYPE_CHECKING:
    from gdistributed.services.nanny.server import Nanny
    from gdistributed.services.scheduler.server import Scheduler
    from gdistributed.services.worker.server import Worker

FILE_POLL_S: Final = 0.005
STOP_GRACE_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """What a local cluster is made of.

    Attributes
    ----------
    host
        Where all servers listen.
    scheduler_port
        Port of the scheduler; 0 picks a free one.
    n_workers
        How many workers there are at the start.
    threads_per_worker
        How many tasks each runs at once.
    nthreads
        The same for single workers, by name, where it differs.
    memory_limit
        Of each worker, as `worker_memory_nbytes` understands it.
    max_spill_nbytes
        How much of the disk the values of each worker may take; 0 means no bound.
    local_directory
        Where workers make the folders for their files; None for the system's place.
    silence_logs
        Lowest level of the lines that processes log here.
    shared_memory
        Whether workers hand over large values by shared memory.
    allow_run
        Whether clients may run code in the scheduler.
    event_log
        File to which the scheduler writes all that happens; None for none.
    dashboard_address
        Where the dashboard listens, as `open_dashboard` takes it.
    start_timeout_s
        How long the parts may take to find each other.
    """

    host: str
    scheduler_port: int
    n_workers: int
    threads_per_worker: int
    nthreads: Mapping[str, int] = field(default_factory=dict)
    memory_limit: str | float | None
    max_spill_nbytes: int
    local_directory: Path | None
    silence_logs: int
    shared_memory: bool
    allow_run: bool
    event_log: Path | None
    dashboard_address: str | bool | None
    start_timeout_s: float

    def nthreads_of(self, worker: str) -> int:
        """How many tasks a worker runs at once."""
        return self.nthreads.get(worker, self.threads_per_worker)

    @property
    def memory_nbytes(self) -> int:
        """Memory limit of one worker, in bytes; 0 means none."""
        return worker_memory_nbytes(self.memory_limit, self.threads_per_worker, self.n_workers or 1)


class Parts(Protocol):
    """The scheduler and the workers of one cluster."""

    async def open(self, workers: list[str]) -> str:
        """Start the scheduler and these workers; the scheduler's address."""

    async def add(self, workers: list[str]) -> None:
        """Start more workers, by name."""

    async def remove(self, workers: list[str]) -> None:
        """Stop workers, by name, once others have what they hold."""

    def living(self) -> list[str]:
        """Names of the workers that live, oldest first."""

    def place_of(self, worker: str) -> tuple[str, int]:
        """Address and process id of a worker."""

    def server_of(self, worker: str) -> Worker | None:
        """A worker itself, where it lives in this process."""

    @property
    def scheduler(self) -> Scheduler | None:
        """The scheduler itself, where it lives in this process."""

    @property
    def dashboard_address(self) -> str:
        """Where the dashboard listens; empty if there is none."""

    def check(self) -> None:
        """Raise ClusterError if a part has ended that should live."""

    async def close(self) -> None:
        """Stop all."""


class ProcessParts:
    """Each part is a process of its own, all started at once.

    They meet by a file in a private folder, into which the scheduler writes its address. Each
    worker has a nanny, which lives in this process, on the event loop that starts it.
    """

    def __init__(self, options: ClusterOptions) -> None:
        self._options = options
        self._folder = tempfile.TemporaryDirectory(prefix="gdistributed-")
        self._scheduler_file = Path(self._folder.name) / "scheduler.json"
        self._scheduler: ChildProcess | None = None
        self._nannies: dict[str, Nanny] = {}
        self._told: dict[str, str] = {}  # by the scheduler, in its file

    async def open(self, workers: list[str]) -> str:
        """Start the scheduler and these workers; the scheduler's address."""
        self._scheduler = ChildProcess(
            "the scheduler",
            [
                "scheduler",
                f"--host={self._options.host}",
                f"--port={self._options.scheduler_port}",
                f"--scheduler-file={self._scheduler_file}",
                f"--log-level={_level_name(self._options.silence_logs)}",
                *(["--allow-run"] if self._options.allow_run else []),
                *([f"--event-log={self._options.event_log}"] if self._options.event_log else []),
                *_dashboard_options(self._options.dashboard_address),
            ],
        )
        await self.add(workers)
        while not self._scheduler_file.exists():
            self.check()
            await asyncio.sleep(FILE_POLL_S)
        self._told = json.loads(self._scheduler_file.read_text())
        return self._told["address"]

    async def add(self, workers: list[str]) -> None:
        """Start more workers, by name."""
        from gdistributed.services.nanny.server import Nanny

        options = self._options
        for name in workers:
            self._nannies[name] = Nanny(
                self._scheduler_file,
                options.host,
                nthreads=options.nthreads_of(name),
                name=name,
                memory_limit=options.memory_nbytes,
                max_spill=options.max_spill_nbytes,
                local_directory=options.local_directory,
                shared_memory=options.shared_memory,
                log_level=_level_name(options.silence_logs),
            )
            await self._nannies[name].start()

    async def remove(self, workers: list[str]) -> None:
        """Stop workers, by name, once others have what they hold."""
        leaving = [self._nannies.pop(name) for name in workers]
        try:
            await asyncio.gather(*(nanny.drain() for nanny in leaving))
        finally:  # also when the cluster is closed meanwhile
            await asyncio.gather(*(nanny.stop() for nanny in leaving))

    def living(self) -> list[str]:
        """Names of the workers that live, oldest first; a nanny that gave up is forgotten."""
        for name in [name for name, nanny in self._nannies.items() if nanny.is_over]:
            del self._nannies[name]
        return list(self._nannies)

    def place_of(self, worker: str) -> tuple[str, int]:
        """Address and process id of a worker, which change when its nanny starts another."""
        process = self._nannies[worker].worker
        return process.address, process.process_id

    def server_of(self, worker: str) -> None:
        """Nothing: it lives in another process."""

    @property
    def scheduler(self) -> None:
        """Nothing: it lives in another process."""

    @property
    def dashboard_address(self) -> str:
        """Where the dashboard listens; empty if there is none."""
        return self._told.get("dashboard_address", "")

    def check(self) -> None:
        """Raise ClusterError if a process has ended that should live."""
        if self._scheduler is not None and self._scheduler.exit_code is not None:
            raise self._scheduler.ended("while the cluster started")
        for nanny in self._nannies.values():
            if nanny.failure is not None:
                raise nanny.failure

    async def close(self) -> None:
        """Stop all: workers first, so that they can say goodbye."""
        await asyncio.gather(*(nanny.stop(STOP_GRACE_S) for nanny in self._nannies.values()))
        self._nannies.clear()
        if self._scheduler is not None:
            await self._scheduler.stop(STOP_GRACE_S)
        self._folder.cleanup()


def _dashboard_options(address: str | bool | None) -> list[str]:
    """The options of `gd scheduler` about its dashboard."""
    if address is True:
        return []
    return [f"--dashboard-address={address}"] if address else ["--no-dashboard"]


def _level_name(level: int) -> str:
    """The name of the lowest level, of those that `gd` knows, whose lines are not silenced."""
    names = {logging.INFO: "info", logging.WARNING: "warning"}
    return next((names[known] for known in names if level <= known), "error")


class LocalParts:
    """All parts live in this process, on the event loop that starts them."""

    def __init__(self, options: ClusterOptions) -> None:
        self._options = options
        self._scheduler: Scheduler | None = None
        self._dashboard: Dashboard | None = None
        self._workers: dict[str, Worker] = {}
        self._address = ""

    async def open(self, workers: list[str]) -> str:
        """Start the scheduler and these workers; the scheduler's address."""
        from gdistributed.services.scheduler.server import Scheduler

        options = self._options
        self._dashboard = open_dashboard(options.dashboard_address)
        self._scheduler = Scheduler(
            options.host,
            options.scheduler_port,
            allow_run=options.allow_run,
            event_log=options.event_log,
        )
        self._scheduler.dashboard_address = self.dashboard_address
        await self._scheduler.start()
        self._address = self._scheduler.address_to_clients
        if self._dashboard is not None:
            self._dashboard.show(self._address)
        await self.add(workers)
        return self._address

    async def add(self, workers: list[str]) -> None:
        """Start more workers, by name."""
        from gdistributed.services.worker.server import Worker

        options = self._options
        for name in workers:
            self._workers[name] = Worker(
                scheduler=self._address,
                hostname=options.host,
                nthreads=options.nthreads_of(name),
                name=name,
                memory_limit=options.memory_nbytes,
                max_spill=options.max_spill_nbytes,
                local_directory=options.local_directory,
                settings=WorkerSettings(shared_memory=options.shared_memory),
            )
            await self._workers[name].start()

    async def remove(self, workers: list[str]) -> None:
        """Stop workers, by name, once others have what they hold."""
        leaving = [self._workers.pop(name) for name in workers]
        try:
            await asyncio.gather(*(worker.drain() for worker in leaving))
        finally:
            await asyncio.gather(*(worker.stop() for worker in leaving))

    def living(self) -> list[str]:
        """Names of the workers, oldest first."""
        return list(self._workers)

    def place_of(self, worker: str) -> tuple[str, int]:
        """Address of a worker, and the id of this process."""
        return self._workers[worker].address, os.getpid()

    def server_of(self, worker: str) -> Worker:
        """A worker itself."""
        return self._workers[worker]

    @property
    def scheduler(self) -> Scheduler | None:
        """The scheduler itself; None before the start."""
        return self._scheduler

    @property
    def dashboard_address(self) -> str:
        """Where the dashboard listens; empty if there is none."""
        return self._dashboard.address if self._dashboard is not None else ""

    def check(self) -> None:
        """Nothing to see: an error of a part in this process is raised where it happens."""

    async def close(self) -> None:
        """Stop all: workers first, so that they can say goodbye."""
        await asyncio.gather(*(worker.stop() for worker in self._workers.values()))
        self._workers.clear()
        if self._dashboard is not None:
            self._dashboard.stop()
        if self._scheduler is not None:
            await self._scheduler.stop()
        if self._dashboard is not None:
            self._dashboard.close()  # what it still asked has failed, so this takes no time
