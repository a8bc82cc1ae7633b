"""A shell whose brain knows what a log tells up to a moment, and to which nothing can happen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

import grpc

from gdistributed.observe.rebuilding import Rebuilt
from gdistributed.observe.recording import Recording
from gdistributed.services.scheduler.descriptions import WallClock
from gdistributed.services.scheduler.shell import Shell
from gdistributed.settings import NS
from gdistributed.wire.status import StatusError

Result = TypeVar("Result")


class Nobody:
    """Stands for the stream of a client that was there."""

    def wake(self) -> None:
        """Nothing is said."""

    def finish(self) -> None:
        """Nothing follows."""

    def end(self, error: Exception) -> None:
        """It ended long ago."""


NOBODY: Final = Nobody()


class ReplayShell(Shell):
    """Plays a recording up to a moment; its clock stands there, or goes on from there.

    Parameters
    ----------
    recording
        What is played.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._rebuilt = Rebuilt(recording.start)
        self._next = 1
        self._moment_s = 0.0
        self._speed = 0.0
        self._begun = time.monotonic()
        super().__init__(self._rebuilt.brain)

    def now(self) -> float:
        """The moment that is shown, in seconds since the start of the recording."""
        return self._moment_s + self._speed * (time.monotonic() - self._begun)

    @property
    def uptime_s(self) -> float:
        """How long the scheduler had run."""
        return self.now()

    @property
    def is_over(self) -> bool:
        """Whether all lines have been played."""
        return self._next >= len(self._recording)

    def wall_clock(self) -> WallClock:
        """Return what turns the brain's times into those of the recording."""
        return WallClock(int(self._recording.start_s * NS))

    def call(self, event: Callable[..., Result], *arguments: object) -> Result:
        """Refuse: what happened has happened.

        Raises
        ------
        StatusError
            Always.
        """
        raise StatusError(
            grpc.StatusCode.FAILED_PRECONDITION,
            "REPLAY",
            "this is the replay of a run that is over: it can be looked at, and not changed",
        )

    def stand_at(self, moment_s: float, lines: int) -> None:
        """Play up to a moment, in seconds since the start, and at most up to a line; stay there."""
        self._moment_s, self._speed = moment_s, 0.0
        self._play(moment_s, lines)

    def go_on(self, speed: float) -> None:
        """Let the clock go, so many times as fast as it went."""
        self._speed, self._begun = speed, time.monotonic()

    def catch_up(self) -> None:
        """Play what has come due; at the end, the clock stands."""
        self._play(self.now(), len(self._recording))
        if self.is_over:
            self.stand_at(self._recording.end_s - self._recording.start_s, 0)

    def _play(self, moment_s: float, lines: int) -> None:
        until_s = self._recording.start_s + moment_s
        while self._next < lines:
            line = self._recording.line(self._next)
            if line["event"] != "transfer" and line["time"] > until_s:  # its time is its end
                break
            self._rebuilt.apply(line)
            self._next += 1
        self._rebuilt.tidy()
        clients = self.brain.books.clients.values()
        self.client_links = {each.id: NOBODY for each in clients if each.connected}
        self.wake()
