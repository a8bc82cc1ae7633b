"""A client waits until the scheduler has taken in what it has said."""

from __future__ import annotations

import grpc.aio

from gdistributed.client.connection import ASK_TIMEOUT_S, Connection, Request, Response
from gdistributed.core.client.futures import Countdown
from gdistributed.errors import ConnectionLost


async def heard(connection: Connection, timeout_s: float | None = None) -> None:
    """Wait until the scheduler has taken in all that this client has said.

    Raises
    ------
    ConnectionLost
        If the scheduler is gone for good, or has not answered within the timeout.
    ClientClosed
        If the client is closed meanwhile.
    """
    signal = connection.bridge.signal()
    with connection.locked() as brain:
        brain.ask_whether_heard(Countdown(signal.set, 1))
    if not await signal.wait(timeout_s):
        raise ConnectionLost(
            f"the scheduler at {connection.address} has not answered within {timeout_s:g} s"
        )
    connection.check_open()


async def ask_in_turn(
    connection: Connection,
    method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
    request: Request,
    doing: str,
) -> Response:
    """Make a unary call as `Connection.ask` does, after all that this client has said before.

    Sent at once it could overtake the submission of the very task that it asks about.
    """
    await heard(connection, ASK_TIMEOUT_S)
    return await connection.ask(method, request, doing)
