"""What a worker shares with others of its machine, and what that costs in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil

from gdistributed.core.worker.brain import WorkerBrain
from gdistributed.data.shared_memory import SharedMemory, held_nbytes, same_host
from gdistributed.data.store import Store
from gdistributed.settings import KIB

STATUS: Final = Path("/proc/self/status")


def shared_memory_of(brain: WorkerBrain, store: Store) -> SharedMemory:
    """Return what a worker shares, for its brain and the store of its values."""
    settings, memory = brain.settings, brain.memory
    limit_nbytes = memory.limit_nbytes or int(psutil.virtual_memory().total)
    return SharedMemory(
        same_host() if settings.shared_memory else "",
        settings.shared_nbytes_min,
        int(limit_nbytes * settings.shared_memory_share),
        settings.shared_lease_s,
        may_grow=lambda: not memory.is_paused,
        replace=store.replace,
    )


def memory_nbytes_of(process: psutil.Process) -> int:
    """Return the memory of this process: what is resident, and what it holds of shared memory.

    Pages of a segment that the process has not touched are not counted as resident, but its
    holding on to them keeps them in memory.
    """
    resident = int(process.memory_info().rss)
    held = sum(held_nbytes())
    return resident + max(held - _touched_nbytes(), 0) if held else resident


def _touched_nbytes() -> int:
    """Return how much shared memory is counted as resident already."""
    lines = STATUS.read_text().splitlines()
    return next((int(line.split()[1]) * KIB for line in lines if line.startswith("RssShmem:")), 0)
