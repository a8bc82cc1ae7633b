"""Connections for calls of Names that wait long.

A server takes a limited number of calls on one connection, and further ones queue before it. A call
that waits for another must not be in its way: so there is one more connection for each so many.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc.aio

from gdistributed.v1 import names_pb2_grpc
from gdistributed.wire.channel import open_channel

if TYPE_CHECKING:
    from gdistributed.v1.names_pb2_grpc import NamesAsyncStub

CALLS_MAX: Final = 500  # half of what a server takes on one connection


@dataclass(slots=True, eq=False)
class Lane:
    """One connection, and how many calls go on there."""

    channel: grpc.aio.Channel
    names: NamesAsyncStub
    calls: int = 0


class Lanes:
    """As many connections to one server as its waiting calls need. Used on the event loop.

    Parameters
    ----------
    channel
        The first one, which has other uses too and is closed by others.
    address
        Where it leads to.
    """

    def __init__(self, channel: grpc.aio.Channel, address: str) -> None:
        self._address = address
        self._lanes = [Lane(channel, names_pb2_grpc.NamesStub(channel))]

    @contextlib.contextmanager
    def take(self) -> Iterator[NamesAsyncStub]:
        """Give a stub for one call, for the time of a `with` block."""
        lane = next((lane for lane in self._lanes if lane.calls < CALLS_MAX), None)
        if lane is None:
            channel = open_channel(self._address, bulk=True)  # a connection of its own
            lane = Lane(channel, names_pb2_grpc.NamesStub(channel))
            self._lanes.append(lane)
        lane.calls += 1
        try:
            yield lane.names
        finally:
            lane.calls -= 1

    async def close(self) -> None:
        """Close all but the first."""
        lanes, self._lanes = self._lanes[1:], self._lanes[:1]
        for lane in lanes:
            await lane.channel.close()
