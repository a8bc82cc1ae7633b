"""What happened in the cluster: the story of a task is read from it, and who watches reads it all.

One list for all, so that recording costs the same whether anybody reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import nan
from typing import Final, NamedTuple

from gdistributed.core.grouped import Grouped
from gdistributed.core.scheduler.paths import Path

KEPT: Final = 20_000
TASK: Final = "task"


class Event(NamedTuple):
    """One thing that happened.

    Attributes
    ----------
    now
        When, in seconds of the brain's clock.
    kind
        "task", "worker", "client" or "data".
    subject
        Key of the task or of the data, or name of the worker or client.
    path
        The states before and after; a task may have gone through others between them. Of a note
        about a task, which changes no state, the origin is empty and the target is a few words.
    worker
        Name of the worker that took part; empty for none.
    prefix
        Of the task.
    detail
        In words.
    """

    now: float
    kind: str
    subject: str
    path: Path
    worker: str = ""
    prefix: str = ""
    detail: str = ""

    @property
    def origin(self) -> str:
        """The state before."""
        return self.path.origin

    @property
    def target(self) -> str:
        """The state after."""
        return self.path.target


# Events that happened at once and are alike but for their subjects, as they are kept: these, the
# number of the first, and the other fields of `Event`.
Line = tuple[list[str], int, float, str, Path, str, str, str]
CLOSED: Final[Line] = ([], 0, nan, "", Path(""), "", "", "")


class Events(Grouped[Line]):
    """The events that are kept.

    Parameters
    ----------
    kept
        So many are kept at least.
    """

    def __init__(self, kept: int = KEPT) -> None:
        super().__init__(kept, CLOSED)

    def step(self, now: float, key: str, path: Path, worker: str, prefix: str) -> None:
        """Add that a task went from state to state: to those that just did, if it is alike."""
        line = self.latest
        if line[4] is path and line[5] is worker and line[6] is prefix and line[2] is now:
            line[0].append(key)
        else:
            self.open(([key], self.close(), now, TASK, path, worker, prefix, ""))

    def note(
        self,
        now: float,
        kind: str,
        subject: str,
        origin: str,
        target: str,
        worker: str = "",
        detail: str = "",
    ) -> None:
        """Add what happened to a worker, a client or data; or to a task, without its prefix."""
        path = Path(origin, target)
        self.open(([subject], self.close(), now, kind, path, worker, "", detail))

    def remark(self, now: float, key: str, text: str, worker: str = "") -> None:
        """Add a note about a task, or about a key of which no task is known."""
        self.note(now, TASK, key, "", text, worker)

    def of(self, key: str) -> Iterator[Event]:
        """Yield what is remembered of a task, oldest first."""
        for keys, _, now, kind, path, worker, prefix, detail in self.since(self.first):
            if kind == TASK and key in keys:
                yield Event(now, kind, key, path, worker, prefix, detail)


def one_by_one(lines: Iterable[Line]) -> Iterator[tuple[int, Event]]:
    """Yield events by themselves, with their numbers."""
    for subjects, first, now, kind, path, worker, prefix, detail in lines:
        for number, subject in enumerate(subjects, first):
            yield number, Event(now, kind, subject, path, worker, prefix, detail)
