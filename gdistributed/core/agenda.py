"""What is to be done at a later time, by a brain that has no clock.

The brain says what it wants done when; its shell sleeps until the earliest of these times and calls
it. An entry is never taken back: what it calls looks whether there is still something to do.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class Agenda:
    """Entries in the order of their times; those of one time in the order in which they came."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._count = 0

    def at(self, when: float, act: Callable[..., None], *arguments: object) -> None:
        """Have something called at a time, or as soon as possible after it."""
        self._count += 1
        heappush(self._entries, (when, self._count, act, arguments))

    @property
    def deadline(self) -> float | None:
        """When the next entry is due; None when there is none."""
        return self._entries[0][0] if self._entries else None

    def act(self, now: float) -> None:
        """Do all that is due."""
        entries = self._entries
        while entries and entries[0][0] <= now:
            _, _, act, arguments = heappop(entries)
            act(*arguments)
