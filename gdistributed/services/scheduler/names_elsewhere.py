"""The Names service of a scheduler whose Center is in another process: every call is passed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc.aio
from google.protobuf.message import Message

from gdistributed.errors import ConnectionLost
from gdistributed.services.scheduler.center_elsewhere import pass_on
from gdistributed.v1 import names_pb2 as pb
from gdistributed.v1 import names_pb2_grpc
from gdistributed.wire.lanes import Lanes
from gdistributed.wire.status import error_from_call

Context = grpc.aio.ServicerContext[Any, Any]


class NamesElsewhere(names_pb2_grpc.NamesServicer):
    """Passes calls on to the Center that a channel leads to.

    Parameters
    ----------
    channel
        The channel; its owner closes it.
    address
        Where it leads to. For calls that wait long, more channels are opened.
    """

    def __init__(self, channel: grpc.aio.Channel, address: str) -> None:
        self._names = names_pb2_grpc.NamesStub(channel)
        self._lanes = Lanes(channel, address)
        self._waiting: set[asyncio.Future[Any]] = set()

    async def close(self) -> None:
        """End all waits, and close the channels that were opened here: the server ends."""
        for call in list(self._waiting):
            call.cancel()
        await self._lanes.close()

    async def _wait(self, name: str, request: Message) -> Any:  # noqa: ANN401
        """Pass on a call that may wait long."""
        with self._lanes.take() as names:
            call = asyncio.ensure_future(pass_on(getattr(names, name), request))
            self._waiting.add(call)
            try:
                return await call
            except asyncio.CancelledError:
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                raise ConnectionLost("the server that passes names on ends") from None
            finally:
                self._waiting.discard(call)

    async def Acquire(self, request: pb.AcquireRequest, _: Context) -> pb.AcquireResponse:
        """Take leases."""
        return cast(pb.AcquireResponse, await self._wait("Acquire", request))

    async def Renew(self, request: pb.RenewRequest, _: Context) -> pb.RenewResponse:
        """Keep leases alive."""
        return await pass_on(self._names.Renew, request)

    async def Release(self, request: pb.ReleaseRequest, _: Context) -> pb.ReleaseResponse:
        """End leases."""
        return await pass_on(self._names.Release, request)

    async def GetSemaphore(
        self, request: pb.GetSemaphoreRequest, _: Context
    ) -> pb.GetSemaphoreResponse:
        """Say who holds a lock or a semaphore."""
        return await pass_on(self._names.GetSemaphore, request)

    async def SetEvent(self, request: pb.SetEventRequest, _: Context) -> pb.SetEventResponse:
        """Set or clear an event."""
        return await pass_on(self._names.SetEvent, request)

    async def WaitEvent(self, request: pb.WaitEventRequest, _: Context) -> pb.WaitEventResponse:
        """Wait until an event is set."""
        return cast(pb.WaitEventResponse, await self._wait("WaitEvent", request))

    async def PutQueue(self, request: pb.PutQueueRequest, _: Context) -> pb.PutQueueResponse:
        """Append a value to a queue."""
        return cast(pb.PutQueueResponse, await self._wait("PutQueue", request))

    async def GetQueue(self, request: pb.GetQueueRequest, _: Context) -> pb.GetQueueResponse:
        """Take values from a queue."""
        return cast(pb.GetQueueResponse, await self._wait("GetQueue", request))

    async def SetVariable(
        self, request: pb.SetVariableRequest, _: Context
    ) -> pb.SetVariableResponse:
        """Set or delete a variable."""
        return await pass_on(self._names.SetVariable, request)

    async def GetVariable(
        self, request: pb.GetVariableRequest, _: Context
    ) -> pb.GetVariableResponse:
        """Return the value of a variable."""
        return cast(pb.GetVariableResponse, await self._wait("GetVariable", request))

    async def Publish(self, request: pb.PublishRequest, _: Context) -> pb.PublishResponse:
        """Send a message to all that follow topics."""
        return await pass_on(self._names.Publish, request)

    async def ListMessages(
        self, request: pb.ListMessagesRequest, _: Context
    ) -> pb.ListMessagesResponse:
        """List the messages that are kept."""
        return await pass_on(self._names.ListMessages, request)

    async def Subscribe(
        self, request: pb.SubscribeRequest, context: Context
    ) -> AsyncIterator[pb.SubscribeResponse]:
        """Stream the messages of a topic."""
        stream = self._names.Subscribe(request)
        try:
            await context.send_initial_metadata(tuple(await stream.initial_metadata()))
            async for response in stream:
                yield response
        except grpc.aio.AioRpcError as error:
            raise error_from_call(error, doing="following a topic") from None
        finally:
            stream.cancel()
