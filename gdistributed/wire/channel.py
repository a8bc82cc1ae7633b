"""Channels: one place for the arguments that both ends of a connection need.

The times were measured: without pings on both sides a peer that is stopped, or cut off without a
reset, goes unnoticed for minutes or for ever.
"""

from __future__ import annotations

import asyncio
from typing import Final

import grpc
import grpc.aio

from gdistributed.errors import ConnectTimeout
from gdistributed.security.certificates import NAME, Security, in_use
from gdistributed.settings import MIB, LimitSettings
from gdistributed.wire.access import channel_credentials
from gdistributed.wire.addresses import normalise_address
from gdistributed.wire.diagnosis import diagnose

Options = tuple[tuple[str, int | str], ...]

MESSAGE_NBYTES: Final = LimitSettings().message_nbytes
# Room for what a message has beside its data.
MARGIN_NBYTES: Final = MIB

PING_OPTIONS: Final[Options] = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MESSAGE_NBYTES + MARGIN_NBYTES),
    ("grpc.max_send_message_length", MESSAGE_NBYTES + MARGIN_NBYTES),
)
SERVER_OPTIONS: Final[Options] = (
    *PING_OPTIONS,
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 1_000),
    ("grpc.server_handshake_timeout_ms", 10_000),
)
CHANNEL_OPTIONS: Final[Options] = (
    *PING_OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 3_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.enable_http_proxy", 0),
)
TLS_OPTIONS: Final[Options] = (("grpc.ssl_target_name_override", NAME),)
# Bulk data has a connection of its own: on the control connection it would delay pings.
BULK_OPTIONS: Final[Options] = (*CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1))


def security_at(place: str) -> Security | None:
    """Return the certificates for connections at a normalised address; None where they are plain.

    Those through a file are: its rights say who may.
    """
    return None if place.startswith("unix:") else in_use()


def open_channel(address: str, *, bulk: bool = False) -> grpc.aio.Channel:
    """Open a channel; it connects when it is first used.

    Parameters
    ----------
    address
        As `normalise_address` takes it.
    bulk
        Whether large values will travel on it: it then has a connection of its own.
    """
    options = BULK_OPTIONS if bulk else CHANNEL_OPTIONS
    place = normalise_address(address)
    security = security_at(place)
    if security is None:
        return grpc.aio.insecure_channel(place, options=options)
    credentials = channel_credentials(security)
    return grpc.aio.secure_channel(place, credentials, options=(*options, *TLS_OPTIONS))


def open_blocking_channel(address: str) -> grpc.Channel:
    """Open a channel for threads without an event loop; it connects when it is first used.

    Parameters
    ----------
    address
        As `normalise_address` takes it.
    """
    place = normalise_address(address)
    security = security_at(place)
    if security is None:
        return grpc.insecure_channel(place, options=CHANNEL_OPTIONS)
    credentials = channel_credentials(security)
    return grpc.secure_channel(place, credentials, options=(*CHANNEL_OPTIONS, *TLS_OPTIONS))


class Channels:
    """Channels by address, opened once and closed together."""

    def __init__(self) -> None:
        self._channels: dict[tuple[str, bool], grpc.aio.Channel] = {}

    def get(self, address: str, *, bulk: bool = False) -> grpc.aio.Channel:
        """Return the channel to an address."""
        place = normalise_address(address), bulk
        channel = self._channels.get(place)
        if channel is None:
            channel = self._channels[place] = open_channel(address, bulk=bulk)
        return channel

    def adopt(self, address: str, channel: grpc.aio.Channel) -> None:
        """Take over a channel that was opened elsewhere."""
        self._channels[normalise_address(address), False] = channel

    async def forget(self, address: str) -> None:
        """Close the channels to a peer that is gone."""
        for bulk in (False, True):
            channel = self._channels.pop((normalise_address(address), bulk), None)
            if channel is not None:
                await channel.close()

    async def close(self) -> None:
        """Close all channels."""
        channels = list(self._channels.values())
        self._channels.clear()
        for channel in channels:
            await channel.close()


async def connect(address: str, timeout_s: float) -> grpc.aio.Channel:
    """Open a channel and wait until somebody answers.

    Raises
    ------
    ConnectTimeout
        If nobody does within the timeout; it names both, and what was found.
    """
    channel = open_channel(address)
    try:
        async with asyncio.timeout(timeout_s):
            await channel.channel_ready()
    except TimeoutError:
        await channel.close()
        place = normalise_address(address)
        raise ConnectTimeout(
            f"no server answered at {place} within {timeout_s:g} s: "
            f"{await diagnose(place, security_at(place))}"
        ) from None
    except BaseException:
        await channel.close()
        raise
    return channel
