"""Where data lies, as a scheduler in another process reports it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gdistributed.v1 import center_pb2 as pb


class Locations(Protocol):
    """What a Center must know of where data lies. A scheduler in the same process offers a view of
    its own books."""

    def holders(self, key: str) -> Iterable[tuple[str, str]]:
        """Yield id and address of each worker that holds a key."""

    def nbytes(self, key: str) -> int:
        """Return the size of a key's value; 0 when nobody holds it."""

    def keys(self) -> Iterable[str]:
        """Yield all keys that somebody holds."""

    def keys_of(self, worker_id: str) -> Iterable[str]:
        """Yield the keys that a worker holds."""


class ReportedLocations:
    """An index kept up to date by reports. A holder that is no member is passed over: it may have
    died, or be back soon.

    Parameters
    ----------
    addresses
        Addresses of workers by id; looked up when asked, so that it may change.
    """

    def __init__(self, addresses: dict[str, str]) -> None:
        self._addresses = addresses
        self._holders: dict[str, dict[str, None]] = {}
        self._held: dict[str, dict[str, None]] = {}
        self._nbytes: dict[str, int] = {}

    def report(self, batch: pb.ReportLocationsRequest) -> None:
        """Apply a batch of changes."""
        if batch.snapshot:
            self._holders.clear()
            self._held.clear()
            self._nbytes.clear()
        for place in batch.added:
            self._holders.setdefault(place.key, {})[place.worker_id] = None
            self._held.setdefault(place.worker_id, {})[place.key] = None
            self._nbytes[place.key] = place.nbytes
        for place in batch.removed:
            self._remove(place.key, place.worker_id)
        for worker_id in batch.lost_workers:
            self.lose(worker_id)

    def lose(self, worker_id: str) -> None:
        """A worker is gone, with all that it held."""
        for key in list(self._held.get(worker_id, ())):
            self._remove(key, worker_id)

    def _remove(self, key: str, worker_id: str) -> None:
        for index, first, second in (
            (self._holders, key, worker_id),
            (self._held, worker_id, key),
        ):
            inner = index.get(first)
            if inner is not None:
                inner.pop(second, None)
                if not inner:
                    del index[first]
        if key not in self._holders:
            self._nbytes.pop(key, None)

    def holders(self, key: str) -> Iterable[tuple[str, str]]:
        """Yield id and address of each worker that holds a key."""
        return (
            (worker_id, self._addresses[worker_id])
            for worker_id in self._holders.get(key, ())
            if worker_id in self._addresses
        )

    def nbytes(self, key: str) -> int:
        """Return the size of a key's value; 0 when nobody holds it."""
        return self._nbytes.get(key, 0) if any(self.holders(key)) else 0

    def keys(self) -> Iterable[str]:
        """Yield all keys that somebody holds."""
        return self._holders.keys()

    def keys_of(self, worker_id: str) -> Iterable[str]:
        """Yield the keys that a worker holds."""
        return self._held.get(worker_id, {}).keys()
