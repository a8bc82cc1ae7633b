"""The topics that a client follows: a stream for each, begun again where it broke off."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

import grpc.aio

from gdistributed.client.bridge import SUSPENDING
from gdistributed.data.codecs import decode
from gdistributed.errors import ClientClosed, ConnectionLost, GDistributedError
from gdistributed.v1 import names_pb2 as pb
from gdistributed.wire.status import error_from_call

if TYPE_CHECKING:
    from gdistributed.client.connection import Connection

logger = logging.getLogger("gdistributed.client")

RETRY_S: Final = 0.2
NUMBER_KEY: Final = "gdistributed-number"
SLOW_SUBSCRIBER: Final = "SLOW_SUBSCRIBER"

Message = tuple[float, Any]
Handler = Callable[[Message], Any]


class Following:
    """The topics that one client follows.

    Parameters
    ----------
    connection
        Of the client; streams are read on its loop.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def follow(self, topic: str, handler: Handler) -> None:
        """Have a function called with each message of a topic from now on; on the loop.

        Raises
        ------
        GDistributedError
            If the topic cannot be followed.
        """
        await self.leave(topic)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks[topic] = asyncio.create_task(
            self._follow(topic, handler, ready), name=f"topic {topic}", context=Context()
        )
        try:
            await ready
        except GDistributedError:
            del self._tasks[topic]
            raise

    async def leave(self, topic: str) -> bool:
        """Follow a topic no longer; say whether it was followed. On the loop."""
        task = self._tasks.pop(topic, None)
        if task is None:
            return False
        task.cancel()
        await asyncio.wait([task])
        return True

    async def close(self) -> None:
        """Follow nothing any more."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _follow(self, topic: str, handler: Handler, ready: asyncio.Future[None]) -> None:
        """Read one stream after the other, for as long as the client lives."""
        request = pb.SubscribeRequest(topic=topic)
        try:
            while self._connection.status != "closed":
                cause = await self._read(request, handler, ready)
                logger.info("a topic is followed anew", extra={"topic": topic, "cause": cause})
                await asyncio.sleep(RETRY_S)
        except GDistributedError as error:
            if ready.done():
                logger.error("a topic cannot be followed", extra={"topic": topic, "cause": error})
            else:
                ready.set_exception(error)
        finally:
            if not ready.done():
                ready.set_exception(ClientClosed("the client is closed: make a new one"))

    async def _read(
        self, request: pb.SubscribeRequest, handler: Handler, ready: asyncio.Future[None]
    ) -> object:
        """Read a stream until it breaks, and say why it did; `request` notes what has come.

        Raises
        ------
        GDistributedError
            If another try would be of no use.
        """
        stream = self._connection.names.Subscribe(request)
        try:
            begun = dict(await stream.initial_metadata())
            if NUMBER_KEY not in begun:
                await stream.read()  # raises: the call was refused
            if not request.HasField("after"):
                request.after = int(begun[NUMBER_KEY])
            if not ready.done():
                ready.set_result(None)
            async for response in stream:
                await self._deliver(response.message, request.after, handler)
                request.after = response.message.number
        except grpc.aio.AioRpcError as error:
            cause = error_from_call(error, doing=f"following {request.topic!r}")
            if cause.reason in (ConnectionLost.reason, SLOW_SUBSCRIBER):
                return cause
            raise cause from error
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return "its connection was closed"
        finally:
            stream.cancel()
        return "the stream ended"

    async def _deliver(self, message: pb.PublishedMessage, last: int, handler: Handler) -> None:
        if message.number > last + 1:
            lost = message.number - last - 1
            logger.warning("messages were lost", extra={"topic": message.topic, "lost": lost})
        try:
            event = event_of(message)
            if self._connection.bridge is SUSPENDING or inspect.iscoroutinefunction(handler):
                result = handler(event)
                if inspect.isawaitable(result):
                    await result
            else:  # it may block
                await asyncio.to_thread(handler, event)
        except Exception:
            logger.exception("a handler raised", extra={"topic": message.topic})


def event_of(message: pb.PublishedMessage) -> Message:
    """Return when a message was published, in seconds since 1970, and what it says."""
    try:
        said = decode(message.message)
    except GDistributedError as error:
        said = error
    return message.published.ToNanoseconds() / 1e9, said
