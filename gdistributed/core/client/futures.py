"""What a client knows of a key that it wants, and who waits for news of it.

A record is shared by all futures of one key. Its states and their edges are in TRANSITIONS; news
that fits no edge came too late and changes nothing. A watch counts settled records, or collects
them; it fires when those who wait for it should be woken, which is up to the shell.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gdistributed.v1 import error_pb2

Outcome = bytes | tuple[int, ...] | error_pb2.TaskError | None


class FutureState(StrEnum):
    """Where a key stands, in the words that users see as `Future.status`."""

    PENDING = "pending"
    FINISHED = "finished"
    ERROR = "error"
    CANCELLED = "cancelled"
    LOST = "lost"


PENDING: Final = FutureState.PENDING
FINISHED: Final = FutureState.FINISHED
ERROR: Final = FutureState.ERROR
CANCELLED: Final = FutureState.CANCELLED
LOST: Final = FutureState.LOST

Edge = tuple[FutureState, FutureState]


@dataclass(slots=True, eq=False)
class FutureRecord:
    """A key that is wanted, or was.

    Attributes
    ----------
    key
        Key on the wire.
    state
        Where it stands.
    count
        How many futures of it there are.
    outcome
        Of a finished key its value as a serialised Payload, or the numbers of the peers that hold
        it; of an erred or cancelled one the error.
    type
        Type of the result, for people; empty while it is not known.
    watches
        Who waits for it; None for nobody.
    traceparent
        The trace that it was submitted in; empty for none.
    """

    key: str
    state: FutureState = PENDING
    count: int = 0
    outcome: Outcome = None
    type: str = ""
    watches: list[Watch] | None = None
    traceparent: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to wait for now."""
        return self.state is not PENDING and self.state is not LOST

    @property
    def error(self) -> error_pb2.TaskError | None:
        """The error of an erred or cancelled key."""
        return self.outcome if isinstance(self.outcome, error_pb2.TaskError) else None


class Watch:
    """Somebody who waits for keys to settle.

    Parameters
    ----------
    wake
        Called by the shell when the watch has fired, outside the brain's lock.
    """

    __slots__ = ("wake",)

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def settled(self, record: FutureRecord) -> bool:
        """Take note of a record that settled, and say whether to wake those who wait."""
        raise NotImplementedError


def wake_all(fired: Iterable[Watch]) -> None:
    """Wake those who wait for watches that fired."""
    for watch in fired:
        watch.wake()


class Countdown(Watch):
    """Fires once: when enough records have settled, or the first one that failed.

    Parameters
    ----------
    remaining
        How many records must settle.
    stops_at_error
        Whether one that erred or was cancelled ends the wait at once.
    """

    __slots__ = ("remaining", "stops_at_error")

    def __init__(
        self, wake: Callable[[], None], remaining: int, stops_at_error: bool = False
    ) -> None:
        super().__init__(wake)
        self.remaining = remaining
        self.stops_at_error = stops_at_error

    @property
    def is_over(self) -> bool:
        """Whether the wait is over."""
        return self.remaining <= 0

    def settled(self, record: FutureRecord) -> bool:
        if self.remaining <= 0:
            return False
        self.remaining -= 1
        if self.stops_at_error and record.state is not FINISHED:
            self.remaining = 0
        return self.remaining == 0


class Once(Watch):
    """Fires when its record settles."""

    __slots__ = ()

    def settled(self, record: FutureRecord) -> bool:
        return True


class Arrivals(Watch):
    """Collects the records in the order in which they settle, and fires at each."""

    __slots__ = ("arrived",)

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__(wake)
        self.arrived: deque[FutureRecord] = deque()

    def settled(self, record: FutureRecord) -> bool:
        self.arrived.append(record)
        return True


def settle(record: FutureRecord, outcome: Outcome) -> list[Watch]:
    """Take the outcome, and return the watches that fire by it."""
    record.outcome = outcome
    if record.watches is None:
        return []
    watches, record.watches = record.watches, None
    return [watch for watch in watches if watch.settled(record)]


def renew(record: FutureRecord, outcome: Outcome) -> list[Watch]:
    """Take newer news of a settled record: where its value lies now. Nobody waits for that."""
    record.outcome = outcome
    return []


def reopen(record: FutureRecord, outcome: Outcome) -> list[Watch]:
    """Forget the outcome: another one will come."""
    record.outcome = None
    return []


TRANSITIONS: Final[dict[Edge, Callable[[FutureRecord, Outcome], Sequence[Watch]]]] = {
    (PENDING, FINISHED): settle,
    (PENDING, ERROR): settle,
    (PENDING, CANCELLED): settle,
    (FINISHED, FINISHED): renew,
    (FINISHED, LOST): reopen,  # the only holder died; it is computed again
    (FINISHED, ERROR): renew,
    (FINISHED, CANCELLED): renew,
    (LOST, FINISHED): settle,
    (LOST, ERROR): settle,
    (LOST, CANCELLED): settle,
    (ERROR, PENDING): reopen,  # somebody asked for another try
    (ERROR, CANCELLED): renew,
    (ERROR, FINISHED): renew,  # another client asked for another try
}


def move(record: FutureRecord, target: FutureState, outcome: Outcome = None) -> Sequence[Watch]:
    """Take a record along an edge; return the watches that fire. No edge, no change."""
    edge = TRANSITIONS.get((record.state, target))
    if edge is None:
        return ()
    record.state = target
    return edge(record, outcome)
