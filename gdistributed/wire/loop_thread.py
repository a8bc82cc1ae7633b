"""The one event loop of a process that has none of its own.

gRPC's asyncio layer wants one loop a process. Everything synchronous (a `Client`, a cluster in this
process) shares the loop that runs here, on a daemon thread.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import threading
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

Result = TypeVar("Result")

STOP_TIMEOUT_S = 5.0


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make a loop: uvloop's where there is one, which takes a third off a round trip."""
    try:
        import uvloop
    except ImportError:  # not made for every platform
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class LoopThread:
    """An event loop on a thread of its own.

    Attributes
    ----------
    loop
        The loop. Hand work to it by `run`, or by `call_soon_threadsafe`.
    """

    _shared: ClassVar[LoopThread | None] = None
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self.loop = new_event_loop()
        self._process_id = os.getpid()
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="gdistributed-loop", daemon=True
        )
        self._thread.start()
        started.wait()

    @classmethod
    def shared(cls) -> LoopThread:
        """Return the loop thread of this process, made on first use and again after a fork."""
        with cls._lock:
            shared = cls._shared
            if shared is None or not shared.is_alive():
                shared = cls._shared = cls()
                atexit.register(shared.stop)
            return shared

    def is_alive(self) -> bool:
        """Whether the loop runs, in this process."""
        return self._process_id == os.getpid() and self._thread.is_alive()

    def is_current(self) -> bool:
        """Whether the caller is on the loop's own thread, where it must not wait for the loop."""
        return threading.current_thread() is self._thread

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(started.set)
        self.loop.run_forever()

    def run(self, coroutine: Coroutine[Any, Any, Result], timeout_s: float | None = None) -> Result:
        """Run a coroutine on the loop and wait for its result; Ctrl-C cancels it.

        Raises
        ------
        TimeoutError
            If it is not done within the timeout; it is cancelled then.
        RuntimeError
            If called on the loop's own thread, which would wait for itself.
        """
        if self.is_current():
            coroutine.close()
            raise RuntimeError("this call waits for the event loop and was made on it")
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(timeout_s)
        except (concurrent.futures.TimeoutError, KeyboardInterrupt):
            future.cancel()
            raise

    def stop(self) -> None:
        """Stop the loop and wait for its thread."""
        if not self.is_alive():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(STOP_TIMEOUT_S)
