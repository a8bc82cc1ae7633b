"""What tasks print and log is noted for them while it goes on to where it went before.

`caught_output` puts streams of ours in the place of this process's standard output and error. What
is written to them by code of a task, in its thread or its coroutine, is noted by the worker that
runs it, in `Notes`; so is what the task logs. Text that goes past `sys.stdout` is not seen: of
subprocesses, of C code, and of threads that the task starts.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, Final, TextIO, TypeAlias

from gdistributed.runtime.context import current
from gdistributed.settings import KIB
from gdistributed.v1 import task_pb2

STDOUT: Final = task_pb2.OUTPUT_STREAM_STDOUT
STDERR: Final = task_pb2.OUTPUT_STREAM_STDERR
LOG: Final = task_pb2.OUTPUT_STREAM_LOG
OURS: Final = "gdistributed"

# Of what one task says between two sendings so much is sent of the beginning, and of the end.
HALF_NBYTES: Final = 32 * KIB
# Of what all tasks of a worker say between two sendings.
TOTAL_NBYTES: Final = 256 * KIB
# A chunk takes so much beside its text; one that has so much is not added to.
CHUNK_NBYTES: Final = 300
CHUNK_NBYTES_MAX: Final = 4 * KIB

Run = tuple[str, int]  # key and attempt
Stream: TypeAlias = "task_pb2.OutputStream.ValueType"


class Chunk:
    """Text that was written to one stream without a break."""

    __slots__ = ("_text", "nbytes", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.nbytes = 0
        self._text = StringIO()

    def write(self, text: str) -> None:
        """Add to it."""
        self.nbytes += self._text.write(text)

    @property
    def text(self) -> str:
        """All of it."""
        return self._text.getvalue()


@dataclass(slots=True, eq=False)
class Unsent:
    """What one run has said since the last sending: the beginning, the end, what went between."""

    first: deque[Chunk] = field(default_factory=deque)
    last: deque[Chunk] = field(default_factory=deque)
    first_nbytes: int = 0
    last_nbytes: int = 0
    left_out: int = 0

    def add(self, stream: Stream, text: str) -> None:
        """Note a text."""
        if not self.last:
            room_nbytes = max(HALF_NBYTES - self.first_nbytes, 0)
            beginning, text = text[:room_nbytes], text[room_nbytes:]
            if beginning:
                self.first_nbytes += _append(self.first, stream, beginning)
        if text:
            self.left_out += max(len(text) - HALF_NBYTES, 0)
            self.last_nbytes += _append(self.last, stream, text[-HALF_NBYTES:])
            while self.last_nbytes > HALF_NBYTES and len(self.last) > 1:
                gone = self.last.popleft()
                self.last_nbytes -= gone.nbytes + CHUNK_NBYTES
                self.left_out += gone.nbytes

    @property
    def nbytes(self) -> int:
        """How much memory it takes, about."""
        return self.first_nbytes + self.last_nbytes

    def parts(self, run: Run) -> Iterator[task_pb2.TaskOutput]:
        """Yield messages that say it."""
        for chunk in self.first:
            yield _part(run, chunk.stream, chunk.text)
        for index, chunk in enumerate(self.last):
            yield _part(run, chunk.stream, chunk.text, 0 if index else self.left_out)
        if self.left_out and not self.last:
            yield _part(run, task_pb2.OUTPUT_STREAM_UNSPECIFIED, "", self.left_out)


class Notes:
    """What the tasks of one worker have said and nobody has taken yet. Tasks note from any thread.

    Parameters
    ----------
    begun
        Is called when there is something again after `take`; in the thread of the task.

    Attributes
    ----------
    unsent
        By run; empty while nobody says anything.
    """

    def __init__(self, begun: Callable[[], None]) -> None:
        self.unsent: dict[Run, Unsent] = {}
        self._begun = begun
        self._has_begun = False
        self._nbytes = 0
        self._room_nbytes = TOTAL_NBYTES
        self._lock = threading.RLock()  # a finaliser that prints may run while it is held

    def note(self, key: str, attempt: int, stream: Stream, text: str) -> None:
        """Note what a run says."""
        with self._lock:
            unsent = self.unsent.get((key, attempt))
            if unsent is None:
                unsent = self.unsent[key, attempt] = Unsent()
            if self._nbytes > TOTAL_NBYTES:
                unsent.left_out += len(text)
            else:
                self._nbytes -= unsent.nbytes
                unsent.add(stream, text)
                self._nbytes += unsent.nbytes
            is_first, self._has_begun = not self._has_begun, True
        if is_first:
            self._begun()

    def take(self, runs: Iterable[Run]) -> list[task_pb2.TaskOutput]:
        """Take what these runs have said, as far as there is room for it."""
        parts: list[task_pb2.TaskOutput] = []
        with self._lock:
            for run in runs:
                unsent = self.unsent.pop(run, None)
                if unsent is not None:
                    self._nbytes -= unsent.nbytes
                    parts.extend(self._within_room(unsent.parts(run)))
        return parts

    def take_all(self, has_room: bool) -> list[task_pb2.TaskOutput]:
        """Take all that was said; `begun` is called when there is more.

        Parameters
        ----------
        has_room
            Whether what was taken before has gone out, so that there is room for as much again.
        """
        with self._lock:
            if has_room:
                self._room_nbytes = TOTAL_NBYTES
            self._has_begun = False
            return self.take(list(self.unsent))

    def _within_room(self, parts: Iterable[task_pb2.TaskOutput]) -> Iterator[task_pb2.TaskOutput]:
        for part in parts:
            nbytes = len(part.text)
            if nbytes > self._room_nbytes:
                part.left_out += nbytes
                part.text = ""
                nbytes = 0
            self._room_nbytes -= nbytes
            yield part


@contextmanager
def caught_output() -> Iterator[None]:
    """Note what tasks print and log in this process, for the time of a `with` block.

    What else has been put in the place of a standard stream meanwhile stays there.
    """
    before = {"stdout": (sys.stdout, STDOUT), "stderr": (sys.stderr, STDERR)}
    ours = {
        name: CaughtStream(stream, kind)
        for name, (stream, kind) in before.items()
        if stream is not None  # a process may have been started without
    }
    for name, caught in ours.items():
        setattr(sys, name, caught)
    log = CaughtLog()
    logging.getLogger().addHandler(log)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(log)
        for name, caught in ours.items():
            if getattr(sys, name) is caught:
                setattr(sys, name, before[name][0])


class CaughtStream:
    """A text stream that passes everything on to another one, and has tasks note what they write.

    Parameters
    ----------
    stream
        The other one; it has all attributes that are not here.
    kind
        Which it is.
    """

    def __init__(self, stream: TextIO, kind: Stream) -> None:
        self._stream = stream
        self._kind = kind

    def write(self, text: str) -> int:
        """Write a text."""
        written = self._stream.write(text)
        if text and (running := current.get()) is not None:
            running.said(self._kind, text)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)


class CaughtLog(logging.Handler):
    """Has tasks note what they log, but for the lines of gdistributed itself."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Note a line."""
        running = current.get()
        if running is None or record.name.partition(".")[0] == OURS:
            return
        try:
            running.said(LOG, self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def _append(chunks: deque[Chunk], stream: Stream, text: str) -> int:
    """Add a text to the last chunk, or to a new one; return by how many bytes all have grown."""
    grown_nbytes = len(text)
    if not chunks or chunks[-1].stream != stream or chunks[-1].nbytes >= CHUNK_NBYTES_MAX:
        chunks.append(Chunk(stream))
        grown_nbytes += CHUNK_NBYTES
    chunks[-1].write(text)
    return grown_nbytes


def _part(run: Run, stream: Stream, text: str, left_out: int = 0) -> task_pb2.TaskOutput:
    key, attempt = run
    said = text.encode(errors="replace").decode()  # UTF-8 cannot say a surrogate
    return task_pb2.TaskOutput(
        key=key, attempt=attempt, stream=stream, text=said, left_out=left_out
    )
