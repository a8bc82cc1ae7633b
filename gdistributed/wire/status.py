"""Errors across a call: our exceptions become gRPC statuses, and statuses our exceptions.

The only place that knows gRPC's codes. A status carries the reason of the exception in trailing
metadata and as `google.rpc.ErrorInfo`, and by the reason the same class is raised at the caller.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NoReturn

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from gdistributed import errors
from gdistributed.errors import GDistributedError

logger = logging.getLogger("gdistributed.wire")

Code = grpc.StatusCode
Context = grpc.aio.ServicerContext[Any, Any]

REASON_KEY: Final = "gdistributed-reason"
DOMAIN: Final = "gdistributed"
DETAILS_MAX: Final = 1000

CODES: Final[tuple[tuple[type[GDistributedError], grpc.StatusCode], ...]] = (
    (errors.VersionMismatch, Code.FAILED_PRECONDITION),
    (errors.CapabilityMissing, Code.FAILED_PRECONDITION),
    (errors.Superseded, Code.ABORTED),
    (errors.NameTaken, Code.ALREADY_EXISTS),
    (errors.LimitDiffers, Code.FAILED_PRECONDITION),
    (errors.NotFound, Code.NOT_FOUND),
    (errors.WaitTimeout, Code.DEADLINE_EXCEEDED),
    (errors.ConnectTimeout, Code.UNAVAILABLE),
    (errors.ConnectionLost, Code.UNAVAILABLE),
    (errors.ProtocolError, Code.INVALID_ARGUMENT),
    (errors.NotAllowed, Code.PERMISSION_DENIED),
    (errors.UsageError, Code.INVALID_ARGUMENT),
    (errors.TaskFailed, Code.UNKNOWN),
    (errors.ClusterError, Code.FAILED_PRECONDITION),
)
# Reasons that are narrower than those of their classes, and have codes of their own.
CODES_BY_REASON: Final = {"BAD_CHUNK": Code.DATA_LOSS}
CLASSES: Final[dict[grpc.StatusCode, type[GDistributedError]]] = {
    Code.NOT_FOUND: errors.NotFound,
    Code.ALREADY_EXISTS: errors.NameTaken,
    Code.INVALID_ARGUMENT: errors.UsageError,
    Code.PERMISSION_DENIED: errors.NotAllowed,
    Code.DEADLINE_EXCEEDED: errors.WaitTimeout,
    Code.UNAVAILABLE: errors.ConnectionLost,
    Code.CANCELLED: errors.ConnectionLost,
    Code.ABORTED: errors.Superseded,
    Code.UNIMPLEMENTED: errors.CapabilityMissing,
    Code.INTERNAL: errors.ProtocolError,
    Code.DATA_LOSS: errors.MalformedMessage,
}


class StatusError(GDistributedError):
    """A call failed in one of the ways that its rpc lists in the `.proto`.

    Parameters
    ----------
    code
        gRPC status code.
    reason
        The word in the list, for programs.
    message
        What a person reads.
    """

    def __init__(self, code: grpc.StatusCode, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


def code_of(error: GDistributedError) -> grpc.StatusCode:
    """Return the gRPC code of an exception."""
    if isinstance(error, StatusError):
        return error.code
    if error.reason in CODES_BY_REASON:
        return CODES_BY_REASON[error.reason]
    return next((code for cls, code in CODES if isinstance(error, cls)), Code.UNKNOWN)


async def abort(context: Context, error: GDistributedError) -> NoReturn:
    """End a call with the status of an exception."""
    code, message = code_of(error), str(error)[:DETAILS_MAX]
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))
    number = code_pb2.Code.Value(code.name)
    status = rpc_status.to_status(status_pb2.Status(code=number, message=message, details=[info]))
    metadata = (*(status.trailing_metadata or ()), (REASON_KEY, error.reason))
    await context.abort(code, message, metadata)
    raise AssertionError("abort returned")


@functools.cache
def _classes_by_reason() -> dict[str, type[GDistributedError]]:
    found: dict[str, type[GDistributedError]] = {}
    classes = [GDistributedError]
    for cls in classes:  # grows while it is walked
        found.setdefault(cls.reason, cls)
        classes.extend(cls.__subclasses__())
    return found


def reason_of_call(error: grpc.aio.AioRpcError) -> str:
    """Return the reason that a failed call carries; empty for none."""
    for key, value in error.trailing_metadata() or ():
        if key == REASON_KEY:
            return value if isinstance(value, str) else value.decode()
    return ""


def error_from_call(
    error: grpc.aio.AioRpcError, address: str = "", doing: str = ""
) -> GDistributedError:
    """Return what to raise for a failed call.

    Parameters
    ----------
    error
        What gRPC raised.
    address
        Who was called; named where the message would not say it.
    doing
        What was being done, as in "registering"; put before the message.
    """
    reason, details = reason_of_call(error), error.details() or error.code().name
    cls = _classes_by_reason().get(reason) or CLASSES.get(error.code(), errors.ClusterError)
    where = f" at {address}" if address and not reason else ""
    before = f"{doing}{where}: " if doing or where else ""
    raised = cls(f"{before}{details}")
    return raised.with_reason(reason) if reason else raised


class StatusInterceptor(grpc.aio.ServerInterceptor):
    """Lets servicers raise our exceptions: calls end with the status that stands for them."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401
        """Wrap the handler of a call."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        if handler.request_streaming and handler.response_streaming:
            return handler._replace(stream_stream=_guarded(handler.stream_stream, method))
        if handler.request_streaming:
            return handler._replace(stream_unary=_guarded(handler.stream_unary, method))
        if handler.response_streaming:
            return handler._replace(unary_stream=_guarded(handler.unary_stream, method))
        return handler._replace(unary_unary=_guarded(handler.unary_unary, method))


def _guarded(behaviour: Callable[..., Any], method: str) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(behaviour):

        async def stream(request: object, context: Context) -> AsyncIterator[object]:
            try:
                async for response in behaviour(request, context):
                    yield response
            except Exception as error:
                await _end(context, error, method)

        return stream
    if inspect.iscoroutinefunction(behaviour):

        async def call(request: object, context: Context) -> object:
            try:
                return await behaviour(request, context)
            except Exception as error:
                await _end(context, error, method)

        return call
    return behaviour


async def _end(context: Context, error: Exception, method: str) -> NoReturn:
    """End a call that raised: with the error's status, or INTERNAL and a line in the log."""
    if isinstance(error, GDistributedError):
        await abort(context, error)
    if isinstance(error, (grpc.aio.AbortError, grpc.aio.AioRpcError, grpc.aio.UsageError)):
        raise error
    logger.error("call failed unexpectedly", exc_info=error, extra={"method": method})
    await context.abort(Code.INTERNAL, f"{type(error).__name__}: {error}"[:DETAILS_MAX])
    raise AssertionError("abort returned")
