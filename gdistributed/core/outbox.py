"""What a brain wants said: open batches by peer, which the shell takes and sends.

The order of effects, for every brain: first what must be written down (a journal, when there is
one), then what is dropped, then what is fetched and run, and messages last. A brain that has local
work keeps it in lanes of its own beside its outboxes; the shell empties the lanes in that order
before it wakes the links.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from gdistributed.core.chance import Rarely, never

Batch = TypeVar("Batch")

MESSAGE_OVERHEAD_NBYTES = 64
CLOSED_MAX = 32


class Outbox(Generic[Batch]):
    """Open batches, one for each peer that has mail.

    Parameters
    ----------
    make
        Makes an empty batch, for instance ``pb.ToWorker``.
    batch_nbytes
        A batch that has grown to about this size is closed and another one opened, so that no
        message grows without bound.

    Attributes
    ----------
    overfull
        Peers that do not take their mail: more than `closed_max` closed batches wait for them.
        Whoever looks clears it.
    closed_max
        How many closed batches may wait for one peer; 32 by default.
    rarely
        Takes rare choices, in the simulator only.
    """

    def __init__(self, make: Callable[[], Batch], batch_nbytes: int) -> None:
        self._make = make
        self._batch_nbytes = batch_nbytes
        self._open: dict[str, Batch] = {}
        self._sizes: dict[str, int] = {}
        self._closed: dict[str, deque[Batch]] = {}
        self._fresh: dict[str, None] = {}
        self.overfull: dict[str, None] = {}
        self.closed_max = CLOSED_MAX
        self.rarely: Rarely = never

    def to(self, peer: str, nbytes: int = 0) -> Batch:
        """Return the open batch for a peer, to which about `nbytes` will be added now."""
        batch = self._open.get(peer)
        if batch is None:
            return self._begin(peer, nbytes)
        size = self._sizes[peer] + nbytes + MESSAGE_OVERHEAD_NBYTES
        if size > self._batch_nbytes or self.rarely("close a batch"):
            self._close(peer, batch)
            return self._begin(peer, nbytes)
        self._sizes[peer] = size
        return batch

    def after(self, peer: str, *kinds: str, nbytes: int = 0) -> Batch:
        """Return a batch for a peer that has nothing of some kinds in it yet.

        Whoever receives a batch takes it in kind by kind, in the order of the fields: what must
        come after something of a later field goes into a batch of its own.
        """
        batch = self._open.get(peer)
        if batch is not None:
            for kind in kinds:
                if getattr(batch, kind):
                    self._close(peer, batch)
                    return self._begin(peer, nbytes)
        return self.to(peer, nbytes)

    def close(self, peer: str) -> None:
        """Have what is said from now on received after all that was said so far."""
        batch = self._open.pop(peer, None)
        if batch is not None:
            self._close(peer, batch)

    def _close(self, peer: str, batch: Batch) -> None:
        closed = self._closed.setdefault(peer, deque())
        closed.append(batch)
        if len(closed) > self.closed_max:
            self.overfull[peer] = None

    def _begin(self, peer: str, nbytes: int) -> Batch:
        batch = self._open[peer] = self._make()
        self._sizes[peer] = nbytes + MESSAGE_OVERHEAD_NBYTES
        self._fresh[peer] = None
        return batch

    def take(self, peer: str) -> Batch | None:
        """Return the oldest batch for a peer, or None; it is then the caller's to send."""
        closed = self._closed.get(peer)
        if closed:
            batch = closed.popleft()
            if not closed:
                del self._closed[peer]
            return batch
        self._fresh.pop(peer, None)
        return self._open.pop(peer, None)

    def is_behind(self, peer: str) -> bool:
        """Whether a whole batch waits for a peer beside the open one."""
        return peer in self._closed

    def fresh(self) -> list[str]:
        """Return the peers for whom a batch was opened since the last call: wake their links."""
        peers = list(self._fresh)
        self._fresh.clear()
        return peers

    def drop(self, peer: str) -> None:
        """Forget all mail for a peer that is gone."""
        self._open.pop(peer, None)
        self._sizes.pop(peer, None)
        self._closed.pop(peer, None)
        self._fresh.pop(peer, None)

    def peers(self) -> list[str]:
        """Return the peers that have mail."""
        return list(self._open)
