"""What changed at the Center, numbered by revision, for those who watch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from gdistributed.v1 import center_pb2 as pb


class History:
    """The newest changes.

    Parameters
    ----------
    kept
        How many are kept for watchers that come late.
    """

    def __init__(self, kept: int) -> None:
        self.revision = 0
        self._changes: deque[pb.WatchResponse] = deque(maxlen=kept)

    @property
    def oldest(self) -> int:
        """Revision of the oldest change that is kept, or of the next one."""
        return self._changes[0].revision if self._changes else self.revision + 1

    def append(self, change: pb.WatchResponse) -> None:
        """Number a change and keep it."""
        self.revision += 1
        change.revision = self.revision
        self._changes.append(change)

    def since(self, revision: int) -> Iterator[pb.WatchResponse] | None:
        """Yield the changes from a revision on; None if some of them are no longer kept."""
        if revision < self.oldest:
            return None
        return (change for change in self._changes if change.revision >= revision)
