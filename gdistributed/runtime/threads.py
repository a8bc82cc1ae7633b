"""Threads that take calls from one queue. Finished calls come back in batches, with one wake-up.

A call that is over goes into a deque, and the loop is woken only when nobody has woken it yet:
while it is busy elsewhere, any number of calls end and cost it nothing.

A thread whose call waits for other calls leaves its place to a new thread, and ends with that call.
If it wants a place again, the next thread that looks for work gives it its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar


class Runnable(Protocol):
    """Something to do. `run` must not raise: it keeps what it comes to."""

    def run(self) -> None:
        """Do it."""


Work = TypeVar("Work", bound=Runnable)


class Threads(Generic[Work]):
    """A fixed number of places, each with a thread that works.

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

    Attributes
    ----------
    running
        The call that each thread has begun last, by the identity of the thread: also one that is
        over. Each thread writes its own entry; others copy it whole.
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
        self._name = name
        self._count = count
        self._queue: SimpleQueue[Work | _Wish | None] = SimpleQueue()
        self._over: deque[Work] = deque()
        self.running: dict[int, Work] = {}
        self._context = Context()  # of no call: not that of whose end wakes the loop
        self._is_woken = False
        self._is_closed = False
        self._placed: set[threading.Thread] = set()
        self._away: set[threading.Thread] = set()
        for _ in range(count):
            self._start()

    def give(self, calls: Iterable[Work]) -> None:
        """Queue calls; each is taken by the first thread that is free."""
        for call in calls:
            self._queue.put(call)

    def close(self) -> None:
        """End the threads once they have done what was queued. What ends from now on is dropped.

        A thread that runs a user's function cannot be stopped: it is left behind as a daemon.
        """
        self._is_closed = True
        for _ in range(self._count):
            self._queue.put(None)

    # In a thread, by the call that it runs

    def leave(self) -> bool:
        """Let a new thread take the place of this one; False when it has none."""
        thread = threading.current_thread()
        if thread not in self._placed:
            return False
        self._placed.discard(thread)
        self._away.add(thread)
        self._start()
        return True

    def is_away(self) -> bool:
        """Say whether this thread has left its place."""
        return threading.current_thread() in self._away

    def come_back(self) -> None:
        """Wait until another thread gives this one its place, if it has left its own."""
        if not self.is_away() or self._is_closed:
            return
        wish = _Wish()
        self._queue.put(wish)
        wish.granted.wait()
        thread = threading.current_thread()
        self._away.discard(thread)
        self._placed.add(thread)

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._placed.add(thread)
        thread.start()

    def _work(self) -> None:
        try:
            self._take_calls(threading.get_ident())
        finally:
            self.running.pop(threading.get_ident(), None)

    def _take_calls(self, thread_id: int) -> None:
        get, over, away, running = self._queue.get, self._over, self._away, self.running
        while (call := get()) is not None:
            if isinstance(call, _Wish):
                self._placed.discard(threading.current_thread())
                call.granted.set()
                return
            running[thread_id] = call
            call.run()
            over.append(call)
            if not self._is_woken:
                self._wake()
            if away and (thread := threading.current_thread()) in away:
                away.discard(thread)
                return

    def _wake(self) -> None:
        self._is_woken = True
        if self._is_closed:
            return
        try:
            self._loop.call_soon_threadsafe(self._collect, context=self._context)
        except RuntimeError:
            self._is_closed = True  # the loop is closed: there is nobody to tell

    def _collect(self) -> None:
        self._is_woken = False  # before looking, so that a call that ends now wakes us again
        over = self._over
        calls = [over.popleft() for _ in range(len(over))]
        if calls and not self._is_closed:
            self._ended(calls)


class _Wish:
    """A thread that has left its place wants one."""

    __slots__ = ("granted",)

    def __init__(self) -> None:
        self.granted = threading.Event()
