"""The scheduler's place, played: streams of workers come in, and rules decide what they hear."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc.aio

from gdistributed.conformance.rule import Violation
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
    context
        Of the call.
    """

    def __init__(self, first: worker_pb2.FromWorker, context: Context) -> None:
        self.first = first
        self.messages: list[worker_pb2.FromWorker] = []
        self.is_over = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._context = context

    async def write(self, message: worker_pb2.ToWorker) -> None:
        """Send a message.

        Raises
        ------
        Violation
            If the worker has ended the stream.
        """
        if self.is_over:
            raise Violation("a stream that is open", "its end, by the worker")
        await self._context.write(message)

    def end(self, error: GDistributedError | None = None) -> None:
        """End the stream, in order or with a status."""
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


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
        visit = Visit(first, context)
        self._scheduler.visits.append(visit)
        self._news()
        reading = asyncio.ensure_future(self._read(visit, requests))
        try:
            await asyncio.wait([reading, visit.ended], return_when=asyncio.FIRST_COMPLETED)
            if visit.ended.done():
                visit.ended.result()
        finally:
            reading.cancel()
            visit.is_over = True
            self._news()

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
