"""How values come from workers and get there: straight, or by way of the scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Final

import grpc
import grpc.aio

from gdistributed.data.transfer import Relayed, Way
from gdistributed.wire.channel import Channels

logger = logging.getLogger("gdistributed.client")

REACH_S: Final = 2.0
AVOID_S: Final = 30.0
READY: Final = grpc.ChannelConnectivity.READY
FAILED: Final = (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN)


class Routes:
    """Finds out which workers can be reached. On the loop.

    Parameters
    ----------
    channels
        Channels to workers.

    Attributes
    ----------
    relay_address
        Of the scheduler, which relays.
    direct
        What counts where a call does not say: True for straight, False for by way of the scheduler,
        None for straight to those workers that can be reached.
    """

    def __init__(self, channels: Channels) -> None:
        self.relay_address = ""
        self.direct: bool | None = None
        self._channels = channels
        self._avoided: dict[str, float] = {}

    async def to(self, address: str, direct: bool | None = None) -> Way:
        """Return the way to a worker; `direct` is as the attribute."""
        direct = self.direct if direct is None else direct
        if direct is None:
            direct = await self._reaches(address)
        if direct:
            return self._channels.get(address, bulk=True)
        return Relayed(self._channels.get(self.relay_address, bulk=True))

    def avoid(self, address: str) -> bool:
        """A worker was not reached: go by way of the scheduler for a while.

        Returns False if that is what was done already.
        """
        was_avoided = self._is_avoided(address)
        self._avoided[address] = time.monotonic() + AVOID_S
        return not was_avoided

    def _is_avoided(self, address: str) -> bool:
        return time.monotonic() < self._avoided.get(address, 0.0)

    async def _reaches(self, address: str) -> bool:
        if self._is_avoided(address):
            return False
        channel = self._channels.get(address, bulk=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REACH_S):
                while (state := channel.get_state(try_to_connect=True)) not in FAILED:
                    if state is READY:
                        return True
                    await channel.wait_for_state_change(state)
        logger.info("a worker cannot be reached: relaying", extra={"address": address})
        self.avoid(address)
        return False
