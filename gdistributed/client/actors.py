"""Actors: handles of objects that live on a worker, and futures of what their methods return.

A call goes straight to the worker, over one stream for each worker, in the order in which the calls
of this client were made. The scheduler takes no part in it. A stream that breaks is not resumed: of
a call that was under way nobody knows whether it was made, and its future says so.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Final, NoReturn

import grpc.aio

from gdistributed.client.bridge import SUSPENDING, Bridge
from gdistributed.client.connection import Connection
from gdistributed.client.current import binding_to
from gdistributed.client.future import Future, bind_future, callback_thread
from gdistributed.data.actor_references import Handle, Words
from gdistributed.data.arguments import pack_call
from gdistributed.data.codecs import decode
from gdistributed.data.failures import exception_from_failure
from gdistributed.errors import (
    ActorLost,
    ClientClosed,
    ConnectionLost,
    UnpicklableArgument,
    WaitTimeout,
)
from gdistributed.settings import MIB
from gdistributed.v1 import value_pb2, worker_pb2, worker_pb2_grpc
from gdistributed.wire.channel import MESSAGE_NBYTES, open_channel

Reply = concurrent.futures.Future[worker_pb2.CallActorResponse]

PROBE_TIMEOUT_S: Final = 3.0


class Actor(Handle):
    """The handle of an object that lives on a worker.

    It is the result of ``client.submit(Class, ..., actor=True)``. Its methods return futures at
    once; its attributes are read from the worker (of an asynchronous client: something to await).
    Calls of one client are made in their order, and never two of them at once, but for methods that
    are coroutine functions: these begin in order, and go on beside each other. It may be an
    argument of tasks, and be sent anywhere. The object lives for as long as there is a handle or a
    future of it.

    Examples
    --------
    >>> class Account:
    ...     def __init__(self, balance):
    ...         self.balance = balance
    ...     def pay_in(self, amount):
    ...         self.balance += amount
    ...         return self.balance
    >>> account = client.submit(Account, 100, actor=True).result()
    >>> account.pay_in(20).result()
    120
    >>> account.balance
    120
    """

    __slots__ = ("__weakref__", "_future", "_kind", "_methods", "_place", "_words")

    def __init__(
        self, future: Future, address: str, worker_id: str, kind: str, methods: tuple[str, ...]
    ) -> None:
        assign = partial(object.__setattr__, self)
        assign("_future", future)
        assign("_place", (address, worker_id))
        assign("_kind", kind)
        assign("_methods", frozenset(methods))
        assign("_words", (future.key, address, worker_id, kind, methods))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("_"):
            raise AttributeError(f"{name!r} of an actor is not for others: give it a method")
        if name in self._methods:
            return ActorMethod(self, name)
        return self._call(name, reads=True).result()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an actor's attributes are set by its methods, and so is {name!r}")

    def __dir__(self) -> list[str]:
        return sorted(self._methods)

    def __reduce__(self) -> tuple[Callable[..., Actor], Words]:
        return bind_actor, self._words

    def __dask_tokenize__(self) -> tuple[str, str]:
        return ("gdistributed.Actor", self._future.record.key)

    def __repr__(self) -> str:
        return f"<Actor: {self._kind}, key: {self._future.key}>"

    def _call(
        self,
        name: str,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        reads: bool = False,
    ) -> ActorFuture:
        future = self._future
        request = worker_pb2.CallActorRequest(key=future.record.key, name=name, reads=reads)
        if not reads:
            packed, _ = pack_call(args, kwargs or {})
            _check_size(len(packed), name)
            request.arguments.CopyFrom(value_pb2.Arguments.FromString(packed))
        connection = future.connection
        reply = link_to(connection, *self._place).call(request)
        return ActorFuture(connection, reply, f"{self._kind}.{name}", (self, args, kwargs))


def _check_size(nbytes: int, name: str) -> None:
    if nbytes > MESSAGE_NBYTES:
        raise UnpicklableArgument(
            f"the arguments of {name!r} are {nbytes / MIB:.0f} MiB, and a message holds "
            f"{MESSAGE_NBYTES // MIB}: put large data on the workers with client.scatter(data) and "
            f"pass the future, which the method gathers"
        )


def future_of(actor: Actor) -> Future:
    """Return the future that keeps an actor alive."""
    future: Future = object.__getattribute__(actor, "_future")
    return future


def bind_actor(
    key: str, address: str, worker_id: str, kind: str, methods: tuple[str, ...]
) -> Actor:
    """Make a handle of the current client."""
    return Actor(bind_future(key), address, worker_id, kind, methods)


class ActorMethod:
    """A method of an actor; calling it returns an `ActorFuture` at once."""

    __slots__ = ("_actor", "_name")

    def __init__(self, actor: Actor, name: str) -> None:
        self._actor = actor
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> ActorFuture:  # noqa: ANN401
        """Call it.

        Futures among the arguments are not replaced by their results: they arrive as futures.

        Raises
        ------
        UnpicklableArgument
            If an argument cannot be sent, or all of them are too large for a message.
        """
        return self._actor._call(self._name, args, kwargs)

    def __repr__(self) -> str:
        return f"<method {self._name} of {self._actor!r}>"


class ActorFuture:
    """What a method of an actor will have returned; methods of an `Actor` return it.

    Examples
    --------
    >>> from collections import Counter
    >>> counter = client.submit(Counter, "aab", actor=True).result()
    >>> future = counter.total()
    >>> future.result()
    3
    """

    __slots__ = ("_connection", "_kept", "_name", "_reply")

    def __init__(self, connection: Connection, reply: Reply, name: str, kept: object) -> None:
        self._connection = connection
        self._reply = reply
        self._name = name
        self._kept = kept  # the actor, and futures among the arguments, live for as long as this

    def done(self) -> bool:
        """Return whether there is a result or an error.

        Examples
        --------
        >>> from collections import Counter
        >>> counter = client.submit(Counter, "aab", actor=True).result()
        >>> future = counter.total()
        >>> future.result()
        3
        >>> future.done()
        True
        """
        return self._reply.done()

    def result(self, timeout: float | None = None) -> Any:  # noqa: ANN401
        """Wait for the result and return it; of an asynchronous client, something to await.

        Parameters
        ----------
        timeout
            Seconds to wait; None (the default) waits for ever.

        Raises
        ------
        Exception
            Whatever the method raised, with its remote traceback.
        WaitTimeout
            If it is not done in time. It is a `TimeoutError` too.
        ActorLost
            If the actor is gone, with its worker or since nobody wanted it.
        ConnectionLost
            If the connection to the worker broke while the call was under way. The actor is there
            still; nobody knows whether the call was made.

        Examples
        --------
        >>> from collections import Counter
        >>> counter = client.submit(Counter, "aab", actor=True).result()
        >>> counter.total().result(timeout=10)
        3
        """
        bridge = self._connection.bridge
        return bridge.run(self._result(timeout, bridge))

    def exception(self, timeout: float | None = None) -> Any:  # noqa: ANN401
        """Wait for the end and return what was raised, or None. Otherwise as `result`.

        Examples
        --------
        >>> from collections import Counter
        >>> counter = client.submit(Counter, "aab", actor=True).result()
        >>> type(counter.most_common("many").exception())
        <class 'TypeError'>
        """
        bridge = self._connection.bridge
        return bridge.run(self._exception(timeout, bridge))

    def add_done_callback(self, function: Callable[[ActorFuture], object]) -> None:
        """Have a function called with this future when it is done, in a thread of its own kind.

        Examples
        --------
        >>> from collections import Counter
        >>> counter = client.submit(Counter, "aab", actor=True).result()
        >>> results = []
        >>> counter.total().add_done_callback(lambda future: results.append(future.result()))
        """
        self._reply.add_done_callback(lambda _: callback_thread().submit(function, self))

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result(None, SUSPENDING).__await__()

    def __repr__(self) -> str:
        return f"<ActorFuture: {'done' if self.done() else 'pending'}, {self._name}>"

    async def _result(self, timeout: float | None, bridge: Bridge) -> Any:  # noqa: ANN401
        response = await self._response(timeout, bridge)
        if response.HasField("error"):
            raise exception_from_failure(response.error)
        with binding_to(self._connection):
            return decode(response.value)

    async def _exception(self, timeout: float | None, bridge: Bridge) -> Exception | None:
        try:
            response = await self._response(timeout, bridge)
        except (ActorLost, ConnectionLost, ClientClosed) as error:
            return error
        return exception_from_failure(response.error) if response.HasField("error") else None

    async def _response(
        self, timeout: float | None, bridge: Bridge
    ) -> worker_pb2.CallActorResponse:
        if not self._reply.done():
            signal = bridge.signal()
            self._reply.add_done_callback(lambda _: signal.set())
            if not await signal.wait(timeout):
                raise WaitTimeout(f"{self._name} did not return within {timeout:g} s")
        self._kept = None
        return self._reply.result()


# The way to the worker

_links: weakref.WeakKeyDictionary[Connection, dict[str, ActorLink]] = weakref.WeakKeyDictionary()
_linking: Final = threading.Lock()


def link_to(connection: Connection, address: str, worker_id: str) -> ActorLink:
    """Return a client's way to a worker, a new one if the last has broken.

    Raises
    ------
    ClientClosed
        If the client is closed.
    """
    connection.check_open()
    with _linking:
        links = _links.setdefault(connection, {})
        link = links.get(worker_id)
        if link is None or link.is_over:
            link = links[worker_id] = ActorLink(weakref.proxy(connection), address, worker_id)
        return link


class ActorLink:
    """A stream of calls from one client to one worker. It begins with the first call.

    Parameters
    ----------
    connection
        The client's.
    address, worker_id
        Of the worker.

    Attributes
    ----------
    is_over
        Whether it has broken.
    """

    def __init__(self, connection: Connection, address: str, worker_id: str) -> None:
        self.is_over = False
        self._connection = connection
        self._loop = connection.loop
        self._address = address
        self._worker_id = worker_id
        self._lock = threading.Lock()
        self._replies: dict[int, Reply] = {}
        self._count = 0
        self._outbox: deque[worker_pb2.CallActorRequest] = deque()
        self._mail = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    def call(self, request: worker_pb2.CallActorRequest) -> Reply:
        """Send a call. From any thread; those of one thread are made in order."""
        reply: Reply = concurrent.futures.Future()
        with self._lock:
            self._count += 1
            request.number = self._count
            if self._count == 1:
                request.worker_id = self._worker_id
            self._replies[request.number] = reply
            self._outbox.append(request)
        self._loop.call_soon_threadsafe(self._wake)
        return reply

    def _wake(self) -> None:
        self._mail.set()
        if self._life is None:
            self._life = self._loop.create_task(self._live(), name="gdistributed-actors")
        elif self.is_over:  # it broke as the call was made
            self._life = self._loop.create_task(self._end("the connection broke"))

    async def _live(self) -> None:
        channel = self._connection.channels.get(self._address)
        stream = worker_pb2_grpc.WorkerStub(channel).CallActor()
        writing = asyncio.create_task(self._write(stream))
        cause = "the stream ended"
        try:
            while isinstance(response := await stream.read(), worker_pb2.CallActorResponse):
                if response.HasField("error") and self._is_closing:
                    break  # the actor went with our goodbye, before our end got here
                reply = self._replies.pop(response.number, None)
                if reply is not None:
                    reply.set_result(response)
        except grpc.aio.AioRpcError as error:
            cause = error.details() or error.code().name
        except asyncio.CancelledError:
            cause = "the client's loop ended"
        finally:
            self.is_over = True
            writing.cancel()
            stream.cancel()
        await self._end(cause)

    async def _write(self, stream: Any) -> None:  # noqa: ANN401
        try:
            while True:
                await self._mail.wait()
                self._mail.clear()
                while self._outbox:
                    await stream.write(self._outbox.popleft())
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the reader finds out why

    async def _end(self, cause: str) -> None:
        """Settle the calls that nobody will answer."""
        error = await self._explain(cause) if self._replies else None
        with self._lock:
            replies, self._replies = self._replies, {}
        for reply in replies.values():
            reply.set_exception(error or ConnectionLost(cause))

    async def _explain(self, cause: str) -> Exception:
        """Find out whether the worker is there still."""
        if self._is_closing:
            return ClientClosed("the client was closed before the actor answered")
        where = f"the worker at {self._address} ({cause})"
        if await self._lives():
            return ConnectionLost(
                f"the connection to {where} broke while a method of an actor was called; the actor "
                f"is there still, and may or may not have been called: ask it, or call again"
            )
        return ActorLost(
            f"the actor lived on {where}, which is gone, and its state with it; calls that were "
            f"under way may or may not have been made: submit the actor again for a new one"
        )

    @property
    def _is_closing(self) -> bool:
        return self._connection.status in ("closing", "closed")

    async def _lives(self) -> bool:
        async with open_channel(self._address) as channel:
            stub = worker_pb2_grpc.WorkerStub(channel)
            try:
                status = await stub.GetStatus(
                    worker_pb2.GetStatusRequest(), timeout=PROBE_TIMEOUT_S
                )
            except grpc.aio.AioRpcError:
                return False
        return bool(status.worker_id == self._worker_id)
