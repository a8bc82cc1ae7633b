"""A thread that looks at stacks at regular intervals, and sleeps while there is nothing to see."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from gdistributed.observe.profile_tree import Frame, History, message_of
from gdistributed.v1 import profile_pb2

LINGER_S: Final = 1.0
CPU_SHARE_MAX: Final = 0.01
# While nothing is seen the pauses grow to so many intervals.
BLIND_INTERVALS_MAX: Final = 8

Stacks = Sequence[Sequence[Frame]]


class Profiler:
    """Samples, and their history.

    Parameters
    ----------
    look
        Returns the stacks of now, outermost first. It is called in the profiler's thread, and must
        not keep frames.
    is_busy
        Says whether there will be something to see, though there may be nothing yet. When there has
        been nothing for a second the thread sleeps until `wake`.
    interval_s
        How long to wait between two looks. Longer where these take more than 1 % of a processor,
        and up to eight times as long while they see nothing: a look in vain delays the short tasks
        of a worker that has little to do. What is seen counts for as many intervals as the look
        stands for (the trapezoidal rule), so that the sum stays true.
    """

    def __init__(
        self, look: Callable[[], Stacks], is_busy: Callable[[], bool], interval_s: float
    ) -> None:
        self._look = look
        self._is_busy = is_busy
        self._interval_s = interval_s
        self._history = History()
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._is_asleep = True
        self._is_closed = False
        self._thread: threading.Thread | None = None

    @property
    def thread(self) -> threading.Thread | None:
        """The thread that looks; None before the first call of `wake`."""
        return self._thread

    @property
    def is_asleep(self) -> bool:
        """Whether the thread waits for `wake`, or there is none."""
        return self._is_asleep

    def wake(self) -> None:
        """There is something to see from now on. From one thread; quick when it is known."""
        if not self._is_asleep or self._is_closed:
            return
        self._is_asleep = False
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="gd-profiler", daemon=True)
            self._thread.start()
        self._woken.set()

    def close(self) -> None:
        """End the thread soon. What was seen can still be read."""
        self._is_closed = True
        self._woken.set()

    def profile(
        self, prefix: Frame | None = None, start: float | None = None, stop: float | None = None
    ) -> profile_pb2.Profile:
        """Return what was seen. From any thread.

        Parameters
        ----------
        prefix
            Only what is below this child of the root.
        start, stop
            From when on, and until when, in seconds since 1970; None means all.
        """
        with self._lock:
            tree, first, last = self._history.read(start, stop)
        if prefix is not None:
            tree = tree.only(prefix)
        return message_of(tree, self._interval_s, first, last)

    def _run(self) -> None:
        idle_s, blind, before_s, spent_s = 0.0, 1, self._interval_s, time.thread_time()
        while not self._is_closed:
            stacks = self._look()
            now_s = time.thread_time()
            cost_s, spent_s = now_s - spent_s, now_s
            blind = 1 if stacks else min(blind * 2, BLIND_INTERVALS_MAX)
            pause_s = max(self._interval_s * blind, cost_s / CPU_SHARE_MAX)
            if stacks:
                times = max(1, round((before_s + pause_s) / 2 / self._interval_s))
                with self._lock:
                    self._history.add(stacks, time.time(), times)
            idle_s = 0.0 if stacks or self._is_busy() else idle_s + pause_s
            if idle_s < LINGER_S:
                time.sleep(pause_s)
                before_s = pause_s
            else:
                self._sleep()
                idle_s, blind, before_s = 0.0, 1, self._interval_s

    def _sleep(self) -> None:
        self._woken.clear()
        self._is_asleep = True
        if not self._is_busy() and not self._is_closed:  # asked last: who wakes us looks first
            self._woken.wait()
        self._is_asleep = False
