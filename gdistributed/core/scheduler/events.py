"""What happened in the cluster: the story of a task is read from it, and who watches reads it all.

One list for all, so that recording costs the same whether anybody reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from gdistributed.core.numbered import Numbered

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
    origin, target
        The states before and after. Of a note about a task, which changes no state, the origin is
        empty and the target is a few words.
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
    origin: str
    target: str
    worker: str = ""
    prefix: str = ""
    detail: str = ""


# An event as it is kept: its fields in their order.
Line = tuple[float, str, str, str, str, str, str, str]


class Events(Numbered[Line]):
    """The events that are kept, each a plain tuple with the fields of `Event`, which is cheaper."""

    def __init__(self, kept: int = KEPT) -> None:
        super().__init__(kept)

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
        """Add what happened to a worker, a client or data."""
        self.append((now, kind, subject, origin, target, worker, "", detail))

    def remark(self, now: float, key: str, text: str, worker: str = "") -> None:
        """Add a note about a task, or about a key of which no task is known."""
        self.append((now, TASK, key, "", text, worker, "", ""))

    def of(self, key: str) -> Iterator[Event]:
        """Yield what is remembered of a task, oldest first."""
        lines = (line for line in self.since(self.first) if line[2] == key and line[1] == TASK)
        return (Event(*line) for line in lines)
