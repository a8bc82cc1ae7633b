"""The worker's ends of GetData and PutData."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence

from gdistributed.data.chunks import Assembler, Outgoing, cut, offset_to_go_on
from gdistributed.data.codecs import decode_or_keep
from gdistributed.data.codecs.compression import Compression
from gdistributed.data.codecs.pickled import qualified_name
from gdistributed.data.failures import failure_from_exception
from gdistributed.data.framing import REQUESTS, RESPONSES
from gdistributed.data.shared_memory import Lending, Mapped, SharedMemory
from gdistributed.data.sizes import sizeof
from gdistributed.data.transfer.incoming import opened, value_of
from gdistributed.data.transfer.outgoing import Lookup, outgoing
from gdistributed.v1 import worker_pb2

Keep = Callable[[str, object, int, str], Awaitable[int]]


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
    values = outgoing(request.keys, lookup, codecs_of, None if request.offset else lending)
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
    mapped = Mapped()
    async for request in requests:
        for incoming in assembler.add(request):
            key = keys[incoming.index] if incoming.index < len(keys) else ""
            if not opened(incoming, shared_memory, mapped):
                response.again.append(key)
                continue
            try:
                value = await value_of(incoming, decode_or_keep)
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


async def _alone(value: Outgoing) -> AsyncIterator[Outgoing]:
    yield value
