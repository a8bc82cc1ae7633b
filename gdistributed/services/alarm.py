"""Tells a brain that time has come, when it said that it wants to know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Alarm:
    """One time at which something is called, on the event loop; it can be set anew.

    Parameters
    ----------
    ring
        Is called at that time, with nothing. It may set the alarm again.
    """

    __slots__ = ("_deadline", "_ring", "_timer")

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, deadline: float | None) -> None:
        """Ring at a time in seconds of the monotonic clock, and at no other; None for never."""
        if deadline == self._deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._deadline = None, deadline
        if deadline is not None:
            delay_s = max(0.0, deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_time)

    def _on_time(self) -> None:
        self._timer = self._deadline = None
        self._ring()
