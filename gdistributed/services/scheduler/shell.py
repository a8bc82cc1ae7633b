"""The shell around the scheduler's brain: it reads the clock, carries mail, and wakes who waits.

Everything happens on one event loop. After each event the shell wakes the links that have mail,
those who watch events, and itself when the brain wants to be called at a later time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from gdistributed.core.scheduler.brain import SchedulerBrain
from gdistributed.errors import ConnectionLost, InvariantBroken
from gdistributed.services.alarm import Alarm
from gdistributed.services.scheduler.console import CONSOLE_ID, Console
from gdistributed.services.scheduler.descriptions import WallClock
from gdistributed.settings import NS

logger = logging.getLogger("gdistributed.scheduler")

Result = TypeVar("Result")


class Line(Protocol):
    """What carries the mail of one peer: most often the link of its stream."""

    def wake(self) -> None:
        """Say that there is mail."""

    def finish(self) -> None:
        """Say that no further mail comes."""

    def end(self, error: Exception) -> None:
        """End the conversation at once, for this reason."""


Role = dict[str, Line]


class Shell:
    """Runs a brain on an event loop.

    Attributes
    ----------
    brain
        The brain; whatever changes it goes through `call`.
    worker_links, client_links
        The live streams, by worker and by client; and what stands in for one.
    console
        Waits for results on behalf of those who have no stream.
    located
        Is called when there are changes of who holds what to report.
    worker_left
        Is called with id and cause when a worker is gone.
    listeners
        Are called after new events, when the brain is done with them: once its mail is out, or
        before it hears of anything else.
    worker_extensions
        Revision of the list of extensions that a worker must have installed.
    """

    def __init__(self, brain: SchedulerBrain) -> None:
        self.brain: Final = brain
        self.worker_links: Role = {}
        self.client_links: Role = {}
        self.console = Console(self)
        self.located: Callable[[], None] | None = None
        self.worker_left: Callable[[str, str], None] | None = None
        self.listeners: list[Callable[[], None]] = []
        self.worker_extensions = 0
        self._news: asyncio.Event | None = None
        self._revision = 0
        self._telling: asyncio.Handle | None = None
        self._alarm = Alarm(lambda: self.call(self.brain.on_time))
        self._started = time.monotonic()

    @property
    def uptime_s(self) -> float:
        """How long the shell has run."""
        return time.monotonic() - self._started

    def now(self) -> float:
        """The time that brains are given: seconds of a monotonic clock."""
        return time.monotonic()

    def wall_clock(self) -> WallClock:
        """Return what turns the brain's times into those that people read."""
        return WallClock(time.time_ns() - int(self.now() * NS))

    def call(self, event: Callable[..., Result], *arguments: object) -> Result:
        """Tell the brain what happened, with the time, and carry out what it wants.

        A broken invariant is logged with all that is known and ends what was going on, not the
        scheduler.
        """
        if self._telling is not None:
            self._tell()
        try:
            return event(*arguments, self.now())
        except InvariantBroken:
            logger.exception("an invariant is broken, which is a bug: please report it")
            raise
        finally:
            self.wake()

    def wake(self) -> None:
        """Wake the links that have mail, and those who wait for events."""
        brain = self.brain
        for peer in brain.workers.fresh():
            if (link := self.worker_links.get(peer)) is not None:
                link.wake()
        for peer in brain.clients.fresh():
            if peer == CONSOLE_ID:
                self.console.deliver()
            elif (link := self.client_links.get(peer)) is not None:
                link.wake()
        if brain.departed:
            self._end_departed()
        if brain.warnings:
            for key, text in brain.warnings:
                logger.warning("a task has to wait", extra={"task": key, "cause": text})
            brain.warnings.clear()
        if brain.events.last != self._revision:
            self._revision = brain.events.last
            if self._news is not None:
                self._news.set()
                self._news = None
            if self.listeners and self._telling is None:
                self._telling = asyncio.get_running_loop().call_soon(self._tell)
        if brain.books.moved and self.located is not None:
            self.located()
        self._alarm.set(brain.deadline)

    def _tell(self) -> None:
        """Tell the listeners: once the mail is out, since they take a while, or when more comes."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        for listener in self.listeners:
            listener()

    async def news(self) -> None:
        """Wait for the next event."""
        if self._news is None:
            self._news = asyncio.Event()
        await self._news.wait()

    def _end_departed(self) -> None:
        """End the streams of workers that the brain has given up, and tell who asked to know."""
        departed, self.brain.departed = self.brain.departed, {}
        for worker_id, (name, cause) in departed.items():
            logger.info("worker left", extra={"worker": name, "cause": cause})
            if (link := self.worker_links.get(worker_id)) is not None:
                link.end(ConnectionLost(f"the scheduler has given this worker up: {cause}"))
            if self.worker_left is not None:
                self.worker_left(worker_id, cause)

    def close(self) -> None:
        """Stop the timer, and tell what has not been told."""
        self._alarm.set(None)
        if self._telling is not None:
            self._tell()
