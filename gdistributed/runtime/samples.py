"""Looks at the code that tasks and actors are in, for a profile.

A stack becomes a list of names: no frame and no value is kept. Whose call a thread makes is noted
by the thread; that it is still in it is seen by its frame of `run`.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Final

from gdistributed.runtime.actors import Actors, MethodCall
from gdistributed.runtime.calls import Call
from gdistributed.runtime.coroutines import AWAITING, Coroutines
from gdistributed.runtime.stacks import BEGINNING, OURS
from gdistributed.runtime.threads import Threads

Function = tuple[str, str, int]
"""Its name, its file, the line in which it begins."""

CALLING_METHOD: Final = MethodCall.run.__code__


@dataclass(slots=True, frozen=True)
class Watched:
    """Where the tasks and actors of a worker run.

    Attributes
    ----------
    threads, actors, coroutines
        What runs them.
    loop, loop_thread
        The event loop of the coroutines, and the identity of its thread.
    """

    threads: Threads[Call]
    actors: Actors
    coroutines: Coroutines
    loop: asyncio.AbstractEventLoop
    loop_thread: int

    def samples(self) -> list[tuple[str, list[Function]]]:
        """Return for each task and actor that is in its code its kind, and the functions there.

        The kind of a task is its prefix, that of an actor its class. Functions are outermost first;
        our own around the user's are left out. Of coroutines there is the one that computes, if any
        does: the others wait.
        """
        frames = sys._current_frames()
        try:
            found: list[tuple[str, list[Function]]] = []
            for thread, call in self.threads.running.copy().items():
                functions = _functions(frames.get(thread), BEGINNING)
                if functions is not None:
                    found.append((call.prefix, functions))
            for thread, method in self.actors.running().items():
                functions = _functions(frames.get(thread), CALLING_METHOD)
                if functions is not None:
                    found.append((type(method.instance).__name__, functions))
            if self.coroutines.tasks:
                functions = _functions(frames.get(self.loop_thread), AWAITING)
                prefix = self._prefix_on_loop()
                if functions is not None and prefix is not None:
                    found.append((prefix, functions))
            return found
        finally:
            frames.clear()  # our own frame is in it: a circle would keep all of them

    def _prefix_on_loop(self) -> str | None:
        running = asyncio.current_task(self.loop)
        calls = self.coroutines.tasks.copy().items()
        return next((call.prefix for call, task in calls if task is running), None)


async def depth_of_loop() -> int:
    """Return how many frames lie around what the running event loop calls, its own among them."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[int] = loop.create_future()
    loop.call_soon(lambda: found.set_result(len(_frames(sys._getframe().f_back))))
    return await found


def functions_on_loop(thread: int, depth: int) -> list[Function]:
    """Return the functions that an event loop is in, outermost first; none while it waits.

    Parameters
    ----------
    thread
        The identity of its thread.
    depth
        How many frames lie around them; see `depth_of_loop`.
    """
    frames = sys._current_frames()
    try:
        return [_function(frame.f_code) for frame in _frames(frames.get(thread))[::-1][depth:]]
    finally:
        frames.clear()


def _frames(innermost: FrameType | None) -> list[FrameType]:
    frames: list[FrameType] = []
    while innermost is not None:
        frames.append(innermost)
        innermost = innermost.f_back
    return frames


def _function(code: CodeType) -> Function:
    return code.co_qualname, code.co_filename, code.co_firstlineno


def _functions(frame: FrameType | None, beginning: CodeType) -> list[Function] | None:
    """Return the user's functions within a beginning; None if that is not there."""
    functions: list[Function] = []
    while frame is not None:
        code = frame.f_code
        if code is beginning:
            functions.reverse()
            return functions
        if not _is_ours(frame):
            functions.append(_function(code))
        frame = frame.f_back
    return None


def _is_ours(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return type(name) is str and name.startswith(OURS)
