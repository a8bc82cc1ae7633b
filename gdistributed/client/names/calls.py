"""Calls of the Names service that outlive a broken connection."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from dask.utils import parse_timedelta
from google.protobuf.message import Message

from gdistributed.errors import ConnectionLost, WaitTimeout
from gdistributed.runtime.context import away, current_key

if TYPE_CHECKING:
    from gdistributed.client.connection import Connection

Timeout = float | str | timedelta | None

PAUSE_S: Final = 0.1
TIMEOUT_S_MAX: Final = 1e9


def seconds_of(timeout: Timeout) -> float | None:
    """Return a timeout in seconds: a number, a text like "200 ms" or a timedelta; None for ever."""
    if timeout is None or timeout == math.inf:
        return None
    return min(max(float(parse_timedelta(timeout)), 0.0), TIMEOUT_S_MAX)


async def ask_names(
    connection: Connection,
    call: str,
    request: Message,
    doing: str,
    timeout_s: float | None = None,
) -> Any:  # noqa: ANN401
    """Make a call of the Names service, and again if the connection broke meanwhile.

    Parameters
    ----------
    call
        Name of the rpc.
    request
        Its request; a timeout and an id are put in where it has a place for them.
    doing
        What for, for messages.
    timeout_s
        How long to wait there; None waits for ever.

    Raises
    ------
    WaitTimeout
        If the time was over.
    GDistributedError
        What else the call fails with; ClientClosed or ConnectionLost if the client has ended.
    """

    async def on_a_lane(request: Message, timeout: float | None = None) -> Any:  # noqa: ANN401
        with connection.lanes.take() as names:
            return await getattr(names, call)(request, timeout=timeout)

    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    fields = request.DESCRIPTOR.fields_by_name
    if "request_id" in fields:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
    while True:
        if timeout_s is None and "timeout" in fields:
            request.ClearField("timeout")
        if deadline is not None:
            remaining_s = max(deadline - time.monotonic(), 0.0)
            request.timeout.FromNanoseconds(int(remaining_s * 1e9))  # type: ignore[attr-defined]
        try:
            return await connection.ask(cast(Any, on_a_lane), request, doing, timeout_s=None)
        except ConnectionLost:
            await connection.bridge.on_loop(asyncio.sleep(PAUSE_S), connection.loop)


async def ask_patiently(
    connection: Connection,
    call: str,
    request: Message,
    doing: str,
    timeout_s: float | None,
) -> Any:  # noqa: ANN401
    """Make a call that may wait for other tasks: a task leaves its thread to them meanwhile.

    Parameters and errors are those of `ask_names`.
    """
    if current_key() and timeout_s != 0:
        try:  # most often there is nothing to wait for, and no reason to leave a thread
            return await ask_names(connection, call, request, doing, 0.0)
        except WaitTimeout:
            with away():
                return await ask_names(connection, call, request, doing, timeout_s)
    return await ask_names(connection, call, request, doing, timeout_s)
