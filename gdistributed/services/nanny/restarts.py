"""Whether another worker is started after one has ended, and after what pause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# A worker that lived for less is started again with a pause, longer each time.
SOUND_LIFE_S: Final = 10.0
PAUSE_S: Final = 0.5
PAUSE_S_MAX: Final = 30.0
START_FAILURES_MAX: Final = 5
LIFETIME: Final = "lifetime"
RESTART: Final = "restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One worker's life, as its nanny saw it.

    Attributes
    ----------
    cause
        The word of `WorkerExit.cause`.
    signal
        That ended it; 0 for none.
    lived_s
        How long it lived.
    was_registered
        Whether a scheduler had welcomed it.
    was_leaving
        Whether it said that it ends on purpose.
    """

    cause: str
    signal: int
    lived_s: float
    was_registered: bool
    was_leaving: bool

    @property
    def is_start_failure(self) -> bool:
        """Whether it gave up by itself before it was of any use."""
        return self.cause == "exited" and not self.was_registered


class Restarts:
    """What was learned of the workers so far.

    Parameters
    ----------
    after_lifetime
        Whether another worker follows one whose lifetime is over.

    Attributes
    ----------
    has_failed
        Whether the last answer was None because workers do not start.
    """

    def __init__(self, after_lifetime: bool) -> None:
        self.has_failed = False
        self._after_lifetime = after_lifetime
        self._was_registered = False
        self._start_failures = 0
        self._short_lives = 0

    def pause_s(self, life: Life) -> float | None:
        """Return after what pause another worker is started; None for never.

        A first worker that does not start is not tried again: it was told something wrong, and
        would be told the same. Others are, a few times: what they need may be back soon.
        """
        self._was_registered |= life.was_registered
        if life.cause == RESTART:
            return 0.0
        if life.cause == LIFETIME:
            return 0.0 if self._after_lifetime else None
        if life.is_start_failure and not life.was_leaving:
            self._start_failures += 1
            if self._start_failures >= (START_FAILURES_MAX if self._was_registered else 1):
                self.has_failed = True
                return None
        elif life.was_leaving:
            return None
        else:
            self._start_failures = 0
        self._short_lives = self._short_lives + 1 if life.lived_s < SOUND_LIFE_S else 0
        if self._short_lives <= 1:
            return 0.0
        return float(min(PAUSE_S * 2 ** (self._short_lives - 2), PAUSE_S_MAX))
