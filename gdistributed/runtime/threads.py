"""Threads that take calls from one queue. Finished calls come back in batches, with one wake-up.

A call that is over goes into a deque, and the loop is woken only when nobody has woken it yet:
while it is busy elsewhere, any number of calls end and cost it nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar


class Runnable(Protocol):
    """Something to do. `run` must not raise: it keeps what it comes to."""

    def run(self) -> None:
        """Do it."""


Work = TypeVar("Work", bound=Runnable)


class Threads(Generic[Work]):
    """A fixed number of threads.

    Parameters
    ----------
    count
        How many.
    ended
        Is called on the event loop with the calls that are over, in the order in which they ended.
    loop
        The event loop.
    name
        Prefix of the names of the threads.
    """

    def __init__(
        self,
        count: int,
        ended: Callable[[list[Work]], None],
        loop: asyncio.AbstractEventLoop,
        name: str = "gd-task",
    ) -> None:
        self._ended = ended
        self._loop = loop
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._over: deque[Work] = deque()
        self._is_woken = False
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def give(self, calls: Iterable[Work]) -> None:
        """Queue calls; each is taken by the first thread that is free."""
        for call in calls:
            self._queue.put(call)

    def close(self) -> None:
        """End the threads once they have done what was queued. What ends from now on is dropped.

        A thread that runs a user's function cannot be stopped: it is left behind as a daemon.
        """
        self._is_closed = True
        for _ in self._threads:
            self._queue.put(None)

    def _work(self) -> None:
        get, over = self._queue.get, self._over
        while (call := get()) is not None:
            call.run()
            over.append(call)
            if not self._is_woken:
                self._wake()

    def _wake(self) -> None:
        self._is_woken = True
        if self._is_closed:
            return
        try:
            self._loop.call_soon_threadsafe(self._collect)
        except RuntimeError:
            self._is_closed = True  # the loop is closed: there is nobody to tell

    def _collect(self) -> None:
        self._is_woken = False  # before looking, so that a call that ends now wakes us again
        over = self._over
        calls = [over.popleft() for _ in range(len(over))]
        if calls and not self._is_closed:
            self._ended(calls)
