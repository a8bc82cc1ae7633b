"""What happened in a simulation, and a digest of it: two runs of one seed have the same."""

from __future__ import annotations

import hashlib
from collections import deque

from google.protobuf import text_format
from google.protobuf.message import Message

LINE_LENGTH = 200


class Trace:
    """The last things that happened, and a digest of all.

    Parameters
    ----------
    length
        How many are kept.
    """

    def __init__(self, length: int = 20_000) -> None:
        self._entries: deque[tuple[float, str, str | Message]] = deque(maxlen=length)
        self._digest = hashlib.sha256()

    def note(self, now: float, actor: str, text: str) -> None:
        """Add what somebody did."""
        self._entries.append((now, actor, text))
        self._digest.update(f"{now!r} {actor} {text}\n".encode())

    def sent(self, now: float, actor: str, message: Message) -> None:
        """Add a message that was sent."""
        self._entries.append((now, actor, message))
        self._digest.update(f"{now!r} {actor} ".encode())
        self._digest.update(message.SerializeToString(deterministic=True))

    def digest(self) -> str:
        """Return the digest of everything so far."""
        return self._digest.hexdigest()

    def lines(self, only: str = "") -> list[str]:
        """Return what is kept, a line each; with `only`, what has this text in it."""
        lines = (f"{now:10.4f} {actor:20} {_text(what)}" for now, actor, what in self._entries)
        return [_shortened(line) for line in lines if only in line]


def _text(what: str | Message) -> str:
    return what if isinstance(what, str) else text_format.MessageToString(what, as_one_line=True)


def _shortened(line: str) -> str:
    return line if len(line) <= LINE_LENGTH else line[: LINE_LENGTH - 4] + " ..."
