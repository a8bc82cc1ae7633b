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
from gdistributed.data.shared_memory import Lending, SharedMemory
from gdistributed.data.sizes import sizeof
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


async def serve_values(
    request: worker_pb2.GetDataRequest, lookup: Lookup, lending: Lending | None = None
) -> AsyncIterator[bytes]:
    """Answer GetData, with serialised messages.

    Parameters
    ----------
    request
        What is wanted.
    lookup
        Returns a value by its key, or raises KeyError.
    lending
        Shares memory with the caller, if it is on this host.
    """
    codecs = accepted_codecs(request.accept_codecs, request.accept_runtime)
    start = request.offset if len(request.keys) == 1 else 0
    values = _outgoing(request.keys, lookup, codecs, None if start else lending)
    async for message in cut(values, RESPONSES, request.chunk_nbytes, start):
        yield message
    if lending is not None:
        await lending.until_taken()


async def accept_values(
    requests: AsyncIterator[bytes],
    keys: Sequence[str],
    keep: Keep,
    shared_memory: SharedMemory | None = None,
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
    shared_memory
        Opens what the caller shares.

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
            if not opened(incoming, shared_memory):
                response.again.append(key)
                continue
            try:
                value = await value_of(incoming)
                nbytes, kind = sizeof(value), qualified_name(type(value))
                put = await keep(key, value, nbytes, kind)
                if shared_memory is not None and incoming.opened is not None:
                    shared_memory.adopt(key, value, incoming.opened)
            except Exception as error:
                failure = failure_from_exception(error, key=key)
                response.failed.add(key=key, error=failure)
            else:
                response.stored.add(key=key, nbytes=nbytes, type=kind, put=put)
    assembler.end()
    return response


# ---- The other ends


async def fetch(
    channel: grpc.aio.Channel,
    worker_id: str,
    keys: Sequence[str],
    shared_memory: SharedMemory | None = None,
) -> dict[str, Any]:
    """Fetch values from a worker.

    Parameters
    ----------
    channel
        A channel to the worker, best one for bulk data.
    worker_id
        The incarnation that is meant; empty for whoever answers.
    keys
        What is wanted, each once.
    shared_memory
        Opens what the worker shares.

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
    async for arrived in fetch_each(channel, worker_id, keys, shared_memory=shared_memory):
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
    shared_memory: SharedMemory | None = None,
) -> AsyncIterator[list[Incoming]]:
    """Fetch values from a worker, and yield them as they come, a message's at a time, encoded.

    Without `accept_codecs` they come as Python reads them best. With `shared_memory` the worker
    may share its own; what of that cannot be opened is fetched again without.

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
        same_host=shared_memory.same_host if shared_memory is not None else "",
    )
    unopened: list[int] = []
    async for arrived in _ask(channel, request, silence_s):
        ready = [incoming for incoming in arrived if opened(incoming, shared_memory)]
        if len(ready) < len(arrived):
            unopened += [
                each.index for each in arrived if each.header is None and each.shared is not None
            ]
        if ready:
            yield ready
    if unopened:
        again = [keys[index] for index in unopened]
        async for arrived in fetch_each(
            channel, worker_id, again, caller, accept_codecs, silence_s
        ):
            for incoming in arrived:
                incoming.index = unopened[incoming.index]
            yield arrived


async def _ask(
    channel: grpc.aio.Channel, request: worker_pb2.GetDataRequest, silence_s: float | None
) -> AsyncIterator[list[Incoming]]:
    """Make one call, and end it as soon as the caller has had all; errors are `fetch_each`'s."""
    worker_id, missing = request.worker_id, len(request.keys)
    is_shared = False
    assembler = Assembler(RESPONSES)
    get: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(GET_DATA)
    call = get(request.SerializeToString())
    try:
        while missing or not is_shared:  # memory that is shared is held until the call ends
            async with asyncio.timeout(silence_s):
                response = await call.read()
            if not isinstance(response, bytes):
                break  # that was all
            arrived = list(assembler.add(response))
            if any(incoming.index >= len(request.keys) for incoming in arrived):
                raise MalformedMessage("a value came that was not asked for")
            missing -= len(arrived)
            is_shared = is_shared or any(each.shared is not None for each in arrived)
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
    channel: grpc.aio.Channel,
    worker_id: str,
    values: Mapping[str, object],
    lending: Lending | None = None,
) -> list[worker_pb2.StoredData]:
    """Put values on a worker.

    Parameters
    ----------
    channel, worker_id
        As for `fetch`.
    values
        The values by key.
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
    response = await _put(channel, worker_id, values, lending)
    stored = list(response.stored)
    if response.again:
        again = {key: values[key] for key in response.again}
        stored += (await _put(channel, worker_id, again, None)).stored
    return stored


async def _put(
    channel: grpc.aio.Channel,
    worker_id: str,
    values: Mapping[str, object],
    lending: Lending | None,
) -> worker_pb2.PutDataResponse:
    """Make one call; errors are those of `store`."""
    keys = list(values)

    async def lookup(key: str) -> object:
        return values[key]

    async def sound() -> AsyncIterator[Outgoing]:
        async for value in _outgoing(keys, lookup, (), lending):
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
    return response


def opened(incoming: Incoming, shared_memory: SharedMemory | None) -> bool:
    """Open the memory in which a value lies, if it does; say whether the value is there."""
    if incoming.shared is None:
        return True
    if shared_memory is not None:
        incoming.opened = shared_memory.open(incoming.shared)
    if incoming.opened is None:
        return False
    incoming.header = incoming.shared.value
    incoming.data, *incoming.buffers = incoming.opened.parts
    return True


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
    keys: Sequence[str], lookup: Lookup, codecs: Sequence[str], lending: Lending | None
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
        nbytes = sizeof(value)
        try:
            if nbytes > THREADED_NBYTES:
                encoded = await asyncio.to_thread(encode_parts, value, codecs)
            else:
                encoded = encode_parts(value, codecs)
        except SerializationError as error:
            yield Outgoing(index, error=failure_from_exception(error, key=key))
            continue
        shared = None
        if lending is not None and encoded.nbytes >= lending.nbytes_min:
            shared = await lending.lend(key, value, encoded)
        kind = qualified_name(type(value))
        if shared is not None:
            yield Outgoing(index, nbytes=nbytes, type=kind, shared=shared)
        else:
            yield Outgoing(index, encoded, nbytes, kind)


def _lost(worker_id: str, doing: str, error: grpc.aio.AioRpcError) -> ConnectionLost:
    return ConnectionLost(f"{doing} worker {worker_id or '(any)'}: {error.details()}")
