"""The worker as a server: it holds data, computes, and serves its data to peers."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import socket
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from gdistributed.core.worker.brain import WorkerBrain
from gdistributed.data.codecs import codec_names, compression, encode_readable
from gdistributed.data.offered_functions import offers_of
from gdistributed.data.scratch import ScratchFolder
from gdistributed.data.spilling import SpillingDict
from gdistributed.data.store import open_store
from gdistributed.errors import GDistributedError
from gdistributed.plugins import WorkerPlugin
from gdistributed.runtime.calls import Place
from gdistributed.runtime.context import close_with
from gdistributed.runtime.language_processes import LanguageRuntime
from gdistributed.runtime.own_thread import in_own_thread
from gdistributed.services.extending import CAPABILITY, Extended, overriding
from gdistributed.services.extensible import ExtensibleService
from gdistributed.services.worker.memory import MemoryKeeper
from gdistributed.services.worker.publishing import Publishing
from gdistributed.services.worker.queries import WorkerService, add_worker_service
from gdistributed.services.worker.shell import Shell
from gdistributed.services.worker.streams import SchedulerStream
from gdistributed.settings import LOOPBACK, OWN_RESULTS, PYTHON, WorkerSettings
from gdistributed.v1 import center_pb2, extensions_pb2_grpc, worker_pb2
from gdistributed.wire.addresses import normalise_address
from gdistributed.wire.channel import Channels
from gdistributed.wire.server import Server
from gdistributed.wire.software import own_software

logger = logging.getLogger("gdistributed.worker")

GOODBYE_TIMEOUT_S = 2.0
DRAIN_TIMEOUT_S = 20.0


class Worker(Server):
    """Holds data and runs tasks for a scheduler.

    It may be started before its scheduler: it keeps trying. It ends when the scheduler says
    goodbye, or refuses it; `failure` then says why.

    Parameters
    ----------
    scheduler
        Address of the scheduler, or of a Center.
    hostname
        Host name or address to listen on, at which peers reach it; loopback by default.
    port
        Port to listen on; 0 picks a free one.
    contact_address
        Where others reach it, as HOST or HOST:PORT, if that is not where it listens: behind a
        network address translation, or in a container whose port is published elsewhere.
    nthreads
        How many tasks run at once; by default as many as there are cores for this process.
    name
        Unique among the workers that live; by default its address.
    data
        The mapping in which its values live; by default a dict, or one that moves values to disk
        if there is a memory limit. Any other mapping is used by one thread only. The worker deletes
        only what it has put there.
    memory_limit
        In bytes; None or 0 means none. With one, values that take more than 60 % of it are moved to
        disk, the least recently used first; near it the worker begins no new task. See
        `WorkerSettings`.
    max_spill
        The values that are moved to disk take no more of it than so many bytes; None or 0, the
        default, mean no bound.
    local_directory
        Where to make the folder for its files; by default the system's place for temporary ones.
        The folder goes with the worker; one whose worker was killed, when another starts.
    resources
        Abstract resources that its tasks may hold, by name.
    functions
        Names of modules whose functions it offers by name: those marked with
        `gdistributed.function`.
    runtimes
        Commands that start processes of other languages, by the name of the runtime:
        ``{"r": "Rscript worker.R"}``. See docs/subprocess-runtimes.md.
    settings
        How to work.
    nanny_address
        Address of the nanny that owns this process; empty for none.
    worker_id
        Its incarnation, if somebody else has to know it first.
    asynchronous
        Whether it is used from a running event loop; found out by default.

    Attributes
    ----------
    failure : GDistributedError or None
        Why it ended by itself.

    Raises
    ------
    AddressInUse
        If the port is taken.
    UsageError
        If a module of `functions` cannot be imported, or offers none.
    ClusterError
        If a process of a language does not start, or does not say what it offers.
    ValueError
        If the compression of the settings is not there.

    Examples
    --------
    >>> from gdistributed.services.scheduler.server import Scheduler
    >>> with Scheduler() as scheduler, Worker(scheduler.address_to_workers) as worker:
    ...     worker.nthreads >= 1
    True
    """

    capabilities = (CAPABILITY, OWN_RESULTS, *compression.capabilities())

    def __init__(
        self,
        scheduler: str,
        hostname: str = LOOPBACK,
        port: int = 0,
        contact_address: str = "",
        nthreads: int | None = None,
        name: str | None = None,
        data: MutableMapping[str, object] | None = None,
        memory_limit: int | None = None,
        max_spill: int | None = None,
        local_directory: str | Path | None = None,
        resources: dict[str, float] | None = None,
        functions: Iterable[str] = (),
        runtimes: Mapping[str, str] | None = None,
        settings: WorkerSettings | None = None,
        nanny_address: str = "",
        worker_id: str = "",
        asynchronous: bool | None = None,
    ) -> None:
        super().__init__(
            role="worker", name=name, host=hostname, port=port, asynchronous=asynchronous
        )
        self.id = worker_id or self.id
        self.contact_address = contact_address
        self.nanny_address = nanny_address
        self.scheduler_address = self.told_towards = normalise_address(scheduler)
        self.nthreads = nthreads or len(os.sched_getaffinity(0))
        self.memory_limit_nbytes = memory_limit or 0
        self.max_spill_nbytes = max_spill or 0
        self.local_directory = local_directory
        self.resources = dict(resources or {})
        self.settings = settings or WorkerSettings()
        self._functions = offers_of(functions)
        self._runtimes = {
            name: LanguageRuntime(name, line) for name, line in (runtimes or {}).items()
        }
        self._offers: list[worker_pb2.RuntimeOffer] = []
        compression.check_setting(self.settings.compression)
        self.data: MutableMapping[str, object] = {} if data is None else data
        self.failure: GDistributedError | None = None
        self._given_name = name or ""
        self._spills = bool(self.memory_limit_nbytes) and data is None
        self._scratch: ScratchFolder | None = None
        self._channels = Channels()
        self._shell: Shell | None = None
        self._extended: Extended | None = None
        self._stream: SchedulerStream | None = None
        self._publishing: Publishing | None = None
        self._serving: asyncio.Task[None] | None = None
        self._background: list[asyncio.Task[Any]] = []
        self._begin()

    async def opening(self) -> None:
        """Make the brain, and what is around it."""
        for runtime in self._runtimes.values():
            self._offers.append(await asyncio.to_thread(runtime.offer))
        self._publishing = Publishing(self._channels, self.scheduler_address)
        self.name = self._given_name or self.address
        self._open_scratch()
        place = Place(
            worker_id=self.id,
            worker_name=self.name,
            scheduler_address=self.scheduler_address,
            value_of=(store := open_store(self.data)).value_of,
            inline_nbytes=self.settings.limits.inline_nbytes,
            worker=self,
            runtimes=self._runtimes,
        )
        brain = WorkerBrain(self.nthreads, self.settings, self.memory_limit_nbytes)
        self._shell = Shell(brain, store, place, self._channels)
        self._extended = Extended(self, self._extensions_changed, None, self.local_directory)
        self._stream = SchedulerStream(
            self._shell, self.scheduler_address, self._member(), self._hello, self._extended
        )
        service = WorkerService(self._shell, self._stream.metrics)
        self.add_servicer(add_worker_service, service)
        extensible = ExtensibleService(self._extended)
        self.add_servicer(extensions_pb2_grpc.add_ExtensibleServicer_to_server, extensible)

    @property
    def plugins(self) -> dict[str, Any]:
        """The plugins that clients have registered, by name."""
        return self._extended.plugins if self._extended is not None else {}

    def _extensions_changed(self) -> None:
        if self._shell is not None:
            self._shell.forget_functions()
            plugins = self.plugins.values()
            self._shell.listen(overriding(plugins, "transition", WorkerPlugin))

    async def opened(self) -> None:
        """Begin to look for the scheduler."""
        if self._stream is not None:
            self._serving = asyncio.create_task(self._serve(self._stream))
            if self._scratch is not None:
                removing = in_own_thread(self._scratch.remove_dead)
                self._background.append(asyncio.create_task(removing))
            if self.memory_limit_nbytes and self._shell is not None:
                keeper = MemoryKeeper(self._shell, self._stream.beat)
                self._background.append(asyncio.create_task(keeper.run()))

    async def wait_connected(self) -> None:
        """Wait until a scheduler has welcomed this worker, or it has ended; see `failure`."""
        if self._stream is not None and self._serving is not None:
            connected = asyncio.ensure_future(self._stream.is_connected.wait())
            await asyncio.wait([connected, self._serving], return_when=asyncio.FIRST_COMPLETED)
            connected.cancel()

    def log_event(self, topic: str | Iterable[str], msg: object) -> None:
        """Publish a message soon; for tasks (`get_worker`), from any thread.

        Parameters
        ----------
        topic
            The topic, or several.
        msg
            Any value that can be pickled.

        Raises
        ------
        SerializationError
            If the message cannot be pickled.

        Examples
        --------
        >>> def report(step):
        ...     get_worker().log_event("progress", {"step": step})
        """
        topics = [topic] if isinstance(topic, str) else list(topic)
        if self._publishing is not None:
            self._publishing.publish(topics, encode_readable(msg))

    async def drain(self, timeout_s: float = DRAIN_TIMEOUT_S) -> None:
        """Leave without a loss: finish what runs, and let others copy what lies here alone.

        Returns when the scheduler has said goodbye, when there is none, or after the timeout. The
        server itself goes on until it is closed.
        """
        if self._stream is None or self._serving is None or self._shell is None:
            return
        logger.info("leaving: others copy what lies here alone")
        self._shell.brain.is_draining = True
        if self._stream.beat():
            await asyncio.wait([self._serving], timeout=timeout_s)

    async def closing(self, grace_s: float) -> None:
        """Say goodbye to the scheduler, and to those who call actors."""
        if self._shell is not None:
            self._shell.actors.hang_up()
        if self._publishing is not None:
            await self._publishing.close(GOODBYE_TIMEOUT_S)
        if self._stream is not None and self._serving is not None:
            if self._stream.finish("closed"):
                await asyncio.wait([self._serving], timeout=GOODBYE_TIMEOUT_S)
            self._serving.cancel()
            await asyncio.wait([self._serving])

    async def closed(self) -> None:
        """End what runs in the background, and the client that tasks have used."""
        for task in self._background:
            task.cancel()
        if self._extended is not None:
            await self._extended.close()
        await in_own_thread(close_with, self.id)  # pools are gone when a program ends
        if self._shell is not None:
            await self._shell.close()
        await self._channels.close()
        for runtime in self._runtimes.values():
            await in_own_thread(runtime.close)
        await in_own_thread(self._close_scratch)

    async def _serve(self, stream: SchedulerStream) -> None:
        """Serve schedulers until one ends it."""
        try:
            reason = await stream.run()
            logger.info("the session is over", extra={"cause": reason})
        except GDistributedError as error:
            self.failure = error
            logger.error("the scheduler refused this worker", extra={"cause": str(error)})
        if self._stopping is None:
            self._ending = asyncio.create_task(self.stop())

    def _open_scratch(self) -> None:
        """Make the folder for our files, and the mapping that moves values there."""
        self._scratch = ScratchFolder(self.local_directory)
        self.local_directory = self._scratch.path
        if self._spills:
            folder = self.local_directory / "spilled"
            folder.mkdir()
            target_nbytes = self.memory_limit_nbytes * self.settings.memory_target_share
            self.data = SpillingDict(folder, target_nbytes, self.max_spill_nbytes)

    def _close_scratch(self) -> None:
        if isinstance(self.data, SpillingDict):
            self.data.close()
        if self._scratch is not None:
            self._scratch.close()

    def _member(self) -> center_pb2.Member:
        return center_pb2.Member(
            id=self.id,
            role=self.role,
            name=self.name,
            address=self.address,
            host=socket.gethostname(),
            process_id=os.getpid(),
            nthreads=self.nthreads,
            memory_limit_nbytes=self.memory_limit_nbytes,
        )

    def _hello(self) -> worker_pb2.WorkerHello:
        codecs = codec_names()
        return worker_pb2.WorkerHello(
            software=own_software(self.capabilities),
            worker_id=self.id,
            name=self.name,
            address=self.address,
            host=socket.gethostname(),
            process_id=os.getpid(),
            nthreads=self.nthreads,
            memory_limit_nbytes=self.memory_limit_nbytes,
            resources=self.resources,
            nanny_address=self.nanny_address,
            extensions=self._extended.revision if self._extended is not None else 0,
            same_host=self._shell.shared_memory.same_host if self._shell is not None else "",
            runtimes=[
                worker_pb2.RuntimeOffer(
                    runtime=PYTHON,
                    version=platform.python_version(),
                    runs_code=True,
                    any_name=True,
                    functions=self._functions,
                    decodes=codecs,
                    encodes=codecs,
                ),
                *self._offers,
            ],
        )
