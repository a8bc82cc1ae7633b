"""Which addresses are this host's own."""

from __future__ import annotations

import functools
import socket
from urllib.parse import unquote

import psutil

FAMILIES = ("ipv4:", "ipv6:")


def is_on_this_host(place: str) -> bool:
    """Say whether somebody is on this host.

    Parameters
    ----------
    place
        An address, HOST:PORT, or what gRPC calls a peer, for instance "ipv4:10.0.0.7:4711".
    """
    place = unquote(place)
    if place.startswith("unix:"):
        return True
    for family in FAMILIES:
        place = place.removeprefix(family)
    host = place.rpartition(":")[0].strip("[]")
    return host.startswith("127.") or host in _own_names()


@functools.cache
def _own_names() -> frozenset[str]:
    addresses = {
        address.address.partition("%")[0]  # without the interface of a link-local one
        for interface in psutil.net_if_addrs().values()
        for address in interface
    }
    return frozenset(addresses | {"::1", "localhost", socket.gethostname()})
