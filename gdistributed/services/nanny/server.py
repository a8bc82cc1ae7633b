"""The nanny as a server: it keeps one worker process running, and ends it when told to."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gdistributed.errors import ClusterError
from gdistributed.services.calling import NANNY, Caller
from gdistributed.services.extending import CAPABILITY, Extended
from gdistributed.services.extensible import ExtensibleService, RunnerService
from gdistributed.services.nanny.contact import Contact
from gdistributed.services.nanny.keeper import Keeper, Lifetime
from gdistributed.services.nanny.options import WorkerOptions
from gdistributed.services.nanny.queries import NannyService
from gdistributed.settings import LOOPBACK, PROFILE_INTERVAL_S
from gdistributed.v1 import center_pb2, extensions_pb2_grpc, nanny_pb2, nanny_pb2_grpc
from gdistributed.wire.addresses import normalise_address, split_host_port
from gdistributed.wire.server import Server

DRAIN_TIMEOUT_S: Final = 30.0
RESTART_GRACE_S: Final = 5.0


class Nanny(Server):
    """Owns one worker process: starts it, starts another when it dies, ends it.

    How a worker ended (exit code or signal, peak memory, last lines) is told to the scheduler. The
    nanny ends together with a worker that ends on purpose, because a scheduler said goodbye or
    somebody asked it to. It gives up when its first worker does not start, or several others in a
    row; `failure` then says why.

    Parameters
    ----------
    scheduler
        Address of the scheduler or of a Center, or the file that a scheduler will write.
    hostname
        Host name or address on which both nanny and worker listen; loopback by default.
    port
        Port of the nanny; 0 picks a free one.
    worker_port
        Port of the worker; 0 picks a free one.
    nthreads
        How many tasks the worker runs at once; by default as many as there are cores.
    name
        Name of the worker; by default its address, which each new process has anew.
    memory_limit
        Of the worker, in bytes; None or 0 means none. A worker that uses 95 % of it is killed.
    max_spill
        The values that the worker moves to disk take no more of it than so many bytes; None or 0,
        the default, mean no bound.
    local_directory
        Where the worker makes the folder for its files; the system's place for temporary files by
        default.
    compression
        Of data that goes to other hosts, as in `WorkerSettings`.
    shared_memory
        Whether the worker hands large values to processes of its machine by shared memory.
    profile_interval
        How often the worker looks where its tasks are, in seconds; 0 for never.
    log_level
        Lowest level of the lines that the worker logs: "debug", "info", "warning" or "error".
    log_format
        How it logs them: "text", or "json" for one object a line.
    lifetime
        How long a worker lives; for ever by default.
    functions, runtimes
        As of `Worker`.
    asynchronous
        Whether it is used from a running event loop; found out by default.

    Attributes
    ----------
    failure : ClusterError or None
        Why it gave up.

    Raises
    ------
    AddressInUse
        If the port is taken.

    Examples
    --------
    >>> async def main():
    ...     async with Nanny(address, name="alice") as nanny:  # starts a worker's process
    ...         await nanny.wait_stopped()
    >>> asyncio.run(main())  # doctest: +SKIP
    """

    capabilities = (CAPABILITY,)

    def __init__(
        self,
        scheduler: str | Path,
        hostname: str = LOOPBACK,
        port: int = 0,
        worker_port: int = 0,
        contact_address: str = "",
        nthreads: int | None = None,
        name: str | None = None,
        memory_limit: int | None = None,
        max_spill: int | None = None,
        local_directory: str | Path | None = None,
        compression: str = "auto",
        shared_memory: bool = True,
        profile_interval: float = PROFILE_INTERVAL_S,
        log_level: str = "info",
        log_format: str = "text",
        lifetime: Lifetime | None = None,
        functions: Iterable[str] = (),
        runtimes: Mapping[str, str] | None = None,
        asynchronous: bool | None = None,
    ) -> None:
        super().__init__(
            role="nanny", name=name, host=hostname, port=port, asynchronous=asynchronous
        )
        self.options = WorkerOptions(
            scheduler=scheduler if isinstance(scheduler, Path) else normalise_address(scheduler),
            nthreads=nthreads,
            name=name,
            host=hostname,
            port=worker_port,
            contact_address=contact_address,
            memory_limit_nbytes=memory_limit or 0,
            max_spill_nbytes=max_spill or 0,
            local_directory=Path(local_directory) if local_directory else None,
            compression=compression,
            shared_memory=shared_memory,
            profile_interval_s=profile_interval,
            log_level=log_level,
            log_format=log_format,
            functions=tuple(functions),
            runtimes=dict(runtimes or {}),
        )
        self.contact_address = split_host_port(contact_address)[0]
        self.told_towards = "" if isinstance(scheduler, Path) else normalise_address(scheduler)
        self.lifetime = lifetime or Lifetime()
        self.failure: ClusterError | None = None
        self._keeper: Keeper | None = None
        self._contact: Contact | None = None
        self._extended: Extended | None = None
        self._ending: asyncio.Task[None] | None = None
        self._begin()

    @property
    def worker(self) -> nanny_pb2.WorkerProcess:
        """The worker that runs, or the last that did."""
        worker = self._keeper.worker if self._keeper is not None else None
        return worker.description() if worker is not None else nanny_pb2.WorkerProcess()

    @property
    def is_over(self) -> bool:
        """Whether there will be no further worker."""
        return self._keeper is not None and self._keeper.is_closed

    async def opening(self) -> None:
        """Offer the service, at an address that is known by now."""
        options = replace(self.options, nanny_address=self.address)
        self._contact = Contact(options.scheduler, self._member())
        self._keeper = Keeper(
            options, self.lifetime, self._contact, self._give_up, self._worker_joined
        )
        self._extended = Extended(self, installed=self._plugin_installed)
        self.add_servicer(nanny_pb2_grpc.add_NannyServicer_to_server, NannyService(self._keeper))
        self.add_servicer(
            extensions_pb2_grpc.add_ExtensibleServicer_to_server, ExtensibleService(self._extended)
        )
        runner = RunnerService(Caller(self, NANNY))
        self.add_servicer(extensions_pb2_grpc.add_RunnerServicer_to_server, runner)

    @property
    def plugins(self) -> dict[str, Any]:
        """The plugins that clients have registered, by name."""
        return self._extended.plugins if self._extended is not None else {}

    async def opened(self) -> None:
        """Start the first worker."""
        if self._keeper is not None:
            self._keeper.begin()

    async def closing(self, grace_s: float) -> None:
        """End the worker."""
        if self._keeper is not None:
            await self._keeper.close(grace_s)

    async def drain(self, timeout_s: float = DRAIN_TIMEOUT_S) -> None:
        """End the worker for good, without a loss: it may take so long to hand over what it holds.

        The nanny itself goes on until it is closed.
        """
        if self._keeper is not None:
            await self._keeper.close(timeout_s, drain=True)

    async def closed(self) -> None:
        """Leave the cluster."""
        if self._extended is not None:
            await self._extended.close()
        if self._contact is not None:
            await self._contact.leave()

    def kill_worker(self) -> None:
        """Kill the worker without waiting: this process is about to end."""
        if self._keeper is not None and self._keeper.worker is not None:
            self._keeper.worker.kill("closed")

    async def _worker_joined(self) -> None:
        """A worker of this nanny is in the cluster: see what users have added to nannies there."""
        if self._contact is not None and self._extended is not None:
            channel = self._contact.scheduler_channel()
            if channel is not None:
                await self._extended.catch_up(channel)

    async def _plugin_installed(self, plugin: Any) -> None:  # noqa: ANN401
        if plugin.restart and self._keeper is not None:
            await self._keeper.restart(RESTART_GRACE_S)

    def _give_up(self, failure: ClusterError | None) -> None:
        self.failure = failure
        if self._stopping is None:
            self._ending = asyncio.get_running_loop().create_task(self.stop())

    def _member(self) -> center_pb2.Member:
        return center_pb2.Member(
            id=self.id,
            role=self.role,
            name=self.name,
            address=self.address,
            host=socket.gethostname(),
            process_id=os.getpid(),
        )
