"""The caller's end of GetData, which goes on where a call broke off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import grpc.aio

from gdistributed.data.chunks import Assembler, Growing, Incoming
from gdistributed.data.codecs.compression import compressions
from gdistributed.data.failures import exception_from_failure
from gdistributed.data.framing import RESPONSES
from gdistributed.data.shared_memory import Mapped, SharedMemory
from gdistributed.data.transfer.incoming import is_quick, opened, value_now, value_of
from gdistributed.data.transfer.ways import GET_DATA, Way, lost
from gdistributed.errors import ConnectionLost, MalformedMessage, PeerBusy
from gdistributed.settings import PYTHON
from gdistributed.v1 import worker_pb2

logger = logging.getLogger("gdistributed.data")

# So many calls end with a damaged piece, none of them getting any further, until it is given up.
TRIES: Final = 3
SILENT: Final = "PEER_SILENT"

Parts = MutableMapping[str, Growing]


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
            if is_quick(incoming):
                values[key] = value_now(incoming)
            elif not incoming.is_missing:
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
        mapped = Mapped()
        try:
            async with aclosing(_one_call(channel, request, parts, silence_s)) as answers:
                async for arrived in answers:
                    ready = [
                        each
                        for each in arrived
                        if each[1].shared is None or opened(each[1], shared_memory, mapped)
                    ]
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
    worker_id, keys = request.worker_id, list(request.keys)
    missing = count = len(keys)
    is_shared = False
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
            if any(incoming.index >= count for incoming in arrived):
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
        raise lost(worker_id, "fetching from", error) from None
    finally:
        call.cancel()
        left = assembler.growing
        if left is not None and left.value.index < len(keys):
            parts[keys[left.value.index]] = left
