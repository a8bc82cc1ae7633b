"""An event log that was written, read from its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from gdistributed.errors import UsageError
from gdistributed.observe.event_lines import FORMAT
from gdistributed.observe.log_file import read_text

CLIENT: Final = '"event":"client"'
LEFT: Final = '"to":"left"'


class Recording:
    """The lines of an event log.

    Parameters
    ----------
    path
        Of the file. It may end in the middle of a line, which is left out then.

    Attributes
    ----------
    start
        The first line: what the log is of.
    start_s, end_s
        Times of the first and the last line, in seconds since 1970.

    Raises
    ------
    UsageError
        If the file cannot be read, or is no event log that this version understands.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._lines = read_text(path).split("\n")
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error}") from error
        self._lines.pop()  # empty; or what was written last, and not to its end
        if not self._lines:
            raise UsageError(f"{path} is no event log: it is empty")
        self.start = self.line(0)
        if self.start.get("event") != "start":
            raise UsageError(f"{path} is no event log: its first line says nothing of a start")
        if self.start.get("format") != FORMAT:
            raise UsageError(
                f"{path} has the format {self.start.get('format')}; this version reads {FORMAT}"
            )
        self.start_s = float(self.start["time"])
        self.end_s = float(self.line(len(self) - 1)["time"])

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, index: int) -> dict[str, Any]:
        """Return a line.

        Raises
        ------
        UsageError
            If it is no line of an event log.
        """
        try:
            line = orjson.loads(self._lines[index])
            if isinstance(line, dict) and {"time", "event"} <= line.keys():
                return line
        except ValueError:
            pass
        raise UsageError(f"line {index + 1} of {self._path} is not one of an event log")

    def index_of_end(self) -> int:
        """Return how many lines there are before the last client left, which is when all is let go.

        All of them, if clients were there to the end or none ever came.
        """
        for index in reversed(range(len(self))):
            line = self._lines[index]
            if CLIENT in line and LEFT in line:
                return index
        return len(self)
