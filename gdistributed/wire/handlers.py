"""Quick servers of plain functions: one generic service calls them by name, with JSON-like
arguments."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping
from typing import Any

import grpc
import grpc.aio
from google.protobuf import json_format, struct_pb2

from gdistributed.v1 import handlers_pb2 as pb
from gdistributed.v1 import handlers_pb2_grpc
from gdistributed.wire.status import StatusError

Code = grpc.StatusCode
Context = grpc.aio.ServicerContext[Any, Any]
Function = Callable[..., Any]

WHOLE_MAX = 2**53
END = object()


def add_handlers(functions: Mapping[str, Function], server: Any) -> None:  # noqa: ANN401
    """Serve functions on a server that has not started.

    Parameters
    ----------
    functions
        Plain functions, coroutine functions, generators and asynchronous generators by name.
        Those that may block run on a thread.
    """
    handlers_pb2_grpc.add_HandlersServicer_to_server(HandlersService(functions), server)


class HandlersService(handlers_pb2_grpc.HandlersServicer):
    """Calls functions by name."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = dict(sorted(functions.items()))

    async def ListHandlers(
        self, _request: pb.ListHandlersRequest, _: Context
    ) -> pb.ListHandlersResponse:
        """Name the functions."""
        return pb.ListHandlersResponse(
            handlers=[
                pb.Handler(
                    name=name,
                    signature=str(inspect.signature(function)),
                    description=(inspect.getdoc(function) or "").partition("\n\n")[0],
                    streams=streams(function),
                )
                for name, function in self._functions.items()
            ]
        )

    async def Call(self, request: pb.CallRequest, _: Context) -> pb.CallResponse:
        """Call a function and return its result."""
        function = self._find(request.name)
        if streams(function):
            raise StatusError(
                Code.FAILED_PRECONDITION,
                "HANDLER_STREAMS",
                f"the function {request.name!r} streams; use CallStream",
            )
        arguments = self._bind(request.name, function, request.arguments)
        return pb.CallResponse(result=to_value(await self._result(function, arguments)))

    async def CallStream(
        self, request: pb.CallStreamRequest, _: Context
    ) -> AsyncIterator[pb.CallStreamResponse]:
        """Call a function and stream what it yields."""
        function = self._find(request.name)
        arguments = self._bind(request.name, function, request.arguments)
        if not streams(function):
            result = await self._result(function, arguments)
            yield pb.CallStreamResponse(result=to_value(result))
            return
        try:
            async with contextlib.aclosing(_items(function, arguments)) as items:
                async for item in items:
                    yield pb.CallStreamResponse(result=to_value(item))
        except Exception as error:
            raise _raised(error) from error

    def _find(self, name: str) -> Function:
        function = self._functions.get(name)
        if function is None:
            near = difflib.get_close_matches(name, self._functions) or list(self._functions)
            raise StatusError(
                Code.NOT_FOUND,
                "UNKNOWN_HANDLER",
                f"no function is named {name!r}; there are: {', '.join(near) or 'none'}",
            )
        return function

    def _bind(
        self, name: str, function: Function, arguments: struct_pb2.Struct
    ) -> dict[str, object]:
        given = {key: from_value(value) for key, value in arguments.fields.items()}
        try:
            inspect.signature(function).bind(**given)
        except TypeError as error:
            raise StatusError(
                Code.INVALID_ARGUMENT,
                "BAD_ARGUMENTS",
                f"{name}{inspect.signature(function)}: {error}",
            ) from None
        return given

    async def _result(self, function: Function, arguments: dict[str, object]) -> object:
        try:
            if inspect.iscoroutinefunction(function):
                return await function(**arguments)
            return await asyncio.to_thread(_called, function, arguments)
        except Exception as error:
            raise _raised(error) from error


def streams(function: Function) -> bool:
    """Whether a function yields many values."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _raised(error: Exception) -> Exception:
    if isinstance(error, StatusError):
        return error
    return StatusError(Code.UNKNOWN, "HANDLER_RAISED", f"{type(error).__name__}: {error}")


def _called(function: Function, arguments: dict[str, object]) -> object:
    try:
        return function(**arguments)
    except StopIteration as error:  # which no future can carry
        raise RuntimeError(f"the function raised StopIteration({error})") from error


async def _items(function: Function, arguments: dict[str, object]) -> AsyncGenerator[object, None]:
    """Yield what a function yields, and close it when the caller leaves."""
    if inspect.isasyncgenfunction(function):
        async with contextlib.aclosing(function(**arguments)) as items:
            async for item in items:
                yield item
        return
    generator: Generator[object, None, None] = function(**arguments)
    try:
        while (item := await asyncio.to_thread(next, generator, END)) is not END:
            yield item
    finally:
        generator.close()


def from_value(value: struct_pb2.Value) -> object:
    """Return a JSON-like value as Python has it; numbers without a fraction become ints."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        whole = number.is_integer() and abs(number) <= WHOLE_MAX
        return int(number) if whole else number
    if kind == "struct_value":
        return {key: from_value(each) for key, each in value.struct_value.fields.items()}
    if kind == "list_value":
        return [from_value(each) for each in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def to_value(value: object) -> struct_pb2.Value:
    """Return a Python value as JSON-like; tuples become lists.

    Raises
    ------
    StatusError
        If JSON has nothing like it.
    """
    try:
        plain = list(value) if isinstance(value, (tuple, set, frozenset)) else value
        return json_format.ParseDict(plain, struct_pb2.Value())  # type: ignore[arg-type]
    except (json_format.ParseError, ValueError) as error:
        raise StatusError(
            Code.UNKNOWN,
            "HANDLER_RAISED",
            f"the result, of type {type(value).__name__}, is nothing that JSON has: {error}",
        ) from None
