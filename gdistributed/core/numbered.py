"""A numbered list of which the newest entries are kept, for those who come late.

Entries are appended as to a plain list, and the oldest are dropped many at a time: an entry costs
what an append costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class Numbered(Generic[Entry]):
    """Entries with the numbers 1, 2, 3 ...

    Parameters
    ----------
    kept
        So many of the newest are kept at least, and twice as many at most, if `trim` is called.

    Attributes
    ----------
    append
        Adds an entry.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._entries: list[Entry] = []
        self._dropped = 0
        self.append: Callable[[Entry], None] = self._entries.append

    @property
    def last(self) -> int:
        """Number of the newest entry; 0 before the first."""
        return self._dropped + len(self._entries)

    @property
    def first(self) -> int:
        """Number of the oldest entry that is kept."""
        return self._dropped + 1

    def since(self, number: int) -> list[Entry]:
        """Return what is kept of the entries from a number on, oldest first."""
        return self._entries[max(number - self._dropped - 1, 0) :]

    def trim(self) -> None:
        """Drop the oldest, if there are more than twice as many as are to be kept."""
        excess = len(self._entries) - self._kept
        if excess > self._kept:
            del self._entries[:excess]
            self._dropped += excess
