"""What becomes of an exception: a TaskError on the wire, and an exception again where it is wanted.

The traceback travels as frames and is rebuilt from frames, so that what a person sees is the
remote code, with files and lines. Only `Exception`s come back as themselves: a SystemExit or
KeyboardInterrupt of a task must not end the program that asks for its result.
"""

from __future__ import annotations

import linecache
import os
import traceback
import types
from collections.abc import Iterable, Iterator
from typing import Final

from gdistributed import errors
from gdistributed.data.codecs import decode, encode
from gdistributed.data.codecs.pickled import qualified_name
from gdistributed.errors import GDistributedError, SerializationError, TaskError
from gdistributed.settings import PYTHON
from gdistributed.v1 import error_pb2 as pb
from gdistributed.v1 import value_pb2

TEXT_NBYTES_MAX: Final = 64 * 1024
FRAMES_MAX: Final = 100
CAUSES_MAX: Final = 20
EXCEPTION_NBYTES_MAX: Final = 1024 * 1024

_CLASSES: Final = {
    value.reason: value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, GDistributedError) and value is not TaskError
}


class ErrorElsewhere(Exception):
    """An error of another language, as that language tells it.

    Parameters
    ----------
    failure
        Type, message, traceback and runtime.
    """

    def __init__(self, failure: pb.TaskError) -> None:
        super().__init__(failure.message)
        self.failure = failure


def failure_from_exception(
    exception: BaseException,
    *,
    key: str = "",
    attempt: int = 0,
    worker_id: str = "",
    worker_name: str = "",
) -> pb.TaskError:
    """Describe an exception of user code, or one of ours, for all languages.

    Parameters
    ----------
    exception
        What was raised.
    key, attempt
        The run in which it was raised.
    worker_id, worker_name
        Where it was raised.
    """
    if isinstance(exception, ErrorElsewhere):
        where = pb.TaskError(key=key, attempt=attempt, worker_id=worker_id, worker_name=worker_name)
        where.MergeFrom(exception.failure)
        where.message, where.traceback = _shortened(where.message), _shortened(where.traceback)
        return where
    trace = _without_own_frames(exception.__traceback__)
    frames = traceback.extract_tb(exception.__traceback__)
    count = len(frames) - sum(1 for _ in traceback.walk_tb(trace))
    own, shown = frames[:count], frames[count:]
    ours = isinstance(exception, GDistributedError)
    failure = pb.TaskError(
        type=_type_name(exception),
        message=_shortened(_text(exception)),
        traceback=_shortened(_traceback_text(exception, trace)),
        frames=_frames(shown[-FRAMES_MAX:]),
        runtime_frames=_frames(own[-FRAMES_MAX:]),
        runtime=PYTHON,
        kind=pb.TASK_ERROR_KIND_SYSTEM if ours else pb.TASK_ERROR_KIND_USER,
        reason=exception.reason if isinstance(exception, GDistributedError) else "",
        retryable=not isinstance(exception, SerializationError),
        counts=True,
        worker_id=worker_id,
        worker_name=worker_name,
        attempt=attempt,
        key=key,
        causes=[
            pb.ErrorCause(type=_type_name(cause), message=_shortened(_text(cause)))
            for cause in _causes(exception)
        ],
    )
    original = _encode_exception(exception)
    if original is not None:
        failure.exception.CopyFrom(original)
    return failure


def exception_from_failure(failure: pb.TaskError) -> Exception:
    """Return an exception that can be raised where the result is wanted.

    It has the user's own type where that can be rebuilt, and the remote traceback; a note says on
    which worker it happened. Otherwise it is a `TaskError`, or the class of `errors` with
    the failure's reason.
    """
    exception = _original(failure) or _stand_in(failure)
    if failure.worker_name or failure.worker_id:
        task = f"in task {failure.key!r} " if failure.key else ""
        exception.add_note(f"Raised {task}on worker {failure.worker_name or failure.worker_id}.")
    if failure.traceback and not (failure.runtime == PYTHON and _has_sources(failure)):
        exception.add_note(f"Remote traceback:\n{failure.traceback.rstrip()}")
    return exception.with_traceback(traceback_from_frames(failure.frames))


def full_traceback(failure: pb.TaskError) -> types.TracebackType | None:
    """Return the remote traceback with the frames of the worker's own code; None without frames."""
    return traceback_from_frames([*failure.runtime_frames, *failure.frames])


def traceback_from_frames(frames: object) -> types.TracebackType | None:
    """Build a traceback that shows these frames, outermost first; None when there are none.

    Its frames are those of empty functions that carry the file, the line and the name.
    """
    trace: types.TracebackType | None = None
    for frame in reversed(list(frames)):  # type: ignore[call-overload]
        here = _frame_at(frame.file, max(frame.line, 1), frame.function)
        trace = types.TracebackType(trace, here.tb_frame, here.tb_lasti, max(frame.line, 1))
    return trace


