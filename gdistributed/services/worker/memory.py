"""Measures the memory of the worker's process, and says when it pauses and resumes by it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import psutil

from gdistributed.services.worker.sharing import memory_nbytes_of
from gdistributed.services.worker.shell import Shell
from gdistributed.settings import MIB

logger = logging.getLogger("gdistributed.worker")


async def watch_memory(shell: Shell, tell: Callable[[], object]) -> None:
    """Measure until cancelled.

    Parameters
    ----------
    shell
        The worker.
    tell
        Is called when it has paused or resumed: the scheduler is to know at once.
    """
    process, brain = psutil.Process(), shell.brain
    while True:
        nbytes = memory_nbytes_of(process)
        if shell.call(brain.memory_measured, nbytes):
            memory = brain.memory
            fields = {"used_mib": nbytes // MIB, "limit_mib": memory.limit_nbytes // MIB}
            if memory.is_paused:
                logger.warning("paused near the memory limit: begins no new task", extra=fields)
            else:
                logger.info("resumed: there is memory again", extra=fields)
            tell()
        await asyncio.sleep(brain.settings.memory_interval_s)
