"""Messages that tasks publish to topics: sent in their order, one after the other."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Final

import grpc.aio

from gdistributed.v1 import names_pb2 as pb
from gdistributed.v1 import names_pb2_grpc, value_pb2

if TYPE_CHECKING:
    from gdistributed.wire.channel import Channels

logger = logging.getLogger("gdistributed.worker")

KEPT: Final = 10_000
RETRY_S: Final = 0.2
CALL_TIMEOUT_S: Final = 10.0


class Publishing:
    """Sends messages to the Center by way of the scheduler, and again when that was away.

    Parameters
    ----------
    channels
        Of the worker.
    address
        Of the scheduler or the Center.
    """

    def __init__(self, channels: Channels, address: str) -> None:
        self._channels = channels
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[pb.PublishRequest] = deque(maxlen=KEPT)
        self._sending: asyncio.Task[None] | None = None

    def publish(self, topics: Iterable[str], message: value_pb2.Payload) -> None:
        """Send a message soon. From any thread."""
        request = pb.PublishRequest(topics=topics, message=message, request_id=uuid.uuid4().hex)
        self._loop.call_soon_threadsafe(self._add, request)

    async def close(self, timeout_s: float) -> None:
        """Send what waits, within a while, and then no more."""
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=timeout_s)
            self._sending.cancel()
            self._sending = None

    def _add(self, request: pb.PublishRequest) -> None:
        self._waiting.append(request)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(
                self._send(), name="gdistributed-publishing", context=Context()
            )

    async def _send(self) -> None:
        names: names_pb2_grpc.NamesAsyncStub
        names = names_pb2_grpc.NamesStub(self._channels.get(self._address))
        while self._waiting:
            request = self._waiting[0]
            try:
                await names.Publish(request, timeout=CALL_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    await asyncio.sleep(RETRY_S)
                    continue
                topics = ", ".join(request.topics)
                logger.warning(
                    "a message was refused", extra={"topic": topics, "cause": error.details()}
                )
            if self._waiting and self._waiting[0] is request:
                self._waiting.popleft()