def _original(failure: pb.TaskError) -> Exception | None:
    if failure.runtime != PYTHON or not failure.HasField("exception"):
        return None
    try:
        exception = decode(failure.exception)
    except SerializationError:
        return None
    return exception if isinstance(exception, Exception) else None


def _stand_in(failure: pb.TaskError) -> Exception:
    known = _CLASSES.get(failure.reason)
    if known is not None:
        return known(failure.message)
    text = f"{failure.type}: {failure.message}" if failure.message else failure.type
    return TaskError(text, failure.type, failure.traceback, failure.runtime)


def _encode_exception(exception: BaseException) -> value_pb2.Payload | None:
    """Encode the object so that it can surely be read again, or return None."""
    if not isinstance(exception, Exception):
        return None
    for candidate in (exception, _Bare(exception)):
        try:
            payload = encode(candidate)
            if payload.ByteSize() > EXCEPTION_NBYTES_MAX:
                continue
            if type(decode(payload)) is type(exception):
                return payload
        except SerializationError:
            continue  # the next candidate carries less
    return None


class _Bare:
    """An exception reduced to its class, its arguments and what of its state can be written.

    Many classes of exceptions cannot be unpickled, since their `__init__` takes other arguments
    than it gives to `Exception`.
    """

    def __init__(self, exception: Exception) -> None:
        self.exception = exception

    def __reduce__(self) -> tuple[object, ...]:
        args = tuple(arg if _is_writable(arg) else repr(arg) for arg in self.exception.args)
        state = {name: value for name, value in vars(self.exception).items() if _is_writable(value)}
        return rebuild_exception, (type(self.exception), args, state)


def rebuild_exception(
    kind: type[Exception], args: tuple[object, ...], state: dict[str, object]
) -> Exception:
    """Make an exception without calling its `__init__`."""
    exception = kind.__new__(kind, *args)
    exception.args = args
    exception.__dict__.update(state)
    return exception


def _is_writable(value: object) -> bool:
    try:
        decode(encode(value))
    except SerializationError:
        return False
    return True


def _type_name(exception: BaseException) -> str:
    kind = type(exception)
    return f"{kind.__module__}.{kind.__qualname__}"


def _text(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception as error:
        return f"<its text cannot be had: {qualified_name(type(error))}>"


def _shortened(text: str) -> str:
    """Cut a text in the middle, and make it one that every language can read."""
    data = text.encode(errors="backslashreplace")
    if len(data) <= TEXT_NBYTES_MAX:
        return data.decode()
    half = TEXT_NBYTES_MAX // 2 - 10
    return f"{data[:half].decode(errors='ignore')}\n[...]\n{data[-half:].decode(errors='ignore')}"


def _traceback_text(exception: BaseException, trace: types.TracebackType | None) -> str:
    try:
        return "".join(traceback.format_exception(type(exception), exception, trace))
    except Exception:
        return "".join(traceback.format_tb(trace))


def _frames(frames: Iterable[traceback.FrameSummary]) -> Iterator[pb.StackFrame]:
    for frame in frames:
        yield pb.StackFrame(
            file=frame.filename,
            line=frame.lineno or 0,
            function=frame.name,
            source=frame.line or "",
        )


def _without_own_frames(trace: types.TracebackType | None) -> types.TracebackType | None:
    """Leave out the frames in which the runtime calls the user's function."""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if not module.startswith(
            ("gdistributed.runtime.", "gdistributed.data.", "dask._task_spec")
        ):
            return trace
        trace = trace.tb_next
    return None


def _causes(exception: BaseException) -> Iterator[BaseException]:
    seen = {id(exception)}
    for _ in range(CAUSES_MAX):
        cause = exception.__cause__ or (
            None if exception.__suppress_context__ else exception.__context__
        )
        if cause is None or id(cause) in seen:
            return
        seen.add(id(cause))
        yield cause
        exception = cause


def _has_sources(failure: pb.TaskError) -> bool:
    """Say whether this machine can show the lines of all frames."""
    return bool(failure.frames) and all(
        os.path.exists(frame.file) and linecache.getline(frame.file, frame.line)
        for frame in failure.frames
        if frame.source
    )


def _frame_at(file: str, line: int, function: str) -> types.TracebackType:
    """Raise in a function of this name at this line, and return the traceback of that."""
    code = compile("\n" * (line - 1) + "raise _Placed", file or "<unknown>", "exec")
    try:
        exec(code.replace(co_name=function or "<unknown>"), {"_Placed": _Placed})
    except _Placed as placed:
        if placed.__traceback__ is not None and placed.__traceback__.tb_next is not None:
            return placed.__traceback__.tb_next
    raise errors.InvariantBroken("a frame was to be made and there is none")


class _Placed(Exception):
    """Raised to make a frame, and caught at once."""
