"""What this machine has, and how workers share it. The numbers follow dask's habits."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

import psutil

from gdistributed.errors import UsageError

# Where Linux states how much of a processor a container may use: microseconds, and in what time.
_CGROUP_CPU: Final = Path("/sys/fs/cgroup/cpu.max")
# And how much memory.
_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    if _CGROUP_CPU.exists():
        quota, _, period = _CGROUP_CPU.read_text().partition(" ")
        if quota.isdigit():
            count = min(count, math.ceil(int(quota) / int(period)))
    return max(1, count)


CORES: Final[int] = _cores()
"""Cores that this process may use: of the machine, or of the container that it runs in."""


def memory_nbytes() -> int:
    """Memory of this machine, or of the container that we run in, in bytes."""
    limits = [int(psutil.virtual_memory().total)]
    for path in _CGROUP_LIMITS:
        if path.exists() and (text := path.read_text().strip()).isdigit():
            limits.append(int(text))
    return min(limits)


def worker_memory_nbytes(limit: str | float | None, nthreads: int, nworkers: int = 1) -> int:
    """How much memory one worker may use, in bytes.

    Parameters
    ----------
    limit
        "auto": the worker's share of the machine, by its threads. A number above 1, or a text
        like "4GiB": bytes. A fraction up to 1.0: of the machine's memory. 0 or None: no limit.
    nthreads
        How many tasks the worker runs at once.
    nworkers
        How many such workers share the machine.

    Returns
    -------
    Bytes; 0 means no limit.

    Raises
    ------
    UsageError
        If `limit` says none of these.
    """
    total = memory_nbytes()
    if limit is None:
        return 0
    if limit == "auto":
        return int(min(total * nthreads / CORES, total / nworkers))
    try:
        number = float(limit)
    except ValueError:
        number = _parsed(
            str(limit),
            f"the memory limit {limit!r} is none of: auto, bytes like 4GiB, a fraction like 0.5, 0",
        )
    if number < 0 or not math.isfinite(number):
        raise UsageError(f"the memory limit {limit!r} makes no sense")
    return int(total * number) if number <= 1 else min(total, int(number))


def size_nbytes(size: str | int | None) -> int:
    """Return a size in bytes: of a number, or of a text like "4GiB"; 0 for None.

    Raises
    ------
    UsageError
        If it says no size.
    """
    refusal = f"{size!r} is no size: write bytes, or 500MB, or 4GiB"
    is_text = isinstance(size, str) and not size.isdigit()
    nbytes = _parsed(str(size), refusal) if is_text else int(size or 0)
    if nbytes < 0:
        raise UsageError(refusal)
    return nbytes


def _parsed(text: str, refusal: str) -> int:
    from dask.utils import parse_bytes  # takes a quarter of a second to import

    try:
        return int(parse_bytes(text))
    except ValueError as error:
        raise UsageError(refusal) from error


def time_s(time: str | float) -> float:
    """Return a time in seconds: of a number, or of a text like "500ms" or "30m".

    Raises
    ------
    UsageError
        If it says no time, or one below zero.
    """
    try:
        seconds = float(time)
    except ValueError:
        seconds = _parsed_time_s(str(time))
    if not 0 <= seconds < math.inf:
        raise UsageError(f"{time!r} is no time: write 90s, 30m or 12h")
    return seconds


def _parsed_time_s(text: str) -> float:
    from dask.utils import parse_timedelta  # takes a quarter of a second to import

    try:
        return float(parse_timedelta(text))
    except (KeyError, TypeError, ValueError):
        return math.nan


def workers_and_threads(n_workers: int | None, threads_per_worker: int | None) -> tuple[int, int]:
    """How many workers of how many threads make good use of this machine, where not said.

    Up to four cores a worker each; on larger machines about as many workers as each has threads.
    """
    if n_workers is None and threads_per_worker is None:
        n_workers = _workers_for(CORES)
    if n_workers is None:
        n_workers = max(1, CORES // (threads_per_worker or 1))
    if threads_per_worker is None:
        threads_per_worker = max(1, CORES // max(1, n_workers))
    return n_workers, threads_per_worker


def _workers_for(cores: int) -> int:
    if cores <= 4:
        return cores
    return min(n for n in range(1, cores + 1) if cores % n == 0 and n >= math.sqrt(cores))
