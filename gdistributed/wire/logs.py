"""Log lines with fields: as text, as JSON, and the last ones kept for those who ask from afar.

A line is a constant text and fields, given as `extra`. docs/operations.md names the fields.
"""

from __future__ import annotations

import json
import logging
import re
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from google.protobuf import timestamp_pb2

from gdistributed.v1 import server_pb2

KEPT = 10_000
ROOT = "gdistributed"

# What the logging module itself sets on a record; all else was given as `extra`.
_OWN_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Values that are written as they are: `name=value` can be read back.
_PLAIN: Final = re.compile(r'[^\s"=]+')

_always: Final[dict[str, object]] = {}


def name_every_line(**fields: object) -> None:
    """Add fields to all lines of this process from now on, unless a line has them itself.

    Several processes write to one terminal or file: so each line says whose it is.
    """
    _always.update(fields)


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a line."""
    fields = {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
    return fields | {name: value for name, value in _always.items() if name not in fields}


class FieldsFormatter(logging.Formatter):
    """A line's text, followed by its fields: `text  name=value ...`.

    A value with spaces, quotes or line ends is a string of JSON.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Put the fields behind the line."""
        said = (f"{name}={_written(value)}" for name, value in fields_of(record).items())
        return "  ".join([super().formatMessage(record), *said])


def _written(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class JsonFormatter(logging.Formatter):
    """A line as one object of JSON: time (RFC 3339), level, logger, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the object on one line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in fields_of(record).items():
            line.setdefault(name, value if isinstance(value, (int, float, bool)) else str(value))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class KeptLine(NamedTuple):
    """A line as it is kept: its record would keep alive what its fields and its error refer to."""

    number: int
    created: float
    severity: int
    logger: str
    text: str
    fields: dict[str, str]


class LogRing(logging.Handler):
    """Keeps the last lines of all loggers of gdistributed."""

    def __init__(self, kept: int = KEPT) -> None:
        super().__init__()
        self.setFormatter(FieldsFormatter())
        self._lines: deque[KeptLine] = deque(maxlen=kept)
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self._count += 1
        fields = {name: str(value) for name, value in fields_of(record).items()}
        text = self.format(record)
        line = KeptLine(self._count, record.created, record.levelno, record.name, text, fields)
        self._lines.append(line)

    def last(self, count: int, level: str, after: int = 0) -> Iterator[server_pb2.LogLine]:
        """Yield the last lines of a level or above, oldest first, of those after a number."""
        lowest = logging.getLevelNamesMapping().get(level.upper(), logging.NOTSET)
        chosen = [
            line for line in list(self._lines) if line.severity >= lowest and line.number > after
        ]
        for line in chosen[-count:]:
            time = timestamp_pb2.Timestamp()
            time.FromNanoseconds(int(line.created * 1e9))
            yield server_pb2.LogLine(
                time=time,
                level=logging.getLevelName(line.severity),
                logger=line.logger,
                text=line.text,
                fields=line.fields,
                number=line.number,
            )


@cache
def log_ring() -> LogRing:
    """Return the ring of this process, which begins to listen on first use."""
    ring = LogRing()
    logging.getLogger(ROOT).addHandler(ring)
    return ring
