"""The last lines that this process logged, for those who ask from afar."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from functools import cache
from typing import Final

from google.protobuf import timestamp_pb2

from gdistributed.v1 import server_pb2

KEPT = 10_000
ROOT = "gdistributed"


# What the logging module itself sets on a record; all else was given as `extra`.
_OWN_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldsFormatter(logging.Formatter):
    """A line's text, followed by the fields that were given as `extra`: `text  name=value ...`."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Put the fields behind the line."""
        fields = {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        line = super().formatMessage(record)
        return "  ".join([line, *(f"{name}={value}" for name, value in fields.items())])


class LogRing(logging.Handler):
    """Keeps the last lines of all loggers of gdistributed."""

    def __init__(self, kept: int = KEPT) -> None:
        super().__init__()
        self.setFormatter(FieldsFormatter())
        self._lines: deque[tuple[float, int, str, str]] = deque(maxlen=kept)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self._lines.append((record.created, record.levelno, record.name, self.format(record)))

    def last(self, count: int, level: str) -> Iterator[server_pb2.LogLine]:
        """Yield the last lines of a level or above, oldest first."""
        lowest = logging.getLevelNamesMapping().get(level.upper(), logging.NOTSET)
        chosen = [line for line in self._lines if line[1] >= lowest]
        for created, number, logger, text in chosen[-count:]:
            time = timestamp_pb2.Timestamp()
            time.FromNanoseconds(int(created * 1e9))
            yield server_pb2.LogLine(
                time=time, level=logging.getLevelName(number), logger=logger, text=text
            )


@cache
def log_ring() -> LogRing:
    """Return the ring of this process, which begins to listen on first use."""
    ring = LogRing()
    logging.getLogger(ROOT).addHandler(ring)
    return ring
