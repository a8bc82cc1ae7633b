"""`rpc(address)`: any gRPC server as an object, its methods learned by reflection.

    async with rpc("127.0.0.1:8786") as server:
        reply = await server.Add(x=1, y=2)
        async for item in server.StreamData(interval=0.1):
            ...

Keyword arguments are the fields of the request. Where two services have a method of the same name,
say which: ``server.Calculator.Add``. The functions of a server with `handlers` are called the same
way, and return plain Python values. In plain synchronous code use ``with``, and leave out `await`.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import grpc.aio
from google.protobuf import json_format
from google.protobuf.message import Message

from gdistributed.errors import NotFound, UsageError
from gdistributed.v1 import handlers_pb2, handlers_pb2_grpc
from gdistributed.wire.addresses import normalise_address
from gdistributed.wire.channel import connect
from gdistributed.wire.handlers import from_value, to_value
from gdistributed.wire.loop_thread import LoopThread
from gdistributed.wire.reflection import Method, iterate, learn
from gdistributed.wire.status import error_from_call

HANDLERS: Final = "gdistributed.v1.Handlers"
TIMEOUT_S: Final = 10.0


def rpc(address: str, timeout_s: float = TIMEOUT_S) -> Remote:
    """Return a client of any gRPC server that offers reflection.

    Parameters
    ----------
    address
        "host:port" or "unix:PATH".
    timeout_s
        How long to try to reach the server, in seconds.

    Returns
    -------
    Remote
        To be entered by ``async with``, or by ``with`` in synchronous code. Entering raises
        `ConnectTimeout` if nobody answers and `CapabilityMissing` if there is no reflection.

    Examples
    --------
    >>> with rpc(address) as scheduler:
    ...     scheduler.Server.Identity().type  # doctest: +SKIP
    'scheduler'
    """
    return Remote(address, timeout_s)


class Remote:
    """A server as an object; see the module."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self._address = normalise_address(address)
        self._timeout_s = timeout_s
        self._blocking = False
        self._services: dict[str, dict[str, Method]] = {}
        self._handlers: dict[str, handlers_pb2.Handler] = {}
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> Self:
        self._channel = await connect(self._address, self._timeout_s)
        try:
            self._services = await learn(self._channel, self._timeout_s)
            if HANDLERS in self._services:
                stub = handlers_pb2_grpc.HandlersStub(self._channel)
                listed = await stub.ListHandlers(handlers_pb2.ListHandlersRequest())
                self._handlers = {handler.name: handler for handler in listed.handlers}
        except grpc.aio.AioRpcError as error:
            await self._channel.close()
            raise error_from_call(error, self._address, "learning the services") from None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._channel is not None:
            await self._channel.close()

    def __enter__(self) -> Self:
        self._blocking = True
        return LoopThread.shared().run(self.__aenter__())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        LoopThread.shared().run(self.__aexit__(kind, error, traceback))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401
        """Return a method, a function of `handlers`, or a service by its short or full name."""
        if name in self._handlers:
            return self._face(
                self._call_handler(self._handlers[name]), self._handlers[name].streams
            )
        found = [methods[name] for methods in self._services.values() if name in methods]
        if len(found) == 1:
            return self.bind(found[0])
        if found:
            paths = ", ".join(method.path.strip("/").replace("/", ".") for method in found)
            raise UsageError(f"several services have a method {name!r}: {paths}; say which")
        for service, methods in self._services.items():
            if name in (service, service.rpartition(".")[2]):
                return Service(self, service, methods)
        raise self.unknown(name, [*self._handlers, *self._method_names(), *self._services])

    def __dir__(self) -> list[str]:
        return [*self._handlers, *self._method_names(), *self._services]

    def _method_names(self) -> list[str]:
        return [name for methods in self._services.values() for name in methods]

    def __repr__(self) -> str:
        return f"<rpc to {self._address}: {', '.join(self._services) or 'not entered'}>"

    def unknown(self, name: str, known: list[str]) -> NotFound:
        """Say that there is nothing of a name, and what comes near."""
        near = difflib.get_close_matches(name, known, n=5) or sorted(known)
        return NotFound(f"the server at {self._address} has no {name!r}; it has: {', '.join(near)}")

    # Calls

    def bind(self, method: Method) -> Callable[..., Any]:
        """Return what calls a method."""
        if self._channel is None:
            raise UsageError("enter the client first: `async with rpc(address) as server`")
        call = method.callable_of(self._channel)

        def arguments(given: tuple[object, ...], fields: dict[str, Any]) -> object:
            if not method.streams_in:
                return _message(method.request, given[0] if given else fields)
            return _messages(method.request, given[0] if given else ())

        if method.streams_out:

            async def stream(*given: object, **fields: object) -> AsyncIterator[object]:
                responses = call(arguments(given, fields))
                try:
                    async for response in responses:
                        yield response
                except grpc.aio.AioRpcError as error:
                    raise error_from_call(error, self._address, method.name) from None
                finally:
                    responses.cancel()  # the caller may leave before the end

            return self._face(stream, True)

        async def once(*given: object, **fields: object) -> object:
            try:
                return await call(arguments(given, fields))
            except grpc.aio.AioRpcError as error:
                raise error_from_call(error, self._address, method.name) from None

        return self._face(once, False)

    def _call_handler(self, handler: handlers_pb2.Handler) -> Callable[..., Any]:
        assert self._channel is not None
        stub = handlers_pb2_grpc.HandlersStub(self._channel)

        async def stream(**arguments: object) -> AsyncIterator[object]:
            request = handlers_pb2.CallStreamRequest(
                name=handler.name, arguments=to_value(arguments).struct_value
            )
            responses = stub.CallStream(request)
            try:
                async for response in responses:
                    yield from_value(response.result)
            except grpc.aio.AioRpcError as error:
                raise error_from_call(error, self._address, handler.name) from None
            finally:
                responses.cancel()  # the caller may leave before the end

        async def once(**arguments: object) -> object:
            request = handlers_pb2.CallRequest(
                name=handler.name, arguments=to_value(arguments).struct_value
            )
            try:
                return from_value((await stub.Call(request)).result)
            except grpc.aio.AioRpcError as error:
                raise error_from_call(error, self._address, handler.name) from None

        return stream if handler.streams else once

    def _face(self, function: Callable[..., Any], streams: bool) -> Callable[..., Any]:
        """Return a function as it is used: awaited, or blocking in synchronous code."""
        if not self._blocking:
            return function
        if streams:
            return lambda *given, **fields: _pull(function(*given, **fields))
        return lambda *given, **fields: LoopThread.shared().run(function(*given, **fields))


