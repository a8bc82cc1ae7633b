"""What a worker that calls in from time to time is told, and what its word ends.

Such a worker states what it runs, and is told what it should run: states only, so that a word that
was lost is simply said again. A run that was given up takes its thread until the worker no longer
names it. What the worker cannot be given errs before anything is fetched for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gdistributed.core.worker.records import EXECUTING, RunRecord
from gdistributed.errors import CodecUnsupported, GDistributedError, ValueTooLarge
from gdistributed.v1 import error_pb2, task_pb2, value_pb2, worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.worker.brain import WorkerBrain

# Codecs that are read without running anybody's code, the one that says most after those that say
# one thing only.
SAFE_CODECS: Final = ("null", "text", "raw", "json")
# Plain data takes up to so many times as much memory as its encoding: 36 bytes for a number.
MEMORY_TIMES: Final = 8

Attempt = tuple[str, int]


def attempts_of(named: Iterable[worker_pb2.TaskAttempt]) -> dict[Attempt, None]:
    """Return runs as they are named in a message."""
    return {(name.key, name.attempt): None for name in named}


def to_be_run(brain: WorkerBrain) -> dict[Attempt, RunRecord]:
    """Return all runs that the worker should be at now."""
    runs = (run for run in brain.runs.values() if run.state is EXECUTING)
    return {(run.key, run.attempt): run for run in runs}


def is_news(brain: WorkerBrain, running: dict[Attempt, None]) -> bool:
    """Say whether a worker that runs these has anything to begin, or to stop."""
    return to_be_run(brain).keys() != running.keys()


def end_stopped(brain: WorkerBrain, running: dict[Attempt, None], now: float) -> None:
    """End the runs that were given up and are not among those that the worker runs."""
    stopped = [name for name in brain.abandoned if name not in running]
    if stopped:
        reports = [task_pb2.TaskFinished(key=key, attempt=attempt) for key, attempt in stopped]
        brain.tasks_ended(reports, [], now)


def check_task(task: worker_pb2.RunTask, nbytes_max: int) -> None:
    """Refuse a task of which it is known beforehand that the worker cannot be given it.

    Parameters
    ----------
    task
        As the scheduler hands it over.
    nbytes_max
        Bound on the task with all its arguments, encoded.

    Raises
    ------
    ValueTooLarge
        If it takes more than that, or a result that it needs surely does.
    CodecUnsupported
        If arguments are in a codec that is not safe.
    """
    check_size(f"the arguments of {task.key!r} take", len(task.arguments), nbytes_max)
    for dependency in task.dependencies:
        what = f"the result of {dependency.key!r} takes, in memory,"
        check_size(what, dependency.nbytes, nbytes_max * MEMORY_TIMES)
    arguments = value_pb2.Arguments.FromString(task.arguments)
    if arguments.HasField("packed"):
        raise unreadable(arguments.packed)
    for argument in arguments.arguments:
        check_payload(argument.literal)


def check_size(what: str, nbytes: int, nbytes_max: int) -> None:
    """Refuse what is too large; `what` takes, as in "the result takes".

    Raises
    ------
    ValueTooLarge
        If it takes more than it may.
    """
    if nbytes > nbytes_max:
        raise ValueTooLarge(
            f"{what} {nbytes} bytes, and for a worker that calls by Synchronize these may be "
            f"{nbytes_max}"
        )


def check_payload(payload: value_pb2.Payload) -> None:
    """Refuse a value that cannot be read as it stands, without running somebody's code.

    Raises
    ------
    CodecUnsupported
        If its codec is not safe, or its bytes are compressed or lie elsewhere.
    """
    check_codec(payload)
    if payload.compression or payload.buffers or payload.HasField("blob"):
        raise unreadable(payload)


def check_codec(payload: value_pb2.Payload) -> None:
    """Refuse a value that cannot be read without running somebody's code.

    Raises
    ------
    CodecUnsupported
        If its codec is not safe.
    """
    if (payload.codec or "null") not in SAFE_CODECS:
        raise unreadable(payload)


def unreadable(payload: value_pb2.Payload) -> CodecUnsupported:
    """Return the error for a value in a codec that is not safe."""
    codec = " ".join(word for word in (payload.compression, payload.codec) if word) or "null"
    return CodecUnsupported(
        f"a worker that calls by Synchronize neither gets nor gives values in {codec!r}; it does "
        f"in {', '.join(SAFE_CODECS)}"
    )


def failure_of(error: GDistributedError) -> error_pb2.TaskError:
    """Return what a task errs with that the worker cannot be given, or whose result is not kept."""
    return error_pb2.TaskError(
        type=f"gdistributed.errors.{type(error).__name__}",
        message=str(error),
        runtime="gdistributed",
        kind=error_pb2.TASK_ERROR_KIND_SYSTEM,
        reason=error.reason,
    )


def failure_said(said: error_pb2.TaskError, runtime: str) -> error_pb2.TaskError:
    """Return an error as the worker says it, with what it need not say."""
    failure = error_pb2.TaskError(type="Error", runtime=runtime)
    failure.MergeFrom(said)
    if not failure.kind:
        failure.kind = error_pb2.TASK_ERROR_KIND_USER
        failure.retryable = failure.counts = True
    return failure
