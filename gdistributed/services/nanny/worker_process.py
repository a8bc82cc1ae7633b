"""One worker process: from its start to its end, and what is to be told of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import uuid
from dataclasses import replace
from signal import SIGINT, SIGKILL, SIGTERM

from gdistributed.services.nanny.measuring import Gauge, memory_kills
from gdistributed.services.nanny.milestones import LEAVING, LISTENING, REGISTERED
from gdistributed.services.nanny.options import WorkerOptions
from gdistributed.services.nanny.processes import ChildProcess
from gdistributed.v1 import nanny_pb2


class WorkerProcess:
    """A worker that runs as a process below this one, or has run.

    It starts at once. To be made on an event loop.

    Parameters
    ----------
    options
        What it is told; its id and the pipe for its milestones are added here.
    starts
        How many its nanny has started, with this one.

    Attributes
    ----------
    id
        Its incarnation.
    address
        Where it listens; empty until it does.
    is_leaving
        Whether it said that it ends on purpose.
    settled
        Set when it listens, or has ended.
    registered
        Set when a scheduler has welcomed it.
    ended
        Set when the process has ended.
    """

    def __init__(self, options: WorkerOptions, starts: int) -> None:
        self.id = uuid.uuid4().hex
        self.starts = starts
        self.address = ""
        self.is_leaving = False
        self.settled = asyncio.Event()
        self.registered = asyncio.Event()
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._asked_to_end = ""
        self._memory_kills = memory_kills()
        self._news, theirs = os.pipe()
        os.set_blocking(self._news, False)
        self._unread = b""
        told = replace(options, worker_id=self.id, news_descriptor=theirs)
        try:
            self._child = ChildProcess(
                f"worker {options.name or ''}".strip(), told.command_line(), [theirs]
            )
        finally:
            os.close(theirs)
        self._loop.add_reader(self._news, self._read_news)
        self.gauge = Gauge(self._child.process_id)
        threading.Thread(target=self._wait, name="end of a worker", daemon=True).start()

    @property
    def process_id(self) -> int:
        """Process id of the worker."""
        return self._child.process_id

    def description(self) -> nanny_pb2.WorkerProcess:
        """Return what the protocol says of it."""
        return nanny_pb2.WorkerProcess(
            worker_id=self.id,
            process_id=self.process_id,
            address=self.address,
            starts=self.starts,
        )

    async def end(self, cause: str, grace_s: float, drain: bool = False) -> None:
        """Ask it to end, and kill it after the grace; returns when it has ended.

        Parameters
        ----------
        cause
            A word for `WorkerExit.cause`.
        grace_s
            In seconds; zero kills at once.
        drain
            Whether it should hand over what it holds first.
        """
        self._asked_to_end = self._asked_to_end or cause
        if grace_s > 0:
            # An interpreter that is still starting would complain about the other at length.
            self._child.send_signal(SIGTERM if drain or not self.address else SIGINT)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), grace_s)
        self._child.kill()
        await self.ended.wait()

    def kill(self, cause: str) -> None:
        """Kill it at once, without waiting for its end."""
        self._asked_to_end = self._asked_to_end or cause
        self._child.kill()

    def exit(self) -> nanny_pb2.WorkerExit:
        """Return how it ended."""
        code = self._child.wait()
        signal = -code if code < 0 else 0
        return nanny_pb2.WorkerExit(
            worker_id=self.id,
            exit_code=max(code, 0),
            signal=signal,
            cause=self._asked_to_end or self._cause(signal),
            peak_memory_nbytes=self.gauge.peak_nbytes,
            log_tail=self._child.last_words(),
        )

    def _cause(self, signal: int) -> str:
        if signal == SIGKILL and memory_kills() > self._memory_kills:
            return "out_of_memory"
        return "killed" if signal else "exited"

    def _wait(self) -> None:
        self._child.wait()
        self._child.last_words()
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._has_ended)

    def _has_ended(self) -> None:
        self._read_news()
        if self._news >= 0:
            self._close_news()
        self._child.release()
        self.settled.set()
        self.ended.set()

    def _read_news(self) -> None:
        if self._news < 0:
            return
        try:
            data = os.read(self._news, 4096)
        except BlockingIOError:
            return
        if not data:
            self._close_news()
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            milestone, _, detail = line.decode().partition(" ")
            if milestone == LISTENING:
                self.address = detail
                self.settled.set()
            elif milestone == REGISTERED:
                self.registered.set()
            elif milestone == LEAVING:
                self.is_leaving = True

    def _close_news(self) -> None:
        self._loop.remove_reader(self._news)
        os.close(self._news)
        self._news = -1
