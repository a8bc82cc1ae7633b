"""The file of an event log: written by a thread, so that a slow disk holds nobody up.

A disk that is full or broken ends the log, not the server that keeps it.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import zlib
from pathlib import Path
from typing import Final

from gdistributed.settings import MIB

logger = logging.getLogger("gdistributed.event_log")

COMPRESSED: Final = ".gz"
LEVEL: Final = 1  # of zlib: a fifth of the time of the usual one
# What waits for the disk; more than this and the log ends.
WAITING_NBYTES_MAX: Final = 256 * MIB
# So many lines are written by one call; POSIX has at least 16, Linux and macOS have 1,024.
LINES_AT_ONCE: Final = 1024


class LogFile:
    """Appends to a new file; one that is there already is kept under another name.

    Parameters
    ----------
    path
        Where; it is compressed by gzip if its name ends with ".gz".

    Raises
    ------
    OSError
        If the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and path.stat().st_size:
            path.rename(unused_name(path))
        self._file = path.open("wb", buffering=0)
        self._compressor = (
            zlib.compressobj(LEVEL, wbits=16 + zlib.MAX_WBITS)  # 16: with the header of gzip
            if path.suffix == COMPRESSED
            else None
        )
        self._pieces: queue.SimpleQueue[list[bytes] | None] = queue.SimpleQueue()
        self._trouble = False
        self._given_nbytes = self._taken_nbytes = 0  # to and by the thread
        self._thread = threading.Thread(target=self._run, name="event log", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether nothing more is written, since the disk took no more."""
        return self._trouble

    def write(self, lines: list[bytes]) -> None:
        """Have lines written soon; the list is left to the file."""
        if self._trouble or not lines:
            return
        if self._given_nbytes - self._taken_nbytes > WAITING_NBYTES_MAX:
            self._give_up("the disk is too slow")
        else:
            self._given_nbytes += sum(map(len, lines))
            self._pieces.put(lines)

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what is left, and close the file; a disk that hangs is not waited for."""
        self._pieces.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        with self._file:
            while (lines := self._pieces.get()) is not None:
                if not self._trouble:
                    self._write(lines)
                self._taken_nbytes += sum(map(len, lines))
            if self._compressor is not None and not self._trouble:
                self._write([])

    def _write(self, lines: list[bytes]) -> None:
        """Write lines; none at all end what is compressed."""
        try:
            if self._compressor is None:
                for begin in range(0, len(lines), LINES_AT_ONCE):
                    self._write_plain(lines[begin : begin + LINES_AT_ONCE])
            elif lines:
                # What a killed process leaves behind can be read to the last piece.
                packed = self._compressor.compress(b"".join(lines))
                self._write_plain([packed, self._compressor.flush(zlib.Z_SYNC_FLUSH)])
            else:
                self._write_plain([self._compressor.flush()])
            self._let_go()
        except OSError as error:
            self._give_up(str(error))

    def _write_plain(self, pieces: list[bytes]) -> None:
        """Write pieces as they are, without a copy of them unless the system takes them in part."""
        written = os.writev(self._file.fileno(), pieces)
        if written < sum(map(len, pieces)):
            rest = memoryview(b"".join(pieces))[written:]
            while rest:
                rest = rest[self._file.write(rest) :]

    def _let_go(self) -> None:
        """Have the system keep nothing of what is written: nobody reads it soon.

        That halves what writing costs the processor, since the same memory is used again.
        """
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def _give_up(self, cause: str) -> None:
        if not self._trouble:
            self._trouble = True
            logger.error("the event log ends here", extra={"path": str(self.path), "cause": cause})


def unused_name(path: Path) -> Path:
    """Return a name for what lies at a path: "log.1.jsonl" for "log.jsonl", or the next number."""
    stem, dot, rest = path.name.partition(".")
    number = 1
    while (other := path.with_name(f"{stem}.{number}{dot}{rest}")).exists():
        number += 1
    return other


def read_text(path: Path) -> str:
    """Return what a file holds, as far as it goes: its writer may have been killed.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        data = unpacker.decompress(data)
    return data.decode("utf-8", "replace")
