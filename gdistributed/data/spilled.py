"""Values on disk: one file each, in which their buffers lie one after the other.

What a file holds is remembered here and not written into it: files mean nothing to any other
process, and go with the one that wrote them.
"""

from __future__ import annotations

import errno
import itertools
import mmap
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gdistributed.data.chunks import set_aside
from gdistributed.data.codecs import Encoded, decode_or_keep, encode_parts
from gdistributed.data.codecs.pickled import qualified_name

NOT_OFFERED: Final = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


@dataclass(slots=True, eq=False)
class Spilled:
    """One value on disk.

    Attributes
    ----------
    path
        Its file.
    codec, attributes
        How it is encoded.
    lengths
        In bytes: of the codec's data, and of each of the buffers.
    nbytes, type
        Its size in memory, and its type for people.
    """

    path: Path
    codec: str
    attributes: Mapping[str, str]
    lengths: Sequence[int]
    nbytes: int
    type: str

    def suits(self, codecs: Sequence[str]) -> bool:
        """Say whether it can be sent as it is to a reader that accepts these codecs, best first."""
        if codecs and codecs[0] != self.codec:
            return False
        try:
            return self.path.stat().st_size == sum(self.lengths)
        except OSError:
            return False  # reading it says what is wrong

    def encoded(self) -> Encoded:
        """Map the file: its bytes are read as they are used, and take no memory of this process.

        Raises
        ------
        OSError
            If the file is gone.
        """
        with self.path.open("rb") as file:
            whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        ends = list(itertools.accumulate(self.lengths))
        data, *buffers = [
            whole[end - length : end] for end, length in zip(ends, self.lengths, strict=True)
        ]
        return Encoded(self.codec, data, buffers, self.attributes)

    def read(self) -> object:
        """Read the value into memory.

        Raises
        ------
        OSError
            If the file is gone, cannot be read, or ends too early.
        SerializationError
            If its bytes cannot be decoded.
        """
        length, *lengths = self.lengths
        with self.path.open("rb") as file:
            data = file.read(length)  # bytes, which codecs that give bytes need not copy
            buffers = [set_aside(length) for length in lengths]
            nread = len(data) + sum(file.readinto(buffer) for buffer in buffers)
        if nread != sum(self.lengths):
            raise OSError(errno.EIO, "the file ends too early", str(self.path))
        return decode_or_keep(self.codec, data, buffers, self.attributes)


class SpillFiles:
    """The files of one worker. For any thread.

    Parameters
    ----------
    folder
        Where they are; it must exist.
    nbytes_max
        They take no more of the disk than so many bytes together; 0 means no bound.

    Attributes
    ----------
    nbytes
        How much of the disk they take.
    """

    def __init__(self, folder: Path, nbytes_max: int = 0) -> None:
        self.nbytes = 0
        self._lock = threading.Lock()
        self._folder = folder
        self._nbytes_max = nbytes_max
        self._numbers = itertools.count()

    def check_room(self, nbytes: int) -> None:
        """See whether so many bytes more would fit, without writing them.

        Raises
        ------
        OSError
            If they would not (EDQUOT for the bound, ENOSPC for the disk).
        """
        if self._nbytes_max and self.nbytes + nbytes > self._nbytes_max:
            raise OSError(errno.EDQUOT, f"the bound of {self._nbytes_max} bytes is reached")
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < nbytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))

    def write(self, value: object, nbytes: int) -> Spilled:
        """Write a value, of this size in memory. When it cannot be written no file is left.

        Raises
        ------
        OSError
            If the disk does not take it, or the bound is reached.
        SerializationError
            If it cannot be encoded.
        """
        encoded = encode_parts(value)
        parts = encoded.parts
        lengths = [len(part) for part in parts]
        self.check_room(sum(lengths))
        path = self._folder / str(next(self._numbers))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = os.open(path, flags, 0o600)
        try:
            _reserve(descriptor, sum(lengths))
            for part in parts:
                _write(descriptor, part)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(descriptor)
        with self._lock:
            self.nbytes += sum(lengths)
        kind = qualified_name(type(value))
        return Spilled(path, encoded.codec, encoded.attributes, lengths, nbytes, kind)

    def delete(self, spilled: Spilled) -> None:
        """Delete the file of a value; one that is being sent stays readable until that is over."""
        with self._lock:
            self.nbytes -= sum(spilled.lengths)
        spilled.path.unlink(missing_ok=True)


def _reserve(descriptor: int, nbytes: int) -> None:
    """Set room aside on the disk, so that a disk too full is known before it is filled up."""
    if nbytes and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, nbytes)
        except OSError as error:
            if error.errno not in NOT_OFFERED:
                raise


def _write(descriptor: int, part: memoryview) -> None:
    while part:
        part = part[os.write(descriptor, part) :]
