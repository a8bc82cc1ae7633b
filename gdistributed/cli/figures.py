"""Numbers as people read them in tables: sizes, counts, times."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp
    from rich.table import Table

UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def in_bytes(number: float) -> str:
    """Return a size with three digits.

    Examples
    --------
    >>> in_bytes(1536)
    '1.50 KiB'
    """
    power = 0
    while number >= 1024 and power < len(UNITS) - 1:
        number, power = number / 1024, power + 1
    decimals = max(3 - len(str(int(number))), 0) if power else 0
    return f"{number:.{decimals}f} {UNITS[power]}"


def counted(number: int, noun: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "worker"), counted(1000, "task")
    ('1 worker', '1,000 tasks')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def in_days(span: timedelta) -> str:
    """Return a long time, to the second.

    Examples
    --------
    >>> in_days(timedelta(hours=1, seconds=2.5))
    '1:00:02'
    """
    return str(span).split(".")[0]


def local_time(stamp: Timestamp) -> str:
    """Return a time of day, with the date, by the clock of this machine."""
    return stamp.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def small_table(*texts: str, numbers: tuple[str, ...] = ()) -> Table:
    """Make a table without a frame, whose last columns are numbers. Long texts are folded."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title in texts:
        table.add_column(title, overflow="fold")
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True)
    return table
