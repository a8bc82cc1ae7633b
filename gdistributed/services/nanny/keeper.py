"""Keeps one worker process running: starts it, watches it, starts another, tells who must know."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from random import uniform
from typing import Any, Final

from gdistributed.errors import ClusterError, GDistributedError
from gdistributed.services.nanny.contact import Contact
from gdistributed.services.nanny.options import WorkerOptions
from gdistributed.services.nanny.restarts import LIFETIME, RESTART, Life, Restarts
from gdistributed.services.nanny.worker_process import WorkerProcess
from gdistributed.v1 import nanny_pb2

logger = logging.getLogger("gdistributed.nanny")

MEMORY_POLL_S: Final = 0.1
MEMORY_SHARE: Final = 0.95
REPORT_S: Final = 30.0
REPORT_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long a worker lives.

    Attributes
    ----------
    seconds
        So long after a scheduler has welcomed it, it drains and ends; 0 means never.
    stagger_s
        Up to so many seconds earlier or later, drawn for each worker.
    restart
        Whether another takes its place; else the nanny ends with it.
    drain_s
        How long it may take to hand over what it holds.
    """

    seconds: float = 0.0
    stagger_s: float = 0.0
    restart: bool = False
    drain_s: float = 60.0


class Keeper:
    """What a nanny does, without its server. To be made on an event loop.

    Parameters
    ----------
    options
        What a worker is told.
    lifetime
        How long a worker lives.
    contact
        Whom to tell how workers end.
    give_up
        Is called when there will be no further worker: with an error if workers do not start.
    joined
        Is awaited when a scheduler has welcomed a worker.

    Attributes
    ----------
    worker
        The worker that runs, or the last that did; None before the first.
    is_closed
        Whether there will be no further worker.
    """

    def __init__(
        self,
        options: WorkerOptions,
        lifetime: Lifetime,
        contact: Contact,
        give_up: Callable[[ClusterError | None], None],
        joined: Callable[[], Awaitable[None]],
    ) -> None:
        self.worker: WorkerProcess | None = None
        self.is_closed = False
        self._options = options
        self._lifetime = lifetime
        self._contact = contact
        self._give_up = give_up
        self._joined = joined
        self._restarts = Restarts(lifetime.restart)
        self._starts = 0
        self._is_wanted = asyncio.Event()
        self._has_begun = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a worker process runs now."""
        return self.worker is not None and not self.worker.ended.is_set()

    def begin(self) -> None:
        """Start the first worker."""
        self._is_wanted.set()
        self._running = self._in_background(self._keep_running())
        self._in_background(self._watch_memory())
        self._in_background(self._contact.run())

    async def start(self) -> WorkerProcess:
        """Start a worker if none runs; returns when it listens.

        Raises
        ------
        ClusterError
            If it ended while it started.
        """
        if not self.is_running:
            self._has_begun.clear()
            self._is_wanted.set()
            await self._has_begun.wait()
        worker = self.worker
        assert worker is not None
        await worker.settled.wait()
        if not worker.address:
            raise start_failure(worker.exit())
        return worker

    async def end(
        self, cause: str, grace_s: float, restart: bool = False
    ) -> nanny_pb2.WorkerExit | None:
        """End the worker if one runs, and return how it ended.

        Parameters
        ----------
        cause
            A word for `WorkerExit.cause`.
        grace_s
            In which it may end by itself; zero kills at once.
        restart
            Whether another is to be started.
        """
        if not restart:
            self._is_wanted.clear()
        worker = self.worker
        if worker is None or worker.ended.is_set():
            return None
        await worker.end(cause, grace_s)
        return worker.exit()

    async def restart(self, grace_s: float) -> tuple[nanny_pb2.WorkerExit | None, WorkerProcess]:
        """End the worker, and start another; returns when that one listens.

        Raises
        ------
        ClusterError
            If it ended while it started.
        """
        before = self.worker
        exit = await self.end(RESTART, grace_s, restart=True)
        while self.worker is before and self.is_running is False:
            self._has_begun.clear()
            self._is_wanted.set()
            await self._has_begun.wait()
        return exit, await self.start()

    async def close(self, grace_s: float, drain: bool = False) -> None:
        """End the worker for good; see `WorkerProcess.end`."""
        self.is_closed = True
        if self._running is not None:
            self._running.cancel()
        worker = self.worker
        if worker is not None and not worker.ended.is_set():
            await worker.end("closed", grace_s, drain)
            if not worker.is_leaving:
                await self._contact.report(worker.exit(), restarting=False)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- Keeping it running

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s: float | None = 0.0
        while pause_s is not None:
            await self._is_wanted.wait()
            began = loop.time()
            worker = self._begin_worker()
            limiting = self._in_background(self._limit_life(worker))
            greeting = self._in_background(self._greet(worker))
            await worker.ended.wait()
            limiting.cancel()
            if not worker.registered.is_set():
                greeting.cancel()
            exit = worker.exit()
            life = Life(
                cause=exit.cause,
                signal=exit.signal,
                lived_s=loop.time() - began,
                was_registered=worker.registered.is_set(),
                was_leaving=worker.is_leaving,
            )
            is_wanted = self._is_wanted.is_set()
            pause_s = self._restarts.pause_s(life) if is_wanted else 0.0
            self._log_end(worker, exit)
            await self._tell(exit, restarting=is_wanted and pause_s is not None)
            if pause_s:
                fields = self._fields | {"pause_s": pause_s}
                logger.warning("waiting before the next start", extra=fields)
                await asyncio.sleep(pause_s)
        if self._restarts.has_failed:
            fields = self._fields | {"starts": self._starts}
            logger.error("giving up: workers do not start", extra=fields)
        self._give_up(start_failure(exit) if self._restarts.has_failed else None)

    @property
    def _fields(self) -> dict[str, object]:
        """Of a line about the worker: several nannies may share a process and its log."""
        return {"worker": self._options.name} if self._options.name else {}

    def _begin_worker(self) -> WorkerProcess:
        self._starts += 1
        worker = self.worker = WorkerProcess(self._options, self._starts)
        fields = self._fields | {"process_id": worker.process_id}
        logger.info("worker started", extra=fields)
        self._has_begun.set()
        return worker

    async def _greet(self, worker: WorkerProcess) -> None:
        await worker.registered.wait()
        try:
            await self._joined()
        except GDistributedError as error:
            fields = self._fields | {"cause": str(error)}
            logger.warning("the extensions of nannies are not known", extra=fields)

    async def _limit_life(self, worker: WorkerProcess) -> None:
        lifetime = self._lifetime
        if not lifetime.seconds:
            return
        await worker.registered.wait()
        await asyncio.sleep(lifetime.seconds + uniform(-lifetime.stagger_s, lifetime.stagger_s))
        await worker.end(LIFETIME, lifetime.drain_s, drain=True)

    async def _watch_memory(self) -> None:
        limit_nbytes = self._options.memory_limit_nbytes * MEMORY_SHARE
        while True:
            await asyncio.sleep(MEMORY_POLL_S)
            worker = self.worker
            if worker is None or worker.ended.is_set():
                continue
            nbytes = worker.gauge.memory_nbytes()
            if limit_nbytes and nbytes >= limit_nbytes:
                fields = self._fields | {"memory_nbytes": nbytes, "limit_nbytes": limit_nbytes}
                logger.warning("memory limit: killing the worker", extra=fields)
                worker.kill("memory_limit")
                await worker.ended.wait()

    # ---- Telling

    def _log_end(self, worker: WorkerProcess, exit: nanny_pb2.WorkerExit) -> None:
        wanted = worker.is_leaving or exit.cause in (LIFETIME, RESTART, "closed")
        fields: dict[str, object] = self._fields | {"cause": exit.cause}
        if exit.signal:
            fields["signal"] = exit.signal
        elif exit.exit_code:
            fields["exit_code"] = exit.exit_code
        logger.log(logging.INFO if wanted else logging.WARNING, "worker ended", extra=fields)

    async def _tell(self, exit: nanny_pb2.WorkerExit, restarting: bool) -> None:
        """Tell the cluster before another worker joins; later on, if it cannot be told now."""
        if not await self._contact.report(exit, restarting):
            self._in_background(self._tell_later(exit, restarting))

    async def _tell_later(self, exit: nanny_pb2.WorkerExit, restarting: bool) -> None:
        try:
            async with asyncio.timeout(REPORT_S):
                while not await self._contact.report(exit, restarting):
                    await asyncio.sleep(REPORT_PAUSE_S)
        except TimeoutError:
            logger.debug("the scheduler was never told", extra={"worker_id": exit.worker_id})

    def _in_background(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._is_over)
        return task

    def _is_over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error(
                "a job of the nanny failed, which is a bug: please report it", exc_info=error
            )


def start_failure(exit: nanny_pb2.WorkerExit) -> ClusterError:
    """Say that a worker does not start, with its last words."""
    how = f"signal {exit.signal}" if exit.signal else f"exit code {exit.exit_code}"
    words = "".join(f"\n    {line}" for line in exit.log_tail) or " nothing."
    return ClusterError(
        f"a worker process ended with {how} while it started. It said:{words}"
    ).with_reason("WORKER_START_FAILED")
