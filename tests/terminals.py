"""A program in a real terminal, and what a person then sees."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Sequence
from types import TracebackType

from tests.processes import TIMEOUT_S
from tests.waiting import until

HOME = "\x1b[H"
# Makes the terminal that of its session, so that Ctrl-C reaches the command, which it becomes.
ENTER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
UP = re.compile(r"\x1b\[(\d*)A")
PARTS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\n]|[^\x1b\r\n]+")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A command in a pseudo terminal; used in a `with` block, at the end of which it is killed.

    Parameters
    ----------
    command
        What runs.
    width, height
        Of the terminal, in characters.
    """

    def __init__(self, command: Sequence[str], width: int = 80, height: int = 24) -> None:
        self._master, slave = pty.openpty()
        self.resize(width, height)
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", ENTER, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment | {"TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(slave)
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def screen(self) -> str:
        """The last whole picture that was drawn over the one before."""
        frames = self.text.split(HOME)
        return plain(frames[-2] if len(frames) > 2 else frames[-1])

    def wait_for(self, text: str) -> None:
        """Wait until the picture has a text."""
        until(lambda: text in self.screen, f"{text!r} on the screen")

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self._master, keys.encode())

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        code = self._process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        return code

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(TIMEOUT_S)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                read = os.read(self._master, 65536)
            except OSError:  # nobody holds the other end any more
                return
            self.text += read.decode(errors="replace")


def lines_shown(text: str) -> list[str]:
    """Return the lines that are seen in the end, where some were drawn over others."""
    lines, row, column = [""], 0, 0
    for part in PARTS.findall(text):
        if part == "\r":
            column = 0
        elif part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif up := UP.fullmatch(part):
            row = max(row - int(up[1] or 1), 0)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not ESCAPE.fullmatch(part):
            before = lines[row].ljust(column)
            lines[row] = before[:column] + part + before[column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines]


def plain(text: str) -> str:
    """Return a text without colours."""
    return ESCAPE.sub("", text).replace("\r", "")
