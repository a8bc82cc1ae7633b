"""Keeps a worker within its memory limit: measures its process, has values moved to disk, pauses.

What is decided is in the core (`MemoryWatch`); how values get to disk in `data.spilling`. Here the
clock is read, and what happens is logged and told to the scheduler.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import math
from collections.abc import Callable
from typing import Final

from gdistributed.data.store import SpillingStore
from gdistributed.services.worker.sharing import memory_in_use
from gdistributed.services.worker.shell import Shell

logger = logging.getLogger("gdistributed.worker")

UNMANAGED_S: Final = 5.0


class MemoryKeeper:
    """Watches over the memory of one worker.

    Parameters
    ----------
    shell
        The worker.
    tell
        Is called when it has paused or resumed: the scheduler is to know at once.
    """

    def __init__(self, shell: Shell, tell: Callable[[], object]) -> None:
        self._shell = shell
        self._tell = tell
        self._store = shell.store if isinstance(shell.store, SpillingStore) else None
        self._loop = asyncio.get_running_loop()
        self._spilling: asyncio.Task[None] | None = None
        self._try_at = 0.0
        self._warn_at = self._loop.time() + UNMANAGED_S
        if self._store is not None:
            self._store.spilling.disk_changed = self._disk_changed_soon

    async def run(self) -> None:
        """Measure until cancelled."""
        brain = self._shell.brain
        try:
            while True:
                self._measure()
                await asyncio.sleep(brain.settings.memory_interval_s)
        finally:
            if self._spilling is not None:
                self._spilling.cancel()

    def _measure(self) -> None:
        nbytes = memory_in_use()
        brain, store = self._shell.brain, self._store
        managed_nbytes = 0 if store is None else store.spilling.nbytes
        if self._shell.call(brain.memory_measured, nbytes, managed_nbytes=managed_nbytes):
            self._say_whether_paused(nbytes)
        if store is not None:
            store.spilling.bound_nbytes = brain.memory.bound_nbytes
            if self._spilling is None or self._spilling.done():
                self._spilling = self._loop.create_task(self._spill(store, nbytes))

    async def _spill(self, store: SpillingStore, nbytes: int) -> None:
        """Have values moved to disk if need be, or see whether a full disk has room again."""
        spilling, memory = store.spilling, self._shell.brain.memory
        if spilling.blocked:
            if self._loop.time() >= self._try_at:
                await store.have_kept(spilling.try_again)
                self._try_at = self._loop.time() + self._shell.brain.settings.disk_retry_s
            return
        if spilling.is_over:
            await store.have_kept(spilling.make_room)
        is_high = nbytes >= memory.spill_nbytes
        if is_high:
            await store.have_kept(_give_back_memory)
        self._watch_unmanaged(nbytes, is_high and not spilling.nbytes)

    def _watch_unmanaged(self, nbytes: int, is_high: bool) -> None:
        """Say it, once, when all values are on disk and that has not helped for a while."""
        now = self._loop.time()
        if not is_high:
            self._warn_at = now + UNMANAGED_S
        elif now >= self._warn_at:
            self._warn_at = math.inf
            logger.warning(
                "much memory is in use, and not by values: nothing can be moved to disk",
                extra={"memory_nbytes": nbytes},
            )

    def _disk_changed_soon(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody to tell
            self._loop.call_soon_threadsafe(self._disk_changed)

    def _disk_changed(self) -> None:
        assert self._store is not None
        brain, why = self._shell.brain, self._store.spilling.blocked
        if bool(why) == brain.memory.is_disk_full:
            return
        if why:
            logger.warning(
                "the disk takes no more values, they stay in memory", extra={"cause": why}
            )
            self._try_at = self._loop.time() + brain.settings.disk_retry_s
        else:
            logger.info("the disk takes values again, or need not")
        if self._shell.call(brain.disk_changed, bool(why)):
            self._say_whether_paused(memory_in_use())
        else:
            self._tell()

    def _say_whether_paused(self, nbytes: int) -> None:
        memory = self._shell.brain.memory
        fields: dict[str, object] = {
            "memory_nbytes": nbytes,
            "limit_nbytes": memory.limit_nbytes,
        }
        if memory.is_disk_full:
            logger.warning("paused with a full disk: begins no new task", extra=fields)
        elif memory.is_paused:
            logger.warning("paused near the memory limit: begins no new task", extra=fields)
        else:
            logger.info("resumed: there is memory again", extra=fields)
        self._tell()


def _give_back_memory() -> None:
    """Have the C library return to the system what was freed, which it would keep for later."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # GNU's has it
    if trim is not None:
        trim(0)
