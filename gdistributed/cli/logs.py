"""Logging of the `gd` commands: one line an event, in one format, on standard error."""

from __future__ import annotations

import logging
import os
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error")

# What the logging module itself sets on a record; all else was given as `extra`.
_OWN_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """`TIME LEVEL PART  TEXT  name=value ...`, where PART is the last word of the logger's name."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(part)-9s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.part = _part(record.name)
        line = super().formatMessage(record)
        fields = {
            name: value
            for name, value in vars(record).items()
            if name not in _OWN_FIELDS and name != "part"
        }
        return "  ".join([line, *(f"{name}={value}" for name, value in fields.items())])


def _part(logger_name: str) -> str:
    """The room's own word: `gdistributed.services.worker.server` is "worker"."""
    words = logger_name.split(".")
    if words[0] != "gdistributed" or len(words) == 1:
        return words[0]
    return words[2] if words[1] == "services" and len(words) > 2 else words[1]


def set_up_logging(level: str) -> None:
    """Write our lines from `level` on to standard error, and warnings of everybody else."""
    writer = logging.StreamHandler()
    writer.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[writer], force=True)
    logging.getLogger("gdistributed").setLevel(level.upper())
    logging.captureWarnings(True)
    quiet_grpc()


def quiet_grpc() -> None:
    """Keep gRPC's C++ core from writing its own lines; to be called before it is imported."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
