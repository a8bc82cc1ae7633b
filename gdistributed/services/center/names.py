"""The rpcs of Names: no decisions, each calls the brain once and waits for the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from gdistributed.core.names.brain import NamesBrain
from gdistributed.core.names.calls import Call
from gdistributed.core.names.topics import Subscription
from gdistributed.errors import ConnectionLost, GDistributedError
from gdistributed.services.alarm import Alarm
from gdistributed.v1 import names_pb2 as pb
from gdistributed.v1 import names_pb2_grpc
from gdistributed.wire.status import StatusError

Context = grpc.aio.ServicerContext[Any, Any]
Result = TypeVar("Result")

CAPABILITY = "names"
NUMBER_KEY = "gdistributed-number"


class NamesService(names_pb2_grpc.NamesServicer):
    """Serves a brain of names; to be added to any server.

    Parameters
    ----------
    brain
        What the names hold. It is changed through this service only.
    """

    def __init__(self, brain: NamesBrain) -> None:
        self.brain = brain
        self._answered: dict[Call, list[asyncio.Event]] = {}
        self._news: dict[Subscription, asyncio.Event] = {}
        self._alarm = Alarm(self._on_time)
        self._is_closed = False

    @staticmethod
    def now() -> float:
        """The time that the brain is given."""
        return time.monotonic()

    async def close(self) -> None:
        """End all waits and subscriptions: the server ends."""
        if not self._is_closed:
            self._is_closed = True
            self._tell(self.brain.close, _ending())
            for news in self._news.values():
                news.set()
            self._alarm.set(None)

    def _tell(self, event: Callable[..., Result], *arguments: object) -> Result:
        """Tell the brain what happened, wake those who wait, and set the timer."""
        try:
            return event(*arguments)
        finally:
            answered, self.brain.calls.answered = self.brain.calls.answered, []
            for call in answered:
                for event_ in self._answered.get(call, ()):
                    event_.set()
            woken, self.brain.topics.woken = self.brain.topics.woken, {}
            for subscription in woken:
                self._news[subscription].set()
            if not self._is_closed:
                self._alarm.set(self.brain.deadline)

    def _on_time(self) -> None:
        self._tell(self.brain.on_time, self.now())

    async def _answer(self, event: Callable[..., Call], *arguments: object) -> Any:  # noqa: ANN401
        """Make a call and wait for its answer; if the caller goes meanwhile, it never was."""
        if self._is_closed:
            raise _ending()
        call = self._tell(event, *arguments, self.now())
        if call.answer is None:
            await self._wait(call)
        if isinstance(call.answer, GDistributedError):
            raise call.answer
        return call.answer

    async def _wait(self, call: Call) -> None:
        """Wait for the answer of a call, perhaps beside another who repeats it."""
        answered = asyncio.Event()
        self._answered.setdefault(call, []).append(answered)
        try:
            await answered.wait()
        except asyncio.CancelledError:
            if self._answered[call] == [answered]:  # nobody else waits for the same
                self._tell(self.brain.give_up, call, self.now())
            raise
        finally:
            self._answered[call].remove(answered)
            if not self._answered[call]:
                del self._answered[call]

    # Locks and semaphores

    async def Acquire(self, request: pb.AcquireRequest, _: Context) -> pb.AcquireResponse:
        """Take leases."""
        return cast(pb.AcquireResponse, await self._answer(self.brain.acquire, request))

    async def Renew(self, request: pb.RenewRequest, _: Context) -> pb.RenewResponse:
        """Keep leases alive."""
        return self._tell(self.brain.renew, request, self.now())

    async def Release(self, request: pb.ReleaseRequest, _: Context) -> pb.ReleaseResponse:
        """End leases."""
        return self._tell(self.brain.release, request, self.now())

    async def GetSemaphore(
        self, request: pb.GetSemaphoreRequest, _: Context
    ) -> pb.GetSemaphoreResponse:
        """Say who holds a lock or a semaphore."""
        return self._tell(self.brain.describe_semaphore, request.name, self.now())

    # Events, queues, variables

    async def SetEvent(self, request: pb.SetEventRequest, _: Context) -> pb.SetEventResponse:
        """Set or clear an event."""
        return cast(pb.SetEventResponse, await self._answer(self.brain.set_event, request))

    async def WaitEvent(self, request: pb.WaitEventRequest, _: Context) -> pb.WaitEventResponse:
        """Wait until an event is set."""
        return cast(pb.WaitEventResponse, await self._answer(self.brain.wait_event, request))

    async def PutQueue(self, request: pb.PutQueueRequest, _: Context) -> pb.PutQueueResponse:
        """Append a value to a queue."""
        return cast(pb.PutQueueResponse, await self._answer(self.brain.put_queue, request))

    async def GetQueue(self, request: pb.GetQueueRequest, _: Context) -> pb.GetQueueResponse:
        """Take values from a queue."""
        return cast(pb.GetQueueResponse, await self._answer(self.brain.get_queue, request))

    async def SetVariable(
        self, request: pb.SetVariableRequest, _: Context
    ) -> pb.SetVariableResponse:
        """Set or delete a variable."""
        return cast(pb.SetVariableResponse, await self._answer(self.brain.set_variable, request))

    async def GetVariable(
        self, request: pb.GetVariableRequest, _: Context
    ) -> pb.GetVariableResponse:
        """Return the value of a variable."""
        return cast(pb.GetVariableResponse, await self._answer(self.brain.get_variable, request))

    # Topics

    async def Publish(self, request: pb.PublishRequest, _: Context) -> pb.PublishResponse:
        """Send a message to all that follow topics."""
        published = Timestamp()
        published.GetCurrentTime()
        answer = await self._answer(self.brain.publish, request, published)
        return cast(pb.PublishResponse, answer)

    async def ListMessages(
        self, request: pb.ListMessagesRequest, _: Context
    ) -> pb.ListMessagesResponse:
        """List the messages that are kept."""
        messages = self.brain.topics.messages(request.topic, request.after)
        return pb.ListMessagesResponse(messages=messages)

    async def Subscribe(
        self, request: pb.SubscribeRequest, context: Context
    ) -> AsyncIterator[pb.SubscribeResponse]:
        """Stream the messages of a topic."""
        subscription = self._tell(self.brain.subscribe, request)
        news = self._news[subscription] = asyncio.Event()
        try:
            await context.send_initial_metadata(((NUMBER_KEY, str(subscription.began)),))
            while not self._is_closed:
                news.clear()
                while subscription.pending:
                    yield pb.SubscribeResponse(message=subscription.pending.popleft())
                if subscription.is_slow:
                    raise StatusError(
                        grpc.StatusCode.RESOURCE_EXHAUSTED,
                        "SLOW_SUBSCRIBER",
                        f"messages of {request.topic!r} came faster than they were read",
                    )
                await news.wait()
            raise _ending()
        finally:
            self.brain.topics.unsubscribe(subscription)
            del self._news[subscription]


def _ending() -> ConnectionLost:
    return ConnectionLost("the server that keeps the names ends")
