"""How much of the processors some processes have taken."""

from __future__ import annotations

from collections.abc import Iterable

import psutil


def processor_time(processes: Iterable[psutil.Process]) -> tuple[float, float]:
    """Return the seconds that processes have taken since their starts: user's and system's."""
    times = [process.cpu_times() for process in processes]
    return sum(each.user for each in times), sum(each.system for each in times)
