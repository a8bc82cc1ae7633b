"""How fast something goes on, and how long the rest of it will take."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

WINDOW_S: Final = 5.0
# By fewer than this a rate is too rough to say when the rest will be done.
ENOUGH: Final = 10


class Pace:
    """A count that grows, as of the last seconds.

    Parameters
    ----------
    window_s
        Of how many seconds.
    """

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._notes: deque[tuple[float, float]] = deque()

    def note(self, count: float, now: float) -> None:
        """Note a count. One that is lower than the last begins anew."""
        notes = self._notes
        if notes and count < notes[-1][1]:
            notes.clear()
        notes.append((now, count))
        while len(notes) > 2 and notes[1][0] <= now - self._window_s:
            notes.popleft()

    @property
    def grown(self) -> float:
        """By how much it has grown."""
        return self._notes[-1][1] - self._notes[0][1] if self._notes else 0.0

    @property
    def rate(self) -> float:
        """By how much it grows in a second."""
        if len(self._notes) < 2:
            return 0.0
        seconds = self._notes[-1][0] - self._notes[0][0]
        return self.grown / seconds if seconds > 0 else 0.0


def seconds_left(remaining: int, pace: Pace, mean_s: float, nthreads: int) -> float | None:
    """Estimate when all is done.

    When tasks are short, many have just ended: it goes on at their rate. When they are long, that
    is rough: the mean time of a run says more, of as many at a time as there are threads.

    Parameters
    ----------
    remaining
        How many tasks have not ended.
    pace
        Of those that have.
    mean_s
        How long one runs, in seconds; 0 when that is not known.
    nthreads
        How many run at a time, at most.

    Returns
    -------
    Seconds; None when nothing is known.
    """
    if not remaining:
        return 0.0
    if pace.grown >= ENOUGH:
        return remaining / pace.rate
    if mean_s > 0 and nthreads:
        return mean_s * math.ceil(remaining / nthreads)
    return remaining / pace.rate if pace.rate else None
