"""What all names have in common: a name, a client, and calls that outlive a broken connection."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Callable, Coroutine, Generator
from datetime import timedelta
from typing import Any, ClassVar, Concatenate, Final, ParamSpec, Self, TypeVar, cast

from dask.utils import parse_timedelta
from google.protobuf.message import Message

from gdistributed.client.client import AsyncClient
from gdistributed.client.connection import Connection
from gdistributed.client.current import AnyClient, nearest_client
from gdistributed.errors import ConnectionLost, WaitTimeout
from gdistributed.runtime.context import away, current_key

P = ParamSpec("P")
R = TypeVar("R")

Timeout = float | str | timedelta | None

PAUSE_S: Final = 0.1
TIMEOUT_S_MAX: Final = 1e9


class Named:
    """Something that the Center keeps by name.

    Parameters
    ----------
    name
        The name; a new one by default.
    client
        The client to use; by default the current one, which inside a task is that of its worker.
    """

    kind: ClassVar[str] = "name"

    def __init__(self, name: str | None = None, client: AnyClient | None = None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"the name of a {self.kind} is a string, and got {name!r}")
        self.name = name or f"{self.kind}-{uuid.uuid4().hex}"
        self._client = client

    @property
    def client(self) -> AnyClient:
        """The client that is used now.

        Raises
        ------
        UsageError
            If none was given and there is no current one.
        """
        return self._client or nearest_client()

    def _run(
        self,
        method: Callable[Concatenate[Connection, P], Coroutine[Any, Any, R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Any:  # noqa: ANN401
        """Give the caller a result, or something to await, as its client does."""
        client = self.client
        twin = client if isinstance(client, AsyncClient) else client.twin

        async def run() -> R:
            await twin.start()  # inside a coroutine of a task it may be new
            return await method(twin.connection, *args, **kwargs)

        run.__name__ = method.__name__  # for the message to who may not block
        return twin.bridge.run(run())

    async def _itself(self, _connection: Connection) -> Self:
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._itself(None).__await__()  # type: ignore[arg-type]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name,)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


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
