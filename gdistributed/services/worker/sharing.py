"""What a worker shares with others of its machine, and what that costs in memory."""

from __future__ import annotations

import os

import psutil

from gdistributed.core.worker.brain import WorkerBrain
from gdistributed.data.shared_memory import SharedMemory, held_nbytes, same_host
from gdistributed.data.store import Store
from gdistributed.services.process_memory import measure_memory


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


def memory_in_use() -> int:
    """Return the memory that this process uses, and what it holds of shared memory beyond that.

    Pages of a segment that it has not touched are not counted as its own, but its holding on to
    them keeps them in memory.
    """
    memory = measure_memory(os.getpid())
    return memory.in_use + max(sum(held_nbytes()) - memory.shared, 0)
