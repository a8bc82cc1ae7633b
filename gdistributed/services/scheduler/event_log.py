"""Keeps the event log of a scheduler: after each event what is new, twice a second to the file."""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import islice
from pathlib import Path
from typing import Final

from google.protobuf import json_format

from gdistributed.errors import UsageError
from gdistributed.observe.event_lines import EventLines
from gdistributed.observe.log_file import LogFile
from gdistributed.runtime.own_thread import in_own_thread
from gdistributed.services.scheduler.shell import Shell
from gdistributed.settings import MIB
from gdistributed.v1 import scheduler_pb2

INTERVAL_S: Final = 0.5
# What workers measure is told of each so often.
METRICS_EVERY_S: Final = 5.0
# So many turns that takes for all, if they are more than these.
TURNS: Final = 8
TOLD_MIN: Final = 20
# What waits for the next half second; more than this is written at once. Each piece costs some
# switches between threads.
WAITING_MAX: Final = MIB


class EventLog:
    """Writes what happens at a scheduler to a file.

    Parameters
    ----------
    shell
        Runs the brain; nothing has happened to it yet.
    path
        Of the file; see `LogFile`.
    summary
        The facts of the server.

    Raises
    ------
    UsageError
        If the file cannot be made.
    """

    def __init__(self, shell: Shell, path: Path, summary: scheduler_pb2.GetSummaryResponse) -> None:
        try:
            self._file = LogFile(path)
        except OSError as error:
            raise UsageError(f"the event log {path} cannot be written: {error}") from error
        self._shell = shell
        self._lines = EventLines(shell.brain, time.time() - shell.now())
        self._told: dict[str, float] = {}  # when what workers measured was told last, by their ids
        facts = json_format.MessageToDict(summary, preserving_proto_field_name=True)
        self._lines.start(shell.now(), facts)
        shell.listeners.append(self._tell)
        self._writing = asyncio.create_task(self._write_often())

    def _tell(self) -> None:
        self._lines.tell()
        if self._lines.nbytes >= WAITING_MAX:
            self._write()

    def _write(self) -> None:
        self._file.write(self._lines.cut())

    async def _write_often(self) -> None:
        while not self._file.is_over:
            await asyncio.sleep(INTERVAL_S)
            self._tell()
            self._tell_metrics()
            self._write()
        self._end()

    def _tell_metrics(self) -> None:
        """Tell what workers measured: of some of them each time, so that it is no burst."""
        workers, told, now = self._shell.brain.books.workers, self._told, self._shell.now()
        if len(told) > 2 * len(workers):
            told = self._told = {name: told[name] for name in workers if name in told}
        due = (
            worker
            for worker in workers.values()
            if worker.metrics is not None and now - told.get(worker.id, 0.0) >= METRICS_EVERY_S
        )
        some = list(islice(due, len(workers) // TURNS + TOLD_MIN))
        told.update((worker.id, now) for worker in some)
        self._lines.metrics(some, now)

    def _end(self) -> None:
        """Note nothing more."""
        if self._tell in self._shell.listeners:
            self._shell.listeners.remove(self._tell)
            self._lines.end()

    async def close(self) -> None:
        """Write what is left, and close the file."""
        self._writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writing
        self._tell()
        self._lines.stop(self._shell.now())
        self._write()
        self._end()
        await in_own_thread(self._file.close)  # pools are gone when a program ends
