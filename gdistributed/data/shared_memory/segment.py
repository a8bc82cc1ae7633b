"""Segments of shared memory: written once, sealed, and mapped by whoever is told of them.

A segment is a memfd: a file of memory that stands in no folder. The system keeps it while a process
has it open or mapped, and frees it with the last of them, however they end. So nothing has to be
cleaned up, and nothing can be left behind.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import resource
import secrets
import weakref
from collections.abc import Iterable
from typing import Final, Self

from gdistributed.v1 import worker_pb2

PREFIX: Final = "gdistributed-"
ALIGNMENT: Final = 64  # as Arrow wants it, and a line of the cache
DESCRIPTORS_EACH: Final = 2  # ours, by which others find it, and that of the mapping itself


class Segment(mmap.mmap):
    """A segment that this process holds. Views onto it keep it alive.

    Attributes
    ----------
    name
        Unlike that of any other.
    descriptor
        Under which it is open here.
    is_own
        Whether this process made it.
    """

    name: str
    descriptor: int
    is_own: bool

    @classmethod
    def of(cls, descriptor: int, name: str, *, is_own: bool) -> Self:
        """Map an open segment, which is closed with the mapping.

        What others made is mapped for reading only. What was made here stands for a value that
        could be written to, and still can: what is written nobody else sees.
        """
        access = mmap.ACCESS_COPY if is_own else mmap.ACCESS_READ
        segment = cls(descriptor, os.fstat(descriptor).st_size, access=access)
        segment.hold(descriptor, name, is_own=is_own)
        return segment

    def hold(self, descriptor: int, name: str, *, is_own: bool) -> None:
        """Count as held from now on; the descriptor is closed with the mapping."""
        self.name, self.descriptor, self.is_own = name, descriptor, is_own
        weakref.finalize(self, os.close, descriptor).atexit = False
        _held.add(self)

    def forget(self) -> None:
        """Count no longer."""
        _held.discard(self)

    def reference(self) -> worker_pb2.SharedSegment:
        """Say where others find it."""
        return worker_pb2.SharedSegment(
            process_id=os.getpid(), descriptor=self.descriptor, name=self.name, nbytes=len(self)
        )


_held: Final[weakref.WeakSet[Segment]] = weakref.WeakSet()
_private: Final[weakref.WeakSet[mmap.mmap]] = weakref.WeakSet()


def create() -> tuple[int, str]:
    """Create the file of a segment, and return its descriptor and its name.

    Raises
    ------
    OSError
        If the system has no such files, or the process no descriptor left.
    """
    name = PREFIX + secrets.token_hex(8)
    return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), name


def seal(descriptor: int) -> None:
    """Make it sure that nobody changes a file any more.

    Raises
    ------
    OSError
        If somebody has it mapped for writing.
    """
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)


def make_segment(parts: Iterable[memoryview]) -> tuple[Segment, list[int]]:
    """Copy bytes into a new segment, and return it with the offset of each part.

    Raises
    ------
    OSError
        If there is no room for it, or nothing to copy.
    """
    descriptor, name = create()
    try:
        offsets, end = [], 0
        for part in parts:
            offsets.append(-(-end // ALIGNMENT) * ALIGNMENT)
            end = _write(descriptor, part, offsets[-1])
        if not end:
            raise OSError("there is nothing to share")
        seal(descriptor)
        return Segment.of(descriptor, name, is_own=True), offsets
    except BaseException:
        os.close(descriptor)
        raise


def _write(descriptor: int, data: memoryview, offset: int) -> int:
    """Write bytes, and return where they end.

    Writing is more than twice as fast as copying to a mapping, since the pages need not be cleared
    and faulted in; and where there is no room it fails, while a mapping would kill the process.
    """
    while data:
        count = os.pwrite(descriptor, data, offset)
        data, offset = data[count:], offset + count
    return offset


def borrow(reference: worker_pb2.SharedSegment) -> Segment:
    """Map a segment of another process for reading.

    Raises
    ------
    OSError
        If it is not there (any more), or is not what it should be.
    """
    descriptor = _open(reference)
    try:
        return Segment.of(descriptor, reference.name, is_own=False)
    except BaseException:
        os.close(descriptor)
        raise


def copy_on_write(reference: worker_pb2.SharedSegment) -> mmap.mmap:
    """Map a segment of another process so that it may be written to, which nobody else sees.

    Raises
    ------
    OSError
        As for `borrow`.
    """
    descriptor = _open(reference)
    try:
        mapped = mmap.mmap(descriptor, reference.nbytes, access=mmap.ACCESS_COPY)
        _private.add(mapped)
        return mapped
    finally:
        os.close(descriptor)


def _open(reference: worker_pb2.SharedSegment) -> int:
    """Open a segment of another process, once it is sure that it is the one that is meant."""
    path = f"/proc/{reference.process_id}/fd/{reference.descriptor}"
    _check_name(reference, path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check_name(reference, f"/proc/self/fd/{descriptor}")
        is_sealed = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK
        if not is_sealed or os.fstat(descriptor).st_size != reference.nbytes:
            raise FileNotFoundError(f"segment {reference.name} is not sealed, or of another size")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_name(reference: worker_pb2.SharedSegment, path: str) -> None:
    """Check that a descriptor leads to the segment: by now it may be that of anything."""
    if os.readlink(path) != f"/memfd:{reference.name} (deleted)":
        raise FileNotFoundError(f"segment {reference.name} is gone from {path}")


def held_nbytes() -> tuple[int, int]:
    """Return the size of the segments that this process made and holds, and of others' it holds."""
    own = borrowed = 0
    for segment in list(_held):
        if segment.is_own:
            own += len(segment)
        else:
            borrowed += len(segment)
    return own, borrowed + sum(map(len, list(_private)))


def has_descriptors() -> bool:
    """Say whether another segment leaves the process most of its open files for other things."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (len(_held) + len(_private)) * DESCRIPTORS_EACH < allowed // 4