class Service:
    """One service of a server: its methods by name."""

    def __init__(self, remote: Remote, name: str, methods: Mapping[str, Method]) -> None:
        self._remote = remote
        self._name = name
        self._methods = methods

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._methods:
            raise self._remote.unknown(name, list(self._methods))
        return self._remote.bind(self._methods[name])

    def __dir__(self) -> list[str]:
        return list(self._methods)

    def __repr__(self) -> str:
        return f"<service {self._name}: {', '.join(self._methods)}>"


def _message(cls: type[Message], fields: object) -> Message:
    """Make a request of its fields; bytes and messages are taken as they are.

    Raises
    ------
    UsageError
        If there is no such field, or a value does not fit.
    """
    if isinstance(fields, Message):
        return cls.FromString(fields.SerializeToString())
    assert isinstance(fields, Mapping)
    message = cls()
    plain: dict[str, Any] = {}
    for name, value in fields.items():
        field = cls.DESCRIPTOR.fields_by_name.get(name)
        if field is not None and isinstance(value, bytes):
            setattr(message, name, value)
        elif field is not None and isinstance(value, Message):
            getattr(message, name).MergeFromString(value.SerializeToString())
        else:
            plain[name] = list(value) if isinstance(value, tuple) else value
    try:
        json_format.ParseDict(plain, message)
    except json_format.ParseError as error:
        known = ", ".join(field.name for field in cls.DESCRIPTOR.fields)
        raise UsageError(f"{error}; {cls.DESCRIPTOR.name} has the fields: {known}") from None
    return message


async def _messages(cls: type[Message], items: object) -> AsyncIterator[Message]:
    async for item in iterate(items):
        yield _message(cls, item)


def _pull(items: AsyncIterator[object]) -> Iterator[object]:
    """Yield in this thread what an asynchronous iterator yields on the loop thread."""
    loop, end = LoopThread.shared(), object()

    async def following() -> object:
        return await anext(items, end)

    async def close() -> None:
        await items.aclose()  # type: ignore[attr-defined]  # they are generators of this file

    try:
        while (item := loop.run(following())) is not end:
            yield item
    finally:
        loop.run(close())
