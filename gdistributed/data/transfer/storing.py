"""The caller's end of PutData."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import grpc.aio

from gdistributed.data.chunks import Outgoing, cut
from gdistributed.data.codecs.compression import Compression
from gdistributed.data.failures import exception_from_failure
from gdistributed.data.framing import REQUESTS
from gdistributed.data.shared_memory import Lending
from gdistributed.data.transfer.outgoing import outgoing
from gdistributed.data.transfer.ways import PUT_DATA, Way, lost
from gdistributed.v1 import worker_pb2


async def store(
    channel: Way,
    worker_id: str,
    values: Mapping[str, object],
    compression: Compression | None = None,
    lending: Lending | None = None,
) -> list[worker_pb2.StoredData]:
    """Put values on a worker.

    Parameters
    ----------
    channel, worker_id
        As for `fetch`.
    values
        The values by key.
    compression
        How to compress what shrinks by it, if the worker announced it; by default nothing is.
    lending
        Shares memory with the worker, if that is on this host.

    Returns
    -------
    list of StoredData
        What the worker holds now.

    Raises
    ------
    TaskFailed
        If a value cannot be encoded here, or decoded or stored there.
    ConnectionLost
        If the worker does not answer, or is another one.
    """
    response = await _put(channel, worker_id, values, compression, lending)
    stored = list(response.stored)
    if response.again:
        again = {key: values[key] for key in response.again}
        stored += (await _put(channel, worker_id, again, compression, None)).stored
    return stored


async def _put(
    channel: Way,
    worker_id: str,
    values: Mapping[str, object],
    compression: Compression | None,
    lending: Lending | None,
) -> worker_pb2.PutDataResponse:
    """Make one call; errors are those of `store`."""
    keys = list(values)

    async def lookup(key: str) -> object:
        return values[key]

    async def sound() -> AsyncIterator[Outgoing]:
        async for value in outgoing(keys, lookup, lambda _: (), lending):
            if value.error is not None:
                raise exception_from_failure(value.error)
            yield value

    async def requests() -> AsyncIterator[bytes]:
        yield worker_pb2.PutDataRequest(worker_id=worker_id, keys=keys).SerializeToString()
        async for request in cut(sound(), REQUESTS, compression=compression):
            yield request

    put: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(PUT_DATA)
    call = put()
    try:
        await write_all(call, requests())
        response = worker_pb2.PutDataResponse.FromString(await call)
    except grpc.aio.AioRpcError as error:
        raise lost(worker_id, "putting data on", error) from None
    finally:
        call.cancel()
    for failed in response.failed:
        raise exception_from_failure(failed.error)
    return response


async def write_all(
    call: grpc.aio.StreamUnaryCall[bytes, bytes], requests: AsyncIterator[bytes]
) -> None:
    """Write messages, each when the last was taken; a call that is over says why when awaited."""
    try:
        async for request in requests:
            await call.write(request)
        await call.done_writing()
    except asyncio.InvalidStateError:
        return
