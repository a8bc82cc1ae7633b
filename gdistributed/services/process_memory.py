"""How much memory a process uses, of that which nobody else can have meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import psutil

from gdistributed.settings import KIB

IN_USE: Final = ("RssAnon", "RssShmem")


class ProcessMemory(NamedTuple):
    """What a process uses, in bytes.

    Attributes
    ----------
    in_use
        Its resident memory without the pages of files, which are read again when they are needed:
        code, and above all values on disk that are being sent from there. Where the system does not
        tell them apart it is the whole resident memory. 0 when the process is gone.
    shared
        What of that is shared memory; 0 where the system does not tell.
    peak
        The largest resident memory that the system has seen; 0 if it says none.
    """

    in_use: int
    shared: int
    peak: int


def measure_memory(process_id: int) -> ProcessMemory:
    """Measure a process."""
    sizes = _sizes(process_id)
    peak = sizes.get("VmHWM", 0)
    if all(name in sizes for name in IN_USE):
        return ProcessMemory(sum(sizes[name] for name in IN_USE), sizes["RssShmem"], peak)
    try:
        return ProcessMemory(int(psutil.Process(process_id).memory_info().rss), 0, peak)
    except psutil.NoSuchProcess:
        return ProcessMemory(0, 0, peak)


def _sizes(process_id: int) -> dict[str, int]:
    """Return the sizes that Linux tells of a process, by name, in bytes."""
    try:
        lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    except OSError:
        return {}
    named = (line.partition(":") for line in lines if line.endswith(" kB"))
    return {name: int(size.split()[0]) * KIB for name, _, size in named}
