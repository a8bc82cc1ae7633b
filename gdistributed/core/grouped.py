"""A numbered list of which the newest entries are kept, those together that come together.

Entries that have all but one thing in common are kept as one group: to add one costs what an append
to a list costs, and who reads them need not look at each.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

# Members, the number of the first of them, and what they have in common.
Group = TypeVar("Group", bound=tuple[Any, ...])


class Grouped(Generic[Group]):
    """Groups whose members have the numbers 1, 2, 3 ...

    Parameters
    ----------
    kept
        So many of the newest members are kept at least, and twice as many at most, if `trim` is
        called.
    closed
        A group without members, to which nothing is added.

    Attributes
    ----------
    latest
        The group to which members may still be appended; `closed` when there is none.
    """

    def __init__(self, kept: int, closed: Group) -> None:
        self._kept = kept
        self._closed = closed
        self._groups: list[Group] = []
        self._next = 1  # number of the first member of the next group, but for those of the latest
        self.latest = closed

    @property
    def last(self) -> int:
        """Number of the newest member; 0 before the first."""
        return self._next + len(self.latest[0]) - 1

    @property
    def first(self) -> int:
        """Number of the oldest member that is kept."""
        number: int = self._groups[0][1] if self._groups else self._next
        return number

    def close(self) -> int:
        """Let nothing be appended to the latest group; return the number of the next member."""
        self._next += len(self.latest[0])
        self.latest = self._closed
        return self._next

    def open(self, group: Group) -> None:
        """Add a group, which begins with the number that `close` has returned."""
        self.latest = group
        self._groups.append(group)

    def since(self, number: int) -> list[Group]:
        """Return what is kept from a number on, oldest first; nothing is appended to it later."""
        groups = self._groups
        if number >= self.close():
            return []
        index = len(groups) - 1  # what is asked for stands at the end: nothing else is looked at
        while index > 0 and groups[index][1] > number:
            index -= 1
        if groups[index][1] >= number:
            return groups[index:]
        return [_rest(groups[index], number), *groups[index + 1 :]]

    def trim(self) -> None:
        """Drop the oldest, if there are more than twice as many as are to be kept."""
        last = self.last
        if last - self.first >= 2 * self._kept:
            self._groups = self.since(last - self._kept + 1)


def _rest(group: Group, number: int) -> Group:
    """Return a group without the members before a number, which is that of one of its own."""
    members, first, *facts = group
    return type(group)((members[number - first :], number, *facts))
