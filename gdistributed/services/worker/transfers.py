"""The calls by which values came from peers, as the scheduler is told of them."""

from __future__ import annotations

from collections import deque
from typing import Final

from gdistributed.core.worker.records import PeerRecord
from gdistributed.settings import MIB, NS
from gdistributed.v1 import worker_pb2

# A smaller transfer says nothing about the bandwidth.
MEASURED_NBYTES_MIN: Final = 1 * MIB
# So many are told in a heartbeat at most (Heartbeat.transfers): the latest.
TOLD_MAX: Final = 1000


class Transfers:
    """Those that ended since the last heartbeat."""

    def __init__(self) -> None:
        self._moved: dict[str, tuple[int, float]] = {}  # bytes and seconds by the peer's host
        self._ended: deque[tuple[float, worker_pb2.Transfer]] = deque(maxlen=TOLD_MAX)

    def note(
        self, peer: PeerRecord, values: int, nbytes: int, begun: float, now: float, *, shared: bool
    ) -> None:
        """Note a call that has ended, by which so many values and bytes came."""
        if not values:
            return
        seconds = now - begun
        if nbytes >= MEASURED_NBYTES_MIN and seconds > 0:
            before_nbytes, before_s = self._moved.get(peer.host, (0, 0.0))
            self._moved[peer.host] = before_nbytes + nbytes, before_s + seconds
        transfer = worker_pb2.Transfer(
            worker_id=peer.worker_id,
            values=values,
            nbytes=nbytes,
            duration_ns=max(int(seconds * NS), 0),
            shared=shared,
        )
        self._ended.append((now, transfer))

    def take_bandwidths(self) -> list[worker_pb2.Bandwidth]:
        """Return what was measured since the last call."""
        moved, self._moved = self._moved, {}
        return [
            worker_pb2.Bandwidth(host=host, bytes_per_second=nbytes / seconds, nbytes=nbytes)
            for host, (nbytes, seconds) in moved.items()
        ]

    def take(self, now: float) -> list[worker_pb2.Transfer]:
        """Return those that ended since the last call."""
        taken = []
        while self._ended:
            ended, transfer = self._ended.popleft()
            transfer.ended_ns = max(int((now - ended) * NS), 0)
            taken.append(transfer)
        return taken
