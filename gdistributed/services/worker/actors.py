"""The rpc by which methods of actors are called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from gdistributed.services.worker.shell import Shell
from gdistributed.v1 import worker_pb2

Context = grpc.aio.ServicerContext[Any, Any]
Outcomes = asyncio.Queue[worker_pb2.CallActorResponse | None]


async def serve_calls(
    shell: Shell,
    first: worker_pb2.CallActorRequest,
    requests: AsyncIterator[worker_pb2.CallActorRequest],
) -> AsyncIterator[worker_pb2.CallActorResponse]:
    """Have the calls of one stream made, and yield their outcomes as they end.

    The stream ends when the caller has ended its side, or the worker stops, and all calls that were
    read are answered.
    """
    outcomes: Outcomes = asyncio.Queue()
    open_calls = 0

    async def read() -> None:
        nonlocal open_calls
        try:
            open_calls += 1
            shell.actors.call(first, outcomes.put_nowait)
            async for request in requests:
                open_calls += 1
                shell.actors.call(request, outcomes.put_nowait)
        finally:
            outcomes.put_nowait(None)

    reading = asyncio.create_task(read())
    shell.actors.callers.add(reading)
    try:
        while open_calls or not reading.done():
            outcome = await outcomes.get()
            if outcome is not None:
                open_calls -= 1
                yield outcome
        if not reading.cancelled():
            reading.result()
    finally:
        shell.actors.callers.discard(reading)
        reading.cancel()
