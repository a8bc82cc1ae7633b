"""Addresses as people and messages write them, put together and taken apart."""

from __future__ import annotations

from gdistributed.settings import DEFAULT_PORT


def normalise_address(address: str) -> str:
    """Return an address as "host:port" or "unix:PATH".

    "tcp://" and "grpc://" in front are dropped; where no port is given it is 8786.

    Raises
    ------
    ValueError
        If something else is in front ("http://").
    """
    for scheme in ("tcp://", "grpc://"):
        address = address.removeprefix(scheme)
    if "://" in address:
        raise ValueError(f"an address is HOST:PORT, not {address!r}: leave out what is before it")
    if address.startswith("unix:"):
        return address
    host, port = split_host_port(address)
    return join_host_port(host, DEFAULT_PORT) if port is None else address


def split_host_port(address: str) -> tuple[str, int | None]:
    """Return the host, without brackets, and the port; None where there is none.

    Examples
    --------
    >>> split_host_port("[::1]:80")
    ('::1', 80)
    >>> split_host_port("::1")
    ('::1', None)
    """
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return address.strip("[]"), None


def join_host_port(host: str, port: int) -> str:
    """Return "host:port", with brackets where the host is an IPv6 address."""
    if host.startswith("unix:"):
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
