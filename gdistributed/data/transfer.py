"""Both ends of GetData and PutData: values between workers, and between clients and workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import aclosing
from typing import Any, Final, Protocol

import grpc.aio

from gdistributed.data.chunks import (
    Assembler,
    Growing,
    Incoming,
    Outgoing,
    cut,
    offset_to_go_on,
)
from gdistributed.data.codecs import (
    decode_compressed,
    decode_parts,
    encode_parts,
)
from gdistributed.data.codecs.compression import Compression, compressions
from gdistributed.data.codecs.pickled import qualified_name
from gdistributed.data.failures import exception_from_failure, failure_from_exception
from gdistributed.data.framing import REQUESTS, RESPONSES
from gdistributed.data.shared_memory import Lending, SharedMemory
from gdistributed.data.sizes import sizeof
from gdistributed.data.spilled import Spilled
from gdistributed.errors import (
    ConnectionLost,
    MalformedMessage,
    PeerBusy,
    SerializationError,
)
from gdistributed.v1 import worker_pb2

logger = logging.getLogger("gdistributed.data")

PYTHON: Final = "python"
THREADED_NBYTES: Final = 256 * 1024
# So many calls end with a damaged piece, none of them getting any further, until it is given up.
TRIES: Final = 3
SILENT: Final = "PEER_SILENT"

Lookup = Callable[[str], Awaitable[object]]
Keep = Callable[[str, object, int, str], Awaitable[int]]
Parts = MutableMapping[str, Growing]
GET_DATA: Final = "/gdistributed.v1.Worker/GetData"
PUT_DATA: Final = "/gdistributed.v1.Worker/PutData"
RELAYED: Final = {
    GET_DATA: "/gdistributed.v1.Relay/GetData",
    PUT_DATA: "/gdistributed.v1.Relay/PutData",
}


class Crowded(Exception):
    """A value goes out to as many others now as it may."""


class Way(Protocol):
    """A channel to a worker, or what stands for one."""

    @property
    def unary_stream(self) -> Callable[[str], Any]:
        """Give the method for a call that a stream answers."""

    @property
    def stream_unary(self) -> Callable[[str], Any]:
        """Give the method for a call that a stream asks."""


class Relayed:
    """Stands for a channel to a worker: its calls go by way of the scheduler.

    Parameters
    ----------
    channel
        A channel to the scheduler, best one for bulk data.
    """

    def __init__(self, channel: Way) -> None:
        self._channel = channel

    def unary_stream(self, method: str) -> Any:  # noqa: ANN401
        """Give the method for a call that a stream answers."""
        return self._channel.unary_stream(RELAYED[method])

    def stream_unary(self, method: str) -> Any:  # noqa: ANN401
        """Give the method for a call that a stream asks."""
        return self._channel.stream_unary(RELAYED[method])


# ---- The worker's ends


async def serve_values(
    request: worker_pb2.GetDataRequest,
    lookup: Lookup,
    codecs_of: Callable[[str], Sequence[str]],
    compression: Compression | None = None,
    lending: Lending | None = None,
) -> AsyncGenerator[bytes]:
    """Answer GetData, with serialised messages.

    Parameters
    ----------
    request
        What is wanted.
    lookup
        Returns a value by its key, or where it is on disk; or raises KeyError or Crowded.
    codecs_of
        Returns the codecs in which a value may travel by its key, best first; none for Python's
        own choice.
    compression
        How to compress what shrinks by it; by default nothing is.
    lending
        Shares memory with the caller, if it is on this host.
    """
    values = _outgoing(request.keys, lookup, codecs_of, None if request.offset else lending)
    start = 0
    if request.offset:
        value = await anext(values)
        values = _alone(value)
        if value.encoded is not None:
            start = await asyncio.to_thread(offset_to_go_on, value.encoded, request)
    async for message in cut(values, RESPONSES, request.chunk_nbytes, start, compression):
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
                nbytes = max(sizeof(value), incoming.apart_nbytes)
                kind = qualified_name(type(value))
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
    channel: Way,
    worker_id: str,
    keys: Sequence[str],
    found: dict[str, Any] | None = None,
    parts: Parts | None = None,
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
    found
        To which the values are added as they come, so that they are there if the rest is not to be
        had; a new dict by default.
    parts
        As for `fetch_each`.
    shared_memory
        Opens what the worker shares.

    Returns
    -------
    dict
        `found`: the values by key. Those that the worker does not hold are absent.

    Raises
    ------
    TaskFailed
        If a value cannot be encoded there, or decoded here.
    ConnectionLost, MalformedMessage
        If the worker does not answer, is another one, or its answer does not fit together.
    """
    values = {} if found is None else found
    answers = fetch_each(channel, worker_id, keys, parts, shared_memory=shared_memory)
    async for arrived in answers:
        for key, incoming in arrived:
            if incoming.error is not None:
                raise exception_from_failure(incoming.error)
            if not incoming.is_missing:
                values[key] = await value_of(incoming)
    return values


