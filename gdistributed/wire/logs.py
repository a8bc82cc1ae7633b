"""The last lines that this process logged, for those who ask from afar."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from functools import cache

from google.protobuf import timestamp_pb2

from gdistributed.v1 import server_pb2

KEPT = 10_000
ROOT = "gdistributed"


class LogRing(logging.Handler):
    """Keeps the last lines of all loggers of gdistributed."""

    def __init__(self, kept: int = KEPT) -> None:
        super().__init__()
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
