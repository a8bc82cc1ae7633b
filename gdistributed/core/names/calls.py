"""Calls that may have to wait: who asks for what, until when, and what the answer is.

A call is answered once. The shell hands answers over that are in the lane `answered`; a call that
is answered before its event method returns is in no lane. What was answered is remembered for a
while, for callers whose connection broke and who ask again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from gdistributed.core.agenda import Agenda
from gdistributed.errors import GDistributedError, WaitTimeout

REMEMBERED_S: Final = 60.0

Answer = Message | GDistributedError


class Room(Protocol):
    """What calls wait in: semaphores, queues and so on."""

    def leave(self, call: Call) -> None:
        """Take a call that waits out of all lines."""

    def undo(self, call: Call) -> bool:
        """Put back what a call was given; say whether that could be."""

    def late(self, call: Call) -> WaitTimeout:
        """Say that the time of a call is over."""


@dataclass(slots=True, eq=False)
class Call:
    """One call.

    Attributes
    ----------
    request
        What is asked.
    room
        Where it waits; None for a call that never does.
    answer
        A response or an error; None while it waits.
    """

    request: Any
    room: Room | None
    answer: Answer | None = None


class Calls:
    """The calls of all rooms, with what they have in common: the time, and what waits for it.

    Attributes
    ----------
    now
        The time of the event that goes on.
    agenda
        What is to be done later.
    answered
        Calls that have waited and have got their answers. The shell empties it.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.agenda = Agenda()
        self.answered: list[Call] = []
        self._known: dict[str, Call] = {}
        self._waiting: dict[Call, None] = {}

    @property
    def waiting(self) -> list[Call]:
        """The calls that wait, in the order in which they came."""
        return list(self._waiting)

    def known(self, request_id: str) -> Call | None:
        """Return the call of an id that waits, or was answered lately."""
        return self._known.get(request_id)

    def note(self, call: Call) -> None:
        """Remember a call, and see to it that it does not wait for longer than it wants."""
        request_id = getattr(call.request, "request_id", "")
        if request_id:
            self._known[request_id] = call
        if call.answer is not None:
            self._forget_later(call)
            return
        self._waiting[call] = None
        if call.request.HasField("timeout"):
            timeout_s = seconds(call.request.timeout)
            if timeout_s <= 0:
                self._expire(call)
            else:
                self.agenda.at(self.now + timeout_s, self._expire, call)

    def answer(self, call: Call, answer: Answer) -> None:
        """Answer a call."""
        call.answer = answer
        if call in self._waiting:
            del self._waiting[call]
            self.answered.append(call)
            self._forget_later(call)

    def give_up(self, call: Call) -> None:
        """Nobody waits for the answer any more: the call never was, as far as that can be."""
        room = call.room
        if room is not None and call.answer is None:
            del self._waiting[call]
            room.leave(call)
            self._forget(call)
        elif room is not None and room.undo(call):
            self._forget(call)

    def _expire(self, call: Call) -> None:
        if call in self._waiting and call.room is not None:
            call.room.leave(call)
            self.answer(call, call.room.late(call))

    def _forget_later(self, call: Call) -> None:
        if getattr(call.request, "request_id", ""):
            self.agenda.at(self.now + REMEMBERED_S, self._forget, call)

    def _forget(self, call: Call) -> None:
        request_id = getattr(call.request, "request_id", "")
        if self._known.get(request_id) is call:
            del self._known[request_id]


def seconds(duration: Duration) -> float:
    """Return a duration in seconds."""
    return duration.ToNanoseconds() / 1e9
