"""Logging of the `gd` commands: one line an event, in one format, on standard error."""

from __future__ import annotations

import logging
import os
from typing import Final

OURS: Final = "gdistributed"
LEVELS: Final = ("debug", "info", "warning", "error")
TEXT: Final = "text"
FORMATS: Final = (TEXT, "json")


class LineFormatter(logging.Formatter):
    """`TIME LEVEL PART  TEXT  name=value ...`, where PART is the last word of the logger's name."""

    def __init__(self) -> None:
        from gdistributed.wire.logs import FieldsFormatter

        super().__init__("%(asctime)s %(levelname)-7s", "%H:%M:%S")
        self._text = FieldsFormatter()

    def format(self, record: logging.LogRecord) -> str:
        """Put when and who before the text."""
        record.asctime = self.formatTime(record, self.datefmt)
        before = f"{self.formatMessage(record)} {_part(record.name):9}"
        return f"{before} {self._text.format(record)}"


def _part(logger_name: str) -> str:
    """The room's own word: `gdistributed.services.worker.server` is "worker"."""
    words = logger_name.split(".")
    if words[0] != "gdistributed" or len(words) == 1:
        return words[0]
    return words[2] if words[1] == "services" and len(words) > 2 else words[1]


def set_up_logging(level: str, form: str = TEXT) -> None:
    """Write our lines from `level` on to standard error, and warnings of everybody else.

    Parameters
    ----------
    level
        The lowest that is written, one of `LEVELS`.
    form
        How, one of `FORMATS`.

    What those get who ask from afar (see `wire.logs`) begins with INFO, whatever is written.
    """
    quiet_grpc()
    lowest = logging.getLevelNamesMapping()[level.upper()]
    writer = logging.StreamHandler()
    writer.setFormatter(_formatter(form))
    writer.addFilter(lambda line: line.levelno >= lowest or not line.name.startswith(OURS))
    logging.basicConfig(level=logging.WARNING, handlers=[writer], force=True)
    logging.getLogger(OURS).setLevel(min(lowest, logging.INFO))
    logging.captureWarnings(True)


def _formatter(form: str) -> logging.Formatter:
    if form == TEXT:
        return LineFormatter()
    from gdistributed.wire.logs import JsonFormatter

    return JsonFormatter()


def quiet_grpc() -> None:
    """Keep gRPC's C++ core from writing its own lines; to be called before it is imported."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
