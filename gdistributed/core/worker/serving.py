"""What goes out to peers and clients now, and whether more may.

Calls for values are bounded in number and in bytes. Of one large value only a few workers get it at
one time: the others are told that it is crowded, and find it with those that have it by then, so
that it spreads as a tree. A caller that takes nothing for a while does not count among these.
"""

from __future__ import annotations

from dataclasses import dataclass

from gdistributed.settings import WorkerSettings


@dataclass(slots=True, eq=False)
class ServedCall:
    """One call for values that is being answered.

    Attributes
    ----------
    nbytes
        Size of the values that have not gone out yet.
    key, key_nbytes
        The value that goes out now, and its size.
    took_at
        When the caller took something last.
    """

    nbytes: int
    took_at: float
    key: str = ""
    key_nbytes: int = 0


class Serving:
    """Says what may go out. The time goes in.

    Parameters
    ----------
    settings
        The bounds.

    Attributes
    ----------
    calls
        Calls that are being answered.
    sending_nbytes
        Size of what they have still to send.
    count
        How many calls were answered, those included.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.calls: dict[ServedCall, None] = {}
        self.sending_nbytes = 0
        self.count = 0
        self._readers: dict[str, dict[ServedCall, None]] = {}

    def admit(self, nbytes: int, now: float) -> ServedCall | None:
        """Begin to answer a call for so many bytes; None if there is no room for it."""
        settings = self.settings
        is_full = self.sending_nbytes + nbytes > settings.serve_nbytes
        if len(self.calls) >= settings.serve_calls or (self.calls and is_full):
            return None
        call = ServedCall(nbytes, now)
        self.calls[call] = None
        self.sending_nbytes += nbytes
        self.count += 1
        return call

    def begin(self, call: ServedCall, key: str, nbytes: int, now: float, *, spreads: bool) -> bool:
        """Turn to a value, with which the last one is done; False if it is crowded.

        Parameters
        ----------
        spreads
            Whether the caller will give it to others.
        """
        self._end_value(call)
        call.took_at = now
        if not spreads or nbytes < self.settings.spread_nbytes:
            call.key_nbytes = nbytes
            return True
        readers = self._readers.setdefault(key, {})
        since = now - self.settings.stalled_s
        if sum(reader.took_at > since for reader in readers) >= self.settings.spread_calls:
            return False
        readers[call] = None
        call.key, call.key_nbytes = key, nbytes
        return True

    def end(self, call: ServedCall) -> None:
        """A call is over."""
        self._end_value(call)
        self.sending_nbytes -= call.nbytes
        del self.calls[call]

    def _end_value(self, call: ServedCall) -> None:
        done_nbytes = min(call.key_nbytes, call.nbytes)  # it may have grown since it was asked for
        call.nbytes -= done_nbytes
        self.sending_nbytes -= done_nbytes
        if call.key:
            readers = self._readers[call.key]
            del readers[call]
            if not readers:
                del self._readers[call.key]
        call.key, call.key_nbytes = "", 0
