"""What tasks print is printed here, as it comes: each line behind the names of task and worker.

A thread of its own prints, so that whoever reads standard output slowly holds nobody else up.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from queue import Full, Queue
from typing import Final

from gdistributed.v1 import task_pb2

logger = logging.getLogger("gdistributed.client")

Part = task_pb2.TaskOutput

WAITING_MAX: Final = 1000
CLOSE_TIMEOUT_S: Final = 1.0
NAME_LENGTH_MAX: Final = 32
UNFINISHED_MAX: Final = 1000


class Printing:
    """Prints what comes to standard output and standard error, whatever these are at the time."""

    def __init__(self) -> None:
        self._parts: Queue[Part | None] = Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._left_out = 0
        self._unfinished: dict[tuple[str, int, int], None] = {}

    def show(self, parts: Iterable[Part]) -> None:
        """Print soon. What is too much for those who read it is left out."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._print_all, name="gd-output", daemon=True)
            self._thread.start()
        for part in parts:
            ours = Part.FromString(part.SerializeToString())  # does not keep its batch in memory
            ours.left_out += self._left_out
            try:
                self._parts.put_nowait(ours)
                self._left_out = 0
            except Full:
                self._left_out = ours.left_out + len(ours.text)

    def close(self) -> None:
        """Print what has come, unless nobody reads it, and end."""
        if self._thread is None:
            return
        try:
            self._parts.put(None, timeout=CLOSE_TIMEOUT_S)
        except Full:
            return  # it is a daemon, and stuck
        self._thread.join(CLOSE_TIMEOUT_S)

    def _print_all(self) -> None:
        while (part := self._parts.get()) is not None:
            text = self._lines(part)
            is_error = part.stream in (
                task_pb2.OUTPUT_STREAM_STDERR,
                task_pb2.OUTPUT_STREAM_LOG,
            )
            stream = sys.stderr if is_error else sys.stdout
            try:
                stream.write(text)
                stream.flush()
            except (OSError, ValueError) as error:  # it is closed, or nobody reads it any more
                logger.warning("what a task says cannot be printed", extra={"cause": str(error)})

    def _lines(self, part: Part) -> str:
        """Return what is to be printed: lines, each of one task, as a terminal would show them."""
        before = f"({short(part.key)} on {part.worker}) "
        run, text = (part.key, part.attempt, part.stream), part.text
        if run in self._unfinished:
            del self._unfinished[run]
            text = text.removeprefix("\n")  # we have ended the line already
        if text and not text.endswith("\n"):
            self._unfinished[run] = None
            if len(self._unfinished) > UNFINISHED_MAX:
                del self._unfinished[next(iter(self._unfinished))]
        lines = [f"... {part.left_out} bytes left out ..."] if part.left_out else []
        lines += [line.removesuffix("\r").rpartition("\r")[2] for line in _split(text)]
        return "".join(f"{before}{line}\n" for line in lines)


def short(key: str) -> str:
    """Return a key for people, without the middle of a long one."""
    return key if len(key) <= NAME_LENGTH_MAX else f"{key[:20]}...{key[-9:]}"


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if not lines[-1] else lines
