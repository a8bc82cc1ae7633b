"""How a call gets to a worker: by a channel to it, or by way of the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import grpc.aio

from gdistributed.errors import ConnectionLost

GET_DATA: Final = "/gdistributed.v1.Worker/GetData"
PUT_DATA: Final = "/gdistributed.v1.Worker/PutData"
RELAYED: Final = {
    GET_DATA: "/gdistributed.v1.Relay/GetData",
    PUT_DATA: "/gdistributed.v1.Relay/PutData",
}


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


def lost(worker_id: str, doing: str, error: grpc.aio.AioRpcError) -> ConnectionLost:
    """Return the error for a call that broke off; `doing` says what for, as in "fetching from"."""
    return ConnectionLost(f"{doing} worker {worker_id or '(any)'}: {error.details()}")
