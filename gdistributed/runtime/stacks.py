"""Where in their code the tasks are that run now."""

from __future__ import annotations

import asyncio
import linecache
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import Any, Final

from gdistributed.runtime.calls import Call
from gdistributed.v1 import error_pb2, worker_pb2

OURS: Final = ("gdistributed.runtime.", "gdistributed.data.")
BEGINNING: Final = Call.run.__code__


def stacks_of(
    calls: Iterable[Call], coroutines: Mapping[Call, asyncio.Task[Any]]
) -> Iterator[worker_pb2.TaskStack]:
    """Yield where calls are; those that have not begun are left out.

    Parameters
    ----------
    calls
        Whose stacks are wanted.
    coroutines
        The calls that run on the event loop, with their tasks.
    """
    in_threads = dict(_calls_in_threads())
    for call in calls:
        task = coroutines.get(call)
        frames = in_threads.get(call) if task is None else list(_frames_of_coroutine(task))
        if frames is not None:
            yield worker_pb2.TaskStack(
                key=call.key, attempt=call.attempt, frames=_described(frames)
            )


def _calls_in_threads() -> Iterator[tuple[Call, list[FrameType]]]:
    """Yield the calls that threads of this process make, with their frames, outermost first.

    That a thread makes a call is seen by its frame of `Call.run`: so calls need not note where
    they are, which would cost each of them something.
    """
    for innermost in sys._current_frames().values():
        frames: list[FrameType] = []
        frame: FrameType | None = innermost
        while frame is not None and frame.f_code is not BEGINNING:
            frames.append(frame)
            frame = frame.f_back
        if frame is not None:
            yield frame.f_locals["self"], frames[::-1]


def _frames_of_coroutine(task: asyncio.Task[Any]) -> Iterator[FrameType]:
    """Yield the frames of a coroutine and of those that it awaits, outermost first."""
    coroutine: Any = task.get_coro()
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            yield frame
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)


def _described(frames: Iterable[FrameType]) -> Iterator[error_pb2.StackFrame]:
    for frame in frames:
        if not str(frame.f_globals.get("__name__", "")).startswith(OURS):
            code, line = frame.f_code, frame.f_lineno or 0
            source = linecache.getline(code.co_filename, line, frame.f_globals).strip()
            yield error_pb2.StackFrame(
                file=code.co_filename, line=line, function=code.co_name, source=source
            )
