"""Events for those who watch: numbered by revision, and the newest kept for those who come late.

Events of tasks are recorded while somebody watches: they cost a busy cluster nothing otherwise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

KEPT = 10_000


class Happening(NamedTuple):
    """One event; the fields are those of `Event` in scheduler.proto."""

    revision: int
    now: float
    kind: str
    subject: str
    origin: str
    target: str
    worker: str
    detail: str
    prefix: str


class Watchers:
    """The events that are kept.

    Attributes
    ----------
    watching
        How many watch now: events of tasks are recorded only while somebody does, those of
        workers and clients always.
    revision
        Number of the last event.
    fresh
        Events that nobody has taken yet, for those who are to miss none; None records none.
    """

    def __init__(self) -> None:
        self.watching = 0
        self.revision = 0
        self.fresh: list[Happening] | None = None
        self._kept: deque[Happening] = deque(maxlen=KEPT)

    def note(
        self,
        now: float,
        kind: str,
        subject: str,
        origin: str,
        target: str,
        worker: str = "",
        detail: str = "",
        prefix: str = "",
    ) -> None:
        """Record an event."""
        self.revision += 1
        event = Happening(self.revision, now, kind, subject, origin, target, worker, detail, prefix)
        self._kept.append(event)
        if self.fresh is not None:
            self.fresh.append(event)

    def since(self, revision: int) -> Iterator[Happening] | None:
        """Yield the events from a revision on; None if some of them are no longer kept."""
        oldest = self._kept[0].revision if self._kept else self.revision + 1
        if revision < oldest:
            return None
        skipped = revision - oldest
        return (event for index, event in enumerate(self._kept) if index >= skipped)
