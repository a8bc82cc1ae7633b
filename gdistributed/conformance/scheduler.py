"""The scheduler's place, played: streams of workers come in, and rules decide what they hear."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc.aio

from gdistributed.errors import GDistributedError
from gdistributed.v1 import (
    center_pb2,
    center_pb2_grpc,
    scheduler_pb2_grpc,
    worker_pb2,
)
from gdistributed.wire.server import Server
from gdistributed.wire.software import own_software

Context = grpc.aio.ServicerContext[Any, Any]

CLUSTER_ID: Final = "conformance"


class Visit:
    """One stream of a worker: what has come on it, and the way to answer.

    Parameters
    ----------
    first
        Its first message.

    Attributes
    ----------
    messages
        What has come after the first.
    is_over
        Whether nothing more can come or be said.
    """

    def __init__(self, first: worker_pb2.FromWorker) -> None:
        self.first = first
        self.messages: list[worker_pb2.FromWorker] = []
        self.is_over = False
        self._outgoing: asyncio.Queue[worker_pb2.ToWorker | _End] = asyncio.Queue()

    def write(self, message: worker_pb2.ToWorker) -> None:
        """Send a message, behind those before it; into the void, if the stream is over."""
        self._outgoing.put_nowait(message)

    def end(self, error: GDistributedError | None = None) -> None:
        """End the stream behind what was written, in order or with a status."""
        self._outgoing.put_nowait(_End(error))

    async def write_all(self, context: Context) -> GDistributedError | None:
        """Write what is to be sent, and return the status to end with."""
        while not isinstance(message := await self._outgoing.get(), _End):
            await context.write(message)
        return message.error


@dataclass(frozen=True, slots=True)
class _End:
    error: GDistributedError | None


class PlayedScheduler(Server):
    """A scheduler with its Center, as far as a worker sees them.

    Parameters
    ----------
    address
        Where to listen.
    news
        Called when something has come.

    Attributes
    ----------
    visits
        Streams that have come, and that no rule has taken up.
    """

    def __init__(self, address: str, news: Callable[[], None]) -> None:
        super().__init__(role="scheduler", addresses=[address])
        self.visits: deque[Visit] = deque()
        self.cluster_id = CLUSTER_ID
        # Of the other calls their stubs say that they are not implemented.
        scheduler = _SchedulerService(self, news)  # type: ignore[abstract]
        center = _CenterService(self)  # type: ignore[abstract]
        self.add_servicer(scheduler_pb2_grpc.add_SchedulerServicer_to_server, scheduler)
        self.add_servicer(center_pb2_grpc.add_CenterServicer_to_server, center)


class _SchedulerService(scheduler_pb2_grpc.SchedulerServicer):
    def __init__(self, scheduler: PlayedScheduler, news: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._news = news

    async def ConnectWorker(  # type: ignore[override]  # it writes by its context
        self, requests: AsyncIterator[worker_pb2.FromWorker], context: Context
    ) -> None:
        first = await anext(requests, None)
        if first is None:
            return
        visit = Visit(first)
        self._scheduler.visits.append(visit)
        self._news()
        reading = asyncio.ensure_future(self._read(visit, requests))
        writing = asyncio.ensure_future(visit.write_all(context))
        try:
            await asyncio.wait([reading, writing], return_when=asyncio.FIRST_COMPLETED)
            # To write to a worker that is gone fails in its own ways, which say nothing more.
            error = writing.result() if writing.done() and not writing.exception() else None
            if error is not None:
                raise error
        finally:
            visit.is_over = True
            self._news()
            reading.cancel()
            writing.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)

    async def _read(self, visit: Visit, requests: AsyncIterator[worker_pb2.FromWorker]) -> None:
        async for message in requests:
            visit.messages.append(message)
            self._news()


class _CenterService(center_pb2_grpc.CenterServicer):
    """What a worker or its nanny may ask of a Center."""

    def __init__(self, scheduler: PlayedScheduler) -> None:
        self._scheduler = scheduler

    async def Register(
        self, request: center_pb2.RegisterRequest, _: object
    ) -> center_pb2.RegisterResponse:
        return center_pb2.RegisterResponse(
            cluster_id=CLUSTER_ID, scheduler=self._member(), software=own_software()
        )

    async def Heartbeat(
        self, request: center_pb2.HeartbeatRequest, _: object
    ) -> center_pb2.HeartbeatResponse:
        return center_pb2.HeartbeatResponse(scheduler=self._member())

    async def Deregister(
        self, request: center_pb2.DeregisterRequest, _: object
    ) -> center_pb2.DeregisterResponse:
        return center_pb2.DeregisterResponse()

    async def ListMembers(
        self, request: center_pb2.ListMembersRequest, _: object
    ) -> center_pb2.ListMembersResponse:
        return center_pb2.ListMembersResponse(members=[self._member()])

    def _member(self) -> center_pb2.Member:
        scheduler = self._scheduler
        return center_pb2.Member(id=scheduler.id, role="scheduler", address=scheduler.address)