async def fetch_each(
    channel: Way,
    worker_id: str,
    keys: Sequence[str],
    parts: Parts | None = None,
    caller: str = "",
    accept_codecs: Sequence[str] = (),
    silence_s: float | None = None,
    spreads: bool = False,
    shared_memory: SharedMemory | None = None,
) -> AsyncIterator[list[tuple[str, Incoming]]]:
    """Fetch values from a worker, and yield them with their keys as they come, encoded.

    When a call breaks off after something has come by it, or a piece is damaged, another call goes
    on where that one was; when the same piece comes damaged three times, no more.

    Parameters
    ----------
    channel, worker_id, keys
        As for `fetch`.
    parts
        Values of these keys of which a beginning has come, perhaps from other holders: they go on
        where they are. What is left unfinished at the end is put here.
    caller
        Who asks, for logs.
    accept_codecs
        Codecs in which they may come, best first; by default those that Python reads best.
    silence_s
        A worker that sends nothing for so long is given up.
    spreads
        Whether the caller is a worker that will give them to others: they may be crowded then.
    shared_memory
        Opens what the worker shares; what of that cannot be opened is fetched again without.

    Raises
    ------
    ConnectionLost
        If the worker does not answer, is another one, or falls silent.
    PeerBusy
        If it has no room for the transfer now.
    MalformedMessage
        If its answer does not fit together.
    """
    parts = {} if parts is None else parts
    same_host = "" if shared_memory is None else shared_memory.same_host
    wanted = dict.fromkeys(keys)
    furthest, vain = _reached(0, parts), 0
    while wanted:
        begun = next((key for key in wanted if key in parts), None)
        request = worker_pb2.GetDataRequest(
            worker_id=worker_id,
            keys=wanted if begun is None else [begun],
            accept_codecs=accept_codecs,
            accept_runtime="" if accept_codecs else PYTHON,
            accept_compressions=compressions(),
            caller=caller,
            same_host=same_host if begun is None else "",
            spreads=spreads,
        )
        unopened: dict[str, None] = {}
        try:
            async with aclosing(_one_call(channel, request, parts, silence_s)) as answers:
                async for arrived in answers:
                    ready = [each for each in arrived if opened(each[1], shared_memory)]
                    if len(ready) < len(arrived):
                        unopened |= {
                            key: None for key, each in arrived if each.shared and not each.opened
                        }
                        same_host = ""  # they are asked for again, without
                    for key, _ in ready:
                        wanted.pop(key, None)
                    if ready:
                        yield ready
            for key in request.keys:
                if key not in unopened:
                    wanted.pop(key, None)
        except (ConnectionLost, MalformedMessage) as error:
            reached = _reached(len(keys) - len(wanted), parts)
            is_damaged = isinstance(error, MalformedMessage)
            vain = is_damaged + (0 if reached > furthest else vain)
            if reached <= furthest and not is_damaged:
                raise
            if vain >= TRIES or error.reason == SILENT:
                raise
            furthest = max(reached, furthest)
            logger.info("a transfer broke off and goes on", extra={"cause": str(error)})


def _reached(count: int, parts: Parts) -> tuple[int, int]:
    """Return how far a fetch is: how many values have come, and how much of the next."""
    return count, max((growing.offset for growing in parts.values()), default=0)


async def _one_call(
    channel: Way,
    request: worker_pb2.GetDataRequest,
    parts: Parts,
    silence_s: float | None,
) -> AsyncGenerator[list[tuple[str, Incoming]]]:
    """Make one call, and yield what comes by it. What it leaves unfinished is put into `parts`."""
    worker_id, keys = request.worker_id, request.keys
    missing, is_shared = len(keys), False
    growing = parts.pop(keys[0], None) if len(keys) == 1 else None
    if growing is not None:
        request.offset, request.fingerprint = growing.offset, growing.header.fingerprint
        request.received_crc32 = await asyncio.to_thread(growing.crc32)
    assembler = Assembler(RESPONSES, growing)
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
                yield [(keys[incoming.index], incoming) for incoming in arrived]
        assembler.end()
    except TimeoutError:
        raise ConnectionLost(
            f"fetching from worker {worker_id or '(any)'}: nothing came for {silence_s:g} s"
        ).with_reason(SILENT) from None
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise PeerBusy(error.details() or "") from None
        raise _lost(worker_id, "fetching from", error) from None
    finally:
        call.cancel()
        left = assembler.growing
        if left is not None and left.value.index < len(keys):
            parts[keys[left.value.index]] = left


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
        async for value in _outgoing(keys, lookup, lambda _: (), lending):
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
        return await asyncio.to_thread(decode_compressed, header, incoming.data, incoming.buffers)
    args = header.codec, incoming.data, incoming.buffers, header.attributes
    if len(incoming.data) > THREADED_NBYTES:
        return await asyncio.to_thread(decode_parts, *args)
    return decode_parts(*args)


async def _alone(value: Outgoing) -> AsyncIterator[Outgoing]:
    yield value


async def _outgoing(
    keys: Sequence[str],
    lookup: Lookup,
    codecs_of: Callable[[str], Sequence[str]],
    lending: Lending | None,
) -> AsyncIterator[Outgoing]:
    for index, key in enumerate(keys):
        try:
            value = await lookup(key)
        except KeyError:
            yield Outgoing(index)
            continue
        except Crowded:
            yield Outgoing(index, is_crowded=True)
            continue
        except Exception as error:  # a mapping of the user's
            yield Outgoing(index, error=failure_from_exception(error, key=key))
            continue
        if isinstance(value, Spilled):
            yield _outgoing_from_disk(index, key, value)
            continue
        nbytes, codecs = sizeof(value), codecs_of(key)
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


def _outgoing_from_disk(index: int, key: str, spilled: Spilled) -> Outgoing:
    try:
        return Outgoing(index, spilled.encoded(), spilled.nbytes, spilled.type)
    except OSError as error:
        return Outgoing(index, error=failure_from_exception(error, key=key))


def _lost(worker_id: str, doing: str, error: grpc.aio.AioRpcError) -> ConnectionLost:
    return ConnectionLost(f"{doing} worker {worker_id or '(any)'}: {error.details()}")
