"""How one implementation serves synchronous and asynchronous callers.

Every method of the client is a coroutine that awaits nothing but its bridge. The suspending bridge
suspends the caller's task. The blocking one blocks the caller's thread instead, so that its
coroutines never suspend and are run by a single `send`. A task that waits, either way, leaves its
thread to others meanwhile. See docs/decisions/001-one-async-client.md.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

from gdistributed.errors import InvariantBroken, UsageError
from gdistributed.runtime.context import away, leave

T = TypeVar("T")
Run = Coroutine[Any, Any, T]


class Signal(Protocol):
    """Something that one side sets, once or again, and the other waits for."""

    def set(self) -> None:
        """Wake the one who waits. From any thread."""

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is set, and clear it. Return False when the timeout came first."""


class Bridge(Protocol):
    """What a coroutine of the client may await."""

    def signal(self) -> Signal:
        """Make a signal for the caller to wait for."""

    async def on_loop(self, coroutine: Run[T], loop: asyncio.AbstractEventLoop) -> T:
        """Run a coroutine on the loop of the connection, and wait for its result."""

    async def pause(self) -> None:
        """Let others on the caller's loop go on, if it has one: sending, for instance."""

    def run(self, coroutine: Run[Any]) -> Any:  # noqa: ANN401
        """Give the caller what a method returns: the result, or something to await."""


class BlockingSignal:
    """A signal that a thread waits for."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        if self._lock.locked():
            try:
                self._lock.release()
            except RuntimeError:
                return  # another thread set it at the same time

    async def wait(self, timeout_s: float | None = None) -> bool:
        if self._lock.acquire(blocking=False):
            return True
        task = leave()  # its thread is for those that it waits for
        in_time = self._lock.acquire(timeout=-1 if timeout_s is None else max(timeout_s, 0.0))
        if task is not None and in_time:  # else it goes on at once, beside those
            task.rejoin()
        return in_time


class BlockingBridge:
    """For callers that wait with their whole thread."""

    def signal(self) -> Signal:
        return BlockingSignal()

    async def on_loop(self, coroutine: Run[T], loop: asyncio.AbstractEventLoop) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    async def pause(self) -> None:
        """Nobody waits for this thread."""

    def run(self, coroutine: Run[T]) -> T:
        """Run a coroutine that never suspends.

        Raises
        ------
        UsageError
            If an event loop runs in this thread: the call would block it.
        """
        if asyncio._get_running_loop() is not None and not _is_notebook():
            coroutine.close()
            raise UsageError(
                f"a synchronous call ({_name_of(coroutine)}) inside a running event loop would "
                f"block that loop: use `async with Client(..., asynchronous=True) as client` "
                f"and await its methods, or `await future`"
            )
        try:
            coroutine.send(None)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        except Exception as error:
            error.__traceback__ = _shown(error.__traceback__)
            raise
        raise InvariantBroken(f"a synchronous call was suspended: {_name_of(coroutine)}")


class LoopSignal:
    """A signal that a task waits for, on the loop on which it was made."""

    __slots__ = ("_event", "_loop", "_thread_id")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._event = asyncio.Event()

    def set(self) -> None:
        if threading.get_ident() == self._thread_id:
            self._event.set()
        else:
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout_s: float | None = None) -> bool:
        if not self._event.is_set():
            try:
                with away():
                    async with asyncio.timeout(timeout_s):
                        await self._event.wait()
            except TimeoutError:
                return False
        self._event.clear()
        return True


class SuspendingBridge:
    """For callers on an event loop."""

    def signal(self) -> Signal:
        return LoopSignal()

    async def on_loop(self, coroutine: Run[T], loop: asyncio.AbstractEventLoop) -> T:
        if asyncio.get_running_loop() is loop:
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))

    async def pause(self) -> None:
        await asyncio.sleep(0)

    def run(self, coroutine: Run[T]) -> Run[T]:
        return coroutine


class EitherBridge:
    """For the tasks of a worker, which are functions in threads and coroutines on its loop."""

    def signal(self) -> Signal:
        return _here().signal()

    async def on_loop(self, coroutine: Run[T], loop: asyncio.AbstractEventLoop) -> T:
        return await _here().on_loop(coroutine, loop)

    async def pause(self) -> None:
        await _here().pause()

    def run(self, coroutine: Run[Any]) -> Any:  # noqa: ANN401
        return _here().run(coroutine)


BLOCKING: Final = BlockingBridge()
SUSPENDING: Final = SuspendingBridge()
EITHER: Final = EitherBridge()


def _here() -> Bridge:
    return BLOCKING if asyncio._get_running_loop() is None else SUSPENDING


def _shown(trace: TracebackType | None) -> TracebackType | None:
    """Leave out our own frames before those of a remote error, where there is one."""
    frame = trace
    while frame is not None:
        if not str(frame.tb_frame.f_globals.get("__name__", "")).startswith("gdistributed."):
            return frame
        frame = frame.tb_next
    return trace


def _name_of(coroutine: Run[Any]) -> str:
    return str(getattr(coroutine, "__name__", coroutine)).lstrip("_")


def _is_notebook() -> bool:
    """Whether this is a notebook, whose cells run inside a loop that may be blocked."""
    return "ipykernel" in sys.modules
