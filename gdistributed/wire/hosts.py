"""Which addresses are this host's own, and which of them others are told."""

from __future__ import annotations

import functools
import socket
from typing import Final
from urllib.parse import unquote

import psutil

from gdistributed.settings import LOOPBACK
from gdistributed.wire.addresses import join_host_port, split_host_port

FAMILIES: Final = ("ipv4:", "ipv6:")
ALL: Final = ("0.0.0.0", "::")  # what it means is found out here
# Addresses that are nobody's (RFC 5737 and 3849), so that the way to them is that to anywhere.
ANYWHERE: Final = ("192.0.2.1", "2001:db8::1")


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
    addresses = {each.partition("%")[0] for each in _interface_addresses()}
    return frozenset(addresses | {"::1", "localhost", socket.gethostname()})


def told_address(address: str, towards: str = "") -> str:
    """Return an address of this host for others, which may say that all of them are meant.

    Parameters
    ----------
    address
        At which a server listens. If its host is 0.0.0.0 or [::], it is replaced by the address
        that this host has on the way to `towards`, or else on the way to anywhere, or else by any;
        if the host has no address but loopback's, by that.
    towards
        The address of whoever is to hear it; empty if that is not known.
    """
    host, port = split_host_port(address)
    if host not in ALL or port is None:
        return address
    ways = [_own_address_towards(split_host_port(towards)[0])] if towards else []
    ways += map(_own_address_towards, ANYWHERE)
    ways += (each for each in _interface_addresses() if "%" not in each)
    found = next((way for way in ways if way and not _is_loopback(way)), LOOPBACK)
    return join_host_port(found, port)


def contact_of(contact: str, address: str) -> str:
    """Return where others reach a server that they do not reach where it listens.

    Parameters
    ----------
    contact
        HOST or HOST:PORT, as somebody said; without a port it is that at which the server listens.
    address
        At which it listens.

    Examples
    --------
    >>> contact_of("ada.example", "0.0.0.0:4711")
    'ada.example:4711'
    >>> contact_of("ada.example:80", "0.0.0.0:4711")
    'ada.example:80'
    """
    host, port = split_host_port(contact)
    return join_host_port(host, port or split_host_port(address)[1] or 0)


def link_to(address: str) -> str:
    """Return what to open in a browser, for a dashboard's address; empty for none.

    Examples
    --------
    >>> link_to("127.0.0.1:8787")
    'http://127.0.0.1:8787/'
    """
    return f"http://{address}/" if address else ""


def told_by(address: str, reached: str) -> str:
    """Return an address that was told by somebody who was reached at another.

    If it says that all addresses of its host are meant, that host is the one that was reached.
    """
    host, port = split_host_port(address)
    if host not in ALL or port is None:
        return address
    return join_host_port(split_host_port(reached)[0], port)


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "::1"


def _interface_addresses() -> list[str]:
    """Return the addresses of this host's interfaces, those of IPv4 first.

    Behind a link-local one stands its interface ("%eth0"): nobody else gets there by it.
    """
    known = [each for interface in psutil.net_if_addrs().values() for each in interface]
    families = socket.AF_INET, socket.AF_INET6
    return [each.address for family in families for each in known if each.family == family]


def _own_address_towards(host: str) -> str:
    """Return our address on the way to a host; empty if there is no way. Nothing is sent."""
    try:
        [(family, _, _, _, place), *_] = socket.getaddrinfo(host, 1, type=socket.SOCK_DGRAM)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(place)
            own: str = probe.getsockname()[0]
            return own
    except (OSError, ValueError):
        return ""
