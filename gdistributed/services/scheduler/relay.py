"""Values by way of the scheduler: messages are passed on unread, one after the other.

A message is read when the one before it has been taken, so that never more than a few are here,
whatever the speed of either side.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from gdistributed.data.transfer import GET_DATA, PUT_DATA, write_all
from gdistributed.errors import MalformedMessage, NotFound
from gdistributed.services.bulk_handlers import REQUESTS, RESPONSES, adding_bytes, again
from gdistributed.services.scheduler.shell import Shell
from gdistributed.v1 import relay_pb2, relay_pb2_grpc, worker_pb2
from gdistributed.wire.channel import Channels
from gdistributed.wire.status import StatusError, reason_of_call

Context = grpc.aio.ServicerContext[Any, Any]
Request = worker_pb2.GetDataRequest | worker_pb2.PutDataRequest

CAPABILITY: Final = "relay"
FILE: Final = relay_pb2.DESCRIPTOR  # it has no message, but reflection tells of its service


class RelayService(relay_pb2_grpc.RelayServicer):
    """All rpcs of the Relay service.

    Parameters
    ----------
    shell
        Knows the workers.
    channels
        Lead to them.
    """

    def __init__(self, shell: Shell, channels: Channels) -> None:
        self._shell = shell
        self._channels = channels
        self._turns = asyncio.Semaphore(shell.brain.settings.relay_calls)

    async def GetData(  # type: ignore[override]  # see add_relay_service
        self, request: bytes, _: Context
    ) -> AsyncIterator[bytes]:
        """Pass on what a worker sends."""
        channel = self._channel_to(worker_pb2.GetDataRequest, request)
        async with self._turns:
            get: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(GET_DATA)
            call = get(request)
            try:
                while isinstance(response := await call.read(), bytes):
                    yield response
            except grpc.aio.AioRpcError as error:
                raise _as_there(error) from None
            finally:
                call.cancel()

    async def PutData(  # type: ignore[override]  # see add_relay_service
        self, requests: AsyncIterator[bytes], _: Context
    ) -> bytes:
        """Pass on what a client puts."""
        first = await anext(requests, b"")
        channel = self._channel_to(worker_pb2.PutDataRequest, first)
        async with self._turns:
            put: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(PUT_DATA)
            call = put()
            try:
                await write_all(call, again(first, requests))
                return await call
            except grpc.aio.AioRpcError as error:
                raise _as_there(error) from None
            finally:
                call.cancel()

    def _channel_to(self, kind: type[Request], message: bytes) -> grpc.aio.Channel:
        try:
            worker_id = kind.FromString(message).worker_id
        except DecodeError as error:
            raise MalformedMessage(f"the first message cannot be read: {error}") from error
        worker = self._shell.brain.books.workers.get(worker_id)
        if worker is None:
            raise NotFound(f"there is no worker {worker_id or '(none named)'}").with_reason(
                "UNKNOWN_WORKER"
            )
        return self._channels.get(worker.data_address, bulk=True)


def _as_there(error: grpc.aio.AioRpcError) -> StatusError:
    """Return the error that ends a call as it ended at the worker."""
    reason = reason_of_call(error) or "CONNECTION_LOST"
    return StatusError(error.code(), reason, f"by way of the scheduler: {error.details()}")


add_relay_service: Final = adding_bytes(
    relay_pb2_grpc.add_RelayServicer_to_server,
    {"GetData": (REQUESTS, RESPONSES), "PutData": (REQUESTS, RESPONSES)},
)
