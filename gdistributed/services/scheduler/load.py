"""How busy the scheduler's own process is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

import psutil

from gdistributed.services.scheduler.descriptions import duration
from gdistributed.v1 import activity_pb2

INTERVAL_S: Final = 1.0
# The load is measured over so long at least, so that those who ask often do not get noise.
SPAN_S: Final = 0.5


class Load:
    """Measures this process, and how late the event loop is."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._delay_s = 0.0
        self._cpu_percent = 0.0
        self._measured = time.monotonic(), time.process_time()
        self._watching: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Watch the event loop that runs, until `end`."""
        self._watching = asyncio.create_task(self._watch())

    async def end(self) -> None:
        """Stop."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + INTERVAL_S
            await asyncio.sleep(INTERVAL_S)
            self._delay_s = max(loop.time() - due, 0.0)

    def measure(self, events: int) -> activity_pb2.SchedulerLoad:
        """Describe the load, with the number of events so far."""
        before, cpu_before = self._measured
        now, cpu = time.monotonic(), time.process_time()
        if now - before >= SPAN_S:
            self._cpu_percent = 100 * (cpu - cpu_before) / (now - before)
            self._measured = now, cpu
        return activity_pb2.SchedulerLoad(
            cpu_percent=self._cpu_percent,
            memory_nbytes=self._process.memory_info().rss,
            event_loop_delay=duration(self._delay_s),
            events=events,
        )
