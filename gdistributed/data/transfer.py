"""Both ends of GetData and PutData: values between workers, and between clients and workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import grpc.aio

from gdistributed.data.chunks import Assembler, Incoming, Outgoing, cut
from gdistributed.data.codecs import accepted_codecs, decode_parts, encode_parts
from gdistributed.data.codecs.pickled import qualified_name
from gdistributed.data.failures import exception_from_failure, failure_from_exception
from gdistributed.data.framing import REQUESTS, RESPONSES
from gdistributed.data.sizes import sizeof
from gdistributed.data.spilled import Spilled
from gdistributed.errors import (
    CodecUnsupported,
    ConnectionLost,
    MalformedMessage,
    PeerBusy,
    SerializationError,
)
from gdistributed.v1 import worker_pb2

PYTHON: Final = "python"
THREADED_NBYTES: Final = 256 * 1024

Lookup = Callable[[str], Awaitable[object]]
Keep = Callable[[str, object, int, str], Awaitable[int]]
GET_DATA: Final = "/gdistributed.v1.Worker/GetData"
PUT_DATA: Final = "/gdistributed.v1.Worker/PutData"


# ---- The worker's ends


async def serve_values(request: worker_pb2.GetDataRequest, lookup: Lookup) -> AsyncIterator[bytes]:
    """Answer GetData, with serialised messages.

    Parameters
    ----------
    request
        What is wanted.
    lookup
        Returns a value by its key, or where it is on disk; or raises KeyError.
    """
    codecs = accepted_codecs(request.accept_codecs, request.accept_runtime)
    values = _outgoing(request.keys, lookup, codecs)
    start = request.offset if len(request.keys) == 1 else 0
    async for message in cut(values, RESPONSES, request.chunk_nbytes, start):
        yield message


async def accept_values(
    requests: AsyncIterator[bytes], keys: Sequence[str], keep: Keep
) -> worker_pb2.PutDataResponse:
    """Answer PutData, whose first message has been read for the names of the keys.

    Parameters
    ----------
    requests
        All messages, the first included, serialised.
    keys
        The keys that the first message names.
    keep
        Stores a value: key, value, size in bytes, type; returns the number of the put. What it
        raises is reported for the key.

    Raises
    ------
    MalformedMessage
        If the pieces do not fit together (BAD_CHUNK).
    """
    response = worker_pb2.PutDataResponse()
    assembler = Assembler(REQUESTS)
    async for request in requests:
        for incoming in assembler.add(request):
            key = keys[incoming.index] if incoming.index < len(keys) else ""
            try:
                value = await value_of(incoming)
                nbytes, kind = sizeof(value), qualified_name(type(value))
                put = await keep(key, value, nbytes, kind)
            except Exception as error:
                failure = failure_from_exception(error, key=key)
                response.failed.add(key=key, error=failure)
            else:
                response.stored.add(key=key, nbytes=nbytes, type=kind, put=put)
    assembler.end()
    return response


# ---- The other ends


async def fetch(channel: grpc.aio.Channel, worker_id: str, keys: Sequence[str]) -> dict[str, Any]:
    """Fetch values from a worker.

    Parameters
    ----------
    channel
        A channel to the worker, best one for bulk data.
    worker_id
        The incarnation that is meant; empty for whoever answers.
    keys
        What is wanted, each once.

    Returns
    -------
    dict
        The values by key. Those that the worker does not hold are absent.

    Raises
    ------
    TaskFailed
        If a value cannot be encoded there, or decoded here.
    ConnectionLost, MalformedMessage
        If the worker does not answer, is another one, or its answer does not fit together.
    """
    values: dict[str, Any] = {}
    async for arrived in fetch_each(channel, worker_id, keys):
        for incoming in arrived:
            if incoming.error is not None:
                raise exception_from_failure(incoming.error)
            if not incoming.is_missing:
                values[keys[incoming.index]] = await value_of(incoming)
    return values


async def fetch_each(
    channel: grpc.aio.Channel,
    worker_id: str,
    keys: Sequence[str],
    caller: str = "",
    accept_codecs: Sequence[str] = (),
    silence_s: float | None = None,
) -> AsyncIterator[list[Incoming]]:
    """Fetch values from a worker, and yield them as they come, a message's at a time, encoded.

    Without `accept_codecs` they come as Python reads them best.

    Raises
    ------
    ConnectionLost
        If the worker does not answer, is another one, or sends nothing for `silence_s` seconds.
    PeerBusy
        If it has no room for the transfer now.
    MalformedMessage
        If its answer does not fit together.
    """
    request = worker_pb2.GetDataRequest(
        worker_id=worker_id,
        keys=keys,
        accept_codecs=accept_codecs,
        accept_runtime="" if accept_codecs else PYTHON,
        caller=caller,
    )
    assembler = Assembler(RESPONSES)
    get: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(GET_DATA)
    call = get(request.SerializeToString())
    try:
        while True:
            async with asyncio.timeout(silence_s):
                response = await call.read()
            if not isinstance(response, bytes):
                break  # that was all
            arrived = list(assembler.add(response))
            if any(incoming.index >= len(keys) for incoming in arrived):
                raise MalformedMessage("a value came that was not asked for")
            if arrived:
                yield arrived
        assembler.end()
    except TimeoutError:
        raise ConnectionLost(
            f"fetching from worker {worker_id or '(any)'}: nothing came for {silence_s:g} s"
        ) from None
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise PeerBusy(error.details() or "") from None
        raise _lost(worker_id, "fetching from", error) from None
    finally:
        call.cancel()


async def store(
    channel: grpc.aio.Channel, worker_id: str, values: Mapping[str, object]
) -> list[worker_pb2.StoredData]:
    """Put values on a worker.

    Parameters
    ----------
    channel, worker_id
        As for `fetch`.
    values
        The values by key.

    Returns
    -------
    list of StoredData
        What the worker holds now, in the order of the values.

    Raises
    ------
    TaskFailed
        If a value cannot be encoded here, or decoded or stored there.
    ConnectionLost
        If the worker does not answer, or is another one.
    """
    keys = list(values)

    async def lookup(key: str) -> object:
        return values[key]

    async def sound() -> AsyncIterator[Outgoing]:
        async for value in _outgoing(keys, lookup, ()):
            if value.error is not None:
                raise exception_from_failure(value.error)
            yield value

    put: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(PUT_DATA)
    call = put()
    try:
        first = worker_pb2.PutDataRequest(worker_id=worker_id, keys=keys)
        await call.write(first.SerializeToString())
        async for request in cut(sound(), REQUESTS):
            await call.write(request)
        await call.done_writing()
        response = worker_pb2.PutDataResponse.FromString(await call)
    except grpc.aio.AioRpcError as error:
        raise _lost(worker_id, "putting data on", error) from None
    finally:
        call.cancel()
    for failed in response.failed:
        raise exception_from_failure(failed.error)
    return list(response.stored)


async def value_of(incoming: Incoming) -> object:
    """Decode a value that has come: a large one in a thread, since that may take long.

    Raises
    ------
    SerializationError
        If it cannot be read.
    """
    header = incoming.header
    if header is None:
        raise SerializationError("there is no value to decode")
    if header.compression:
        raise CodecUnsupported(f"compression {header.compression!r} was not agreed on")
    args = header.codec, incoming.data, incoming.buffers, header.attributes
    if len(incoming.data) > THREADED_NBYTES:
        return await asyncio.to_thread(decode_parts, *args)
    return decode_parts(*args)


async def _outgoing(
    keys: Sequence[str], lookup: Lookup, codecs: Sequence[str]
) -> AsyncIterator[Outgoing]:
    for index, key in enumerate(keys):
        try:
            value = await lookup(key)
        except KeyError:
            yield Outgoing(index)
            continue
        except Exception as error:  # a mapping of the user's
            yield Outgoing(index, error=failure_from_exception(error, key=key))
            continue
        if isinstance(value, Spilled):
            yield _outgoing_from_disk(index, key, value)
            continue
        nbytes = sizeof(value)
        try:
            if nbytes > THREADED_NBYTES:
                encoded = await asyncio.to_thread(encode_parts, value, codecs)
            else:
                encoded = encode_parts(value, codecs)
        except SerializationError as error:
            yield Outgoing(index, error=failure_from_exception(error, key=key))
        else:
            yield Outgoing(index, encoded, nbytes, qualified_name(type(value)))


def _outgoing_from_disk(index: int, key: str, spilled: Spilled) -> Outgoing:
    try:
        return Outgoing(index, spilled.encoded(), spilled.nbytes, spilled.type)
    except OSError as error:
        return Outgoing(index, error=failure_from_exception(error, key=key))


def _lost(worker_id: str, doing: str, error: grpc.aio.AioRpcError) -> ConnectionLost:
    return ConnectionLost(f"{doing} worker {worker_id or '(any)'}: {error.details()}")
