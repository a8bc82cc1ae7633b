"""The Names service of a scheduler whose Center is in another process: every call is passed on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from gdistributed.services.scheduler.center_elsewhere import pass_on
from gdistributed.v1 import names_pb2 as pb
from gdistributed.v1 import names_pb2_grpc
from gdistributed.wire.status import error_from_call

Context = grpc.aio.ServicerContext[Any, Any]


class NamesElsewhere(names_pb2_grpc.NamesServicer):
    """Passes calls on to the Center that a channel leads to."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._names = names_pb2_grpc.NamesStub(channel)

    async def Acquire(self, request: pb.AcquireRequest, _: Context) -> pb.AcquireResponse:
        """Take leases."""
        return await pass_on(self._names.Acquire, request)

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
        return await pass_on(self._names.WaitEvent, request)

    async def PutQueue(self, request: pb.PutQueueRequest, _: Context) -> pb.PutQueueResponse:
        """Append a value to a queue."""
        return await pass_on(self._names.PutQueue, request)

    async def GetQueue(self, request: pb.GetQueueRequest, _: Context) -> pb.GetQueueResponse:
        """Take values from a queue."""
        return await pass_on(self._names.GetQueue, request)

    async def SetVariable(
        self, request: pb.SetVariableRequest, _: Context
    ) -> pb.SetVariableResponse:
        """Set or delete a variable."""
        return await pass_on(self._names.SetVariable, request)

    async def GetVariable(
        self, request: pb.GetVariableRequest, _: Context
    ) -> pb.GetVariableResponse:
        """Return the value of a variable."""
        return await pass_on(self._names.GetVariable, request)

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
