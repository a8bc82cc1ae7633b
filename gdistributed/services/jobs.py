"""Coroutines that a shell has begun and does not wait for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any


class Jobs:
    """Runs coroutines, and tells of those that fail, which is a bug.

    Parameters
    ----------
    logger
        Where it tells.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._jobs: set[asyncio.Task[None]] = set()

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine."""
        job = asyncio.get_running_loop().create_task(coroutine)
        self._jobs.add(job)
        job.add_done_callback(self._is_over)

    def cancel(self) -> None:
        """End all that run."""
        for job in self._jobs:
            job.cancel()

    async def close(self) -> None:
        """End all that run, and wait until they have ended."""
        self.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    def _is_over(self, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        error = None if job.cancelled() else job.exception()
        if error is not None:
            self._logger.error("a job failed, which is a bug: please report it", exc_info=error)
