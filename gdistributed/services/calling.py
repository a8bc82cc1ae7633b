"""Calls users' code in the process of a server, for somebody who asks from afar."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, TypedDict

import grpc

from gdistributed.data.arguments import unpack_call
from gdistributed.data.codecs import encode
from gdistributed.data.failures import failure_from_exception
from gdistributed.data.functions import load_function
from gdistributed.errors import SerializationError
from gdistributed.runtime.context import Running, current
from gdistributed.runtime.own_thread import in_own_thread
from gdistributed.v1 import error_pb2, task_pb2, value_pb2
from gdistributed.wire.server import Server
from gdistributed.wire.status import StatusError

logger = logging.getLogger("gdistributed.server")

# Parameters by which a function asks for the server in whose process it runs.
WORKER: Final = ("dask_worker", "worker")
NANNY: Final = ("dask_worker", "worker", "nanny")
SCHEDULER: Final = ("dask_scheduler", "scheduler")


class CallRequest(Protocol):
    """What all requests to call a function have in common."""

    detached: bool

    @property
    def function(self) -> task_pb2.Function:
        """The function."""

    @property
    def arguments(self) -> value_pb2.Arguments:
        """Arguments without references."""

    @property
    def accept_codecs(self) -> Sequence[str]:
        """Codecs for the result, best first."""


class Outcome(TypedDict, total=False):
    """The fields of an answer: one of them is there."""

    value: value_pb2.Payload
    error: error_pb2.TaskError


async def carry_out(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
    """Call a plain function in a thread of its own, or a coroutine function on this loop.

    Returns its result, and raises what it raises (see `in_own_thread`).
    """
    value = await in_own_thread(function, *args, **kwargs)
    return await value if inspect.isawaitable(value) else value


class Caller:
    """Calls functions in the process of a server.

    Parameters
    ----------
    server
        Is given to functions that ask for it by a parameter, as dask's do.
    asked_by
        The parameters by which they ask.
    running
        What `get_worker` and the like find in these functions; None for nothing.
    """

    def __init__(
        self, server: Server, asked_by: Sequence[str], running: Running | None = None
    ) -> None:
        self._server = server
        self._asked_by = asked_by
        self._running = running
        self._detached: set[asyncio.Task[Outcome]] = set()

    async def call(self, request: CallRequest) -> Outcome:
        """Call the function of a request, and return what became of it.

        Raises
        ------
        StatusError
            If there is no such function here.
        """
        if not request.detached:
            return await self._call(request)
        task = asyncio.create_task(self._call(request))
        self._detached.add(task)
        task.add_done_callback(self._is_over)
        return Outcome(value=encode(None))

    async def _call(self, request: CallRequest) -> Outcome:
        if self._running is not None:
            current.set(self._running)
        try:
            function = await asyncio.to_thread(load_function, request.function)
        except SerializationError as error:
            raise StatusError(
                grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_FUNCTION", str(error)
            ) from error
        try:
            args, kwargs = unpack_call(request.arguments.SerializeToString())
            for name in asked_for(function, self._asked_by, args, kwargs):
                kwargs[name] = self._server
            value = await carry_out(function, *args, **kwargs)
            return Outcome(value=encode(value, request.accept_codecs))
        except Exception as error:
            return Outcome(error=failure_at(self._server, error))

    def _is_over(self, task: asyncio.Task[Outcome]) -> None:
        self._detached.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        failure = failure_at(self._server, error) if error else task.result().get("error")
        if failure is not None:
            fields = {"type": failure.type, "cause": failure.message}
            logger.error("a function that nobody waits for raised", extra=fields)


def asked_for(
    function: Callable[..., Any],
    names: Sequence[str],
    args: Sequence[object],
    kwargs: dict[str, Any],
) -> list[str]:
    """Return the parameters of a function that have these names and were given nothing."""
    try:
        signature = inspect.signature(function)
        given = signature.bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return []  # it has no signature, or the call will say what is wrong
    return [name for name in names if name in signature.parameters and name not in given]


def failure_at(server: Server, error: BaseException) -> error_pb2.TaskError:
    """Describe an exception that users' code has raised on a server."""
    error = error.with_traceback(_in_user_code(error.__traceback__))
    return failure_from_exception(error, worker_id=server.id, worker_name=server.name)


def _in_user_code(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames by which the code was called."""
    frame = trace
    while frame is not None:
        if frame.tb_frame.f_globals.get("__name__") in (__name__, in_own_thread.__module__):
            trace = frame.tb_next
        frame = frame.tb_next
    return trace
