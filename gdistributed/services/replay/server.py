"""A server that answers from an event log what people and tools ask of a scheduler."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Final

from google.protobuf import json_format

from gdistributed.errors import UsageError
from gdistributed.observe.recording import Recording
from gdistributed.services.replay.shell import ReplayShell
from gdistributed.services.scheduler.activity import ActivityService
from gdistributed.services.scheduler.load import Load
from gdistributed.services.scheduler.queries import Queries
from gdistributed.settings import LOOPBACK
from gdistributed.v1 import activity_pb2_grpc, scheduler_pb2, scheduler_pb2_grpc
from gdistributed.wire.channel import Channels
from gdistributed.wire.server import Server

TICK_S: Final = 0.05


class ReplayedScheduler(Queries, scheduler_pb2_grpc.SchedulerServicer):
    """What can be asked of the Scheduler service; all else is not served."""


class Replay(Server):
    """Shows a run from its event log.

    Parameters
    ----------
    path
        Of the event log.
    at_s
        The moment to show, in seconds since the start of the run; a negative one counts from the
        end. None, the default, means just before the last client left, since all results are let
        go with it; or the end, if clients were there until then.
    speed
        Play from that moment on (with no moment, from the start), so many times as fast as the run
        went; None, the default, shows the moment.
    hostname, port
        Where to listen; loopback and a free port by default.
    asynchronous
        Whether it is used from a running event loop; found out by default.

    Raises
    ------
    UsageError
        If the file is no event log that can be read.
    AddressInUse
        If the port is taken.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        at_s: float | None = None,
        speed: float | None = None,
        hostname: str = LOOPBACK,
        port: int = 0,
        asynchronous: bool | None = None,
    ) -> None:
        super().__init__(role="replay", host=hostname, port=port, asynchronous=asynchronous)
        self.recording = Recording(Path(path))
        self.shell = ReplayShell(self.recording)
        self.shell.stand_at(*self._moment(at_s, speed))
        self._plays = speed is not None
        if speed is not None:
            self.shell.go_on(speed)
        self.cluster_id = self.recording.start.get("cluster_id", "")
        self._channels = Channels()
        self._load = Load()
        self._playing: asyncio.Task[None] | None = None
        self._begin()

    def _moment(self, at_s: float | None, speed: float | None) -> tuple[float, int]:
        """Return the moment to begin with, and before which line."""
        recording = self.recording
        length_s = recording.end_s - recording.start_s
        if at_s is None and speed is not None:
            return 0.0, len(recording)
        if at_s is None:
            lines = recording.index_of_end()
            first_left_out = recording.line(min(lines, len(recording) - 1))
            return float(first_left_out["time"]) - recording.start_s, lines
        moment_s = at_s if at_s >= 0 else length_s + at_s
        if not 0 <= moment_s <= length_s:
            raise UsageError(f"the run took {length_s:g} s: there is no moment {at_s:g} s")
        return moment_s, len(recording)

    async def opening(self) -> None:
        """Serve what a scheduler answers."""
        service = ReplayedScheduler(  # type: ignore[abstract]  # the rest is not served
            self.shell, self._channels, self._summary
        )
        self.add_servicer(scheduler_pb2_grpc.add_SchedulerServicer_to_server, service)
        activity = ActivityService(self.shell, self._load, self._summary)
        self.add_servicer(activity_pb2_grpc.add_ActivityServicer_to_server, activity)

    async def opened(self) -> None:
        """Go on with the run."""
        self._load.begin()
        if self._plays:
            self._playing = asyncio.create_task(self._play())

    async def _play(self) -> None:
        while not self.shell.is_over:
            await asyncio.sleep(TICK_S)
            self.shell.catch_up()

    async def closed(self) -> None:
        """End what runs in the background."""
        await self._load.end()
        if self._playing is not None:
            self._playing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._playing
        self.shell.close()
        await self._channels.close()

    def _summary(self) -> scheduler_pb2.GetSummaryResponse:
        facts: dict[str, Any] = self.recording.start
        summary = scheduler_pb2.GetSummaryResponse()
        return json_format.ParseDict(facts, summary, ignore_unknown_fields=True)
