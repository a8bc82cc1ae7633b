"""Coroutine functions run on the event loop, beside the worker's own work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from gdistributed.runtime.calls import Call


class Coroutines:
    """The coroutines that run now.

    Parameters
    ----------
    ended
        Is called on the event loop with a call that is over.
    """

    def __init__(self, ended: Callable[[list[Call]], None]) -> None:
        self._ended = ended
        self._tasks: dict[Call, asyncio.Task[None]] = {}

    def begin(self, call: Call) -> None:
        """Await what the function of a call returned."""
        task = asyncio.get_running_loop().create_task(self._finish(call), name=call.key)
        self._tasks[call] = task
        task.add_done_callback(lambda _: self._over(call))

    @property
    def tasks(self) -> dict[Call, asyncio.Task[None]]:
        """The coroutines that run, by their calls. Other threads copy it whole."""
        return self._tasks

    def cancel(self, call: Call) -> None:
        """Cancel a coroutine that runs."""
        task = self._tasks.get(call)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Cancel all and wait until they have cleaned up."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _finish(self, call: Call) -> None:
        call.resume()
        coroutine, call.coroutine = call.coroutine, None
        try:
            if coroutine is not None:
                call.returned(await coroutine, time.monotonic_ns())
        except BaseException as error:
            call.raised(error)

    def _over(self, call: Call) -> None:
        """Report a call, also one that was cancelled before its first step."""
        del self._tasks[call]
        if call.coroutine is not None:
            call.coroutine.close()
            call.coroutine = None
            call.raised(asyncio.CancelledError())
        self._ended([call])


AWAITING: Final = Coroutines._finish.__code__
"""By its frame it is seen that the event loop is in a coroutine of a task."""
