"""Where a dashboard listens: the address as people write it, and the next free port."""

from __future__ import annotations

import errno
import socket
from typing import Final

from gdistributed.errors import AddressInUse, UsageError
from gdistributed.settings import DEFAULT_DASHBOARD_PORT, LOOPBACK
from gdistributed.wire.addresses import join_host_port

PORTS_TRIED: Final = 100
BACKLOG: Final = 128


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of an address.

    Parameters
    ----------
    address
        "HOST:PORT", ":PORT" or "PORT" (on loopback), or "HOST" (at port 8787). Port 0 picks a free
        one.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    host, colon, port = address.rpartition(":")
    if (not colon and not port.isdecimal()) or address.endswith("]"):
        host, port = address, str(DEFAULT_DASHBOARD_PORT)
    if not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise UsageError(f"{address!r} is no address for a dashboard: write HOST:PORT or :PORT")
    return host.strip("[]") or LOOPBACK, int(port)


def listen(host: str, port: int) -> socket.socket:
    """Listen at a port, or at the next one that is free; at any, if none of a hundred is.

    Raises
    ------
    AddressInUse
        If the host is not this one, or no port may be used.
    """
    for tried in (*range(port, min(port + PORTS_TRIED, 1 << 16)), 0):
        try:
            return _listen_at(host, tried)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise AddressInUse(
                    f"the dashboard cannot listen at {join_host_port(host, tried)}: {error}"
                ) from error
    raise AddressInUse(f"the dashboard cannot listen at {host}: no port is free")


def _listen_at(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
