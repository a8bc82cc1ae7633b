"""Segments that are written to by way of their mapping: what lies in one is shared without a copy.

A draft is a mapping of a new memfd, for writing. When a value that lies in it is to be shared, the
same addresses are mapped anew so that further writes stay within this process, and the file is
sealed: from then on it is a segment like any other, and what the value's own process does to the
array nobody else sees.
"""

from __future__ import annotations

import ctypes
import logging
import mmap
import os
import sys
import threading
import weakref
from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final, Self

from gdistributed.data.shared_memory.segment import Segment, create, seal

logger = logging.getLogger("gdistributed.data")

_drafts: Final[weakref.WeakSet[Draft]] = weakref.WeakSet()
_finishing: Final = threading.Lock()
_MAP_FIXED: Final = 0x10  # of Linux, on all that CPython runs on


class Draft(Segment):
    """A segment that is being written to. Views onto it keep it alive.

    Attributes
    ----------
    address
        Of its first byte in this process.
    """

    address: int

    @classmethod
    def of_nbytes(cls, nbytes: int) -> Self:
        """Make a draft full of zeros.

        Raises
        ------
        OSError
            If the system has no such memory, or the process no descriptor left.
        """
        descriptor, name = create()
        try:
            os.ftruncate(descriptor, nbytes)
            draft = cls(descriptor, nbytes)
        except BaseException:
            os.close(descriptor)
            raise
        draft.hold(descriptor, name, is_own=True)
        draft.address = ctypes.addressof(ctypes.c_char.from_buffer(draft))
        _drafts.add(draft)
        return draft

    def finish(self) -> Segment:
        """Return the segment that it becomes: for what is in it now. It can be done once.

        Raises
        ------
        OSError
            If the system does not do it, such as after a fork, when another process writes there.
        """
        _drafts.discard(self)
        _map_privately(self.address, len(self), self.descriptor)
        seal(self.descriptor)
        descriptor = os.dup(self.descriptor)
        try:
            segment = Segment.of(descriptor, self.name, is_own=True)
        except BaseException:
            os.close(descriptor)
            raise
        self.forget()
        return segment


def nbytes_in_drafts(parts: Sequence[memoryview]) -> int:
    """Return how many of the bytes lie in drafts."""
    return sum(len(part) for part, place in zip(parts, _places(parts), strict=True) if place)


def finish_drafts(parts: Sequence[memoryview]) -> list[tuple[Segment, int] | None]:
    """Turn the drafts in which bytes lie into segments, and return where each part lies in them.

    None stands for a part that lies elsewhere.
    """
    finished: dict[Draft, Segment | None] = {}
    with _finishing:
        places = _places(parts)
        for draft, _ in filter(None, places):
            if draft not in finished:
                finished[draft] = _finished(draft)
    return [
        (segment, place[1]) if place and (segment := finished[place[0]]) is not None else None
        for place in places
    ]


def _finished(draft: Draft) -> Segment | None:
    try:
        return draft.finish()
    except OSError as error:
        logger.warning("what was made in shared memory is copied", extra={"cause": str(error)})
        return None


def _places(parts: Sequence[memoryview]) -> list[tuple[Draft, int] | None]:
    """Return the draft in which each part lies, and where it begins there; None if elsewhere."""
    drafts = sorted(_drafts, key=attrgetter("address"))
    if not drafts:
        return [None] * len(parts)
    addresses = [draft.address for draft in drafts]
    places: list[tuple[Draft, int] | None] = []
    for part in parts:
        begin: int = sys.modules["numpy"].frombuffer(part, "u1").ctypes.data if part else 0
        draft = drafts[max(bisect_right(addresses, begin) - 1, 0)]
        offset = begin - draft.address
        is_inside = offset >= 0 and offset + len(part) <= len(draft)
        places.append((draft, offset) if is_inside else None)
    return places


def _map_privately(address: int, nbytes: int, descriptor: int) -> None:
    """Map a file over its own mapping, at one stroke, so that writes are this process's alone."""
    protection = mmap.PROT_READ | mmap.PROT_WRITE
    flags = mmap.MAP_PRIVATE | _MAP_FIXED
    if _system_mmap()(address, nbytes, protection, flags, descriptor, 0) != address:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _system_mmap() -> Callable[[int, int, int, int, int, int], int | None]:
    function = ctypes.CDLL(None, use_errno=True).mmap
    function.restype = ctypes.c_void_p
    whole, size, offset = ctypes.c_int, ctypes.c_size_t, ctypes.c_long
    function.argtypes = (ctypes.c_void_p, size, whole, whole, whole, offset)
    return function
