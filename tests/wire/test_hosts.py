"""An address is known as this host's own, or not."""

from __future__ import annotations

import socket

import psutil
import pytest

from gdistributed.wire.hosts import is_on_this_host


@pytest.mark.parametrize(
    "place",
    [
        "127.0.0.1:8786",
        "127.3.2.1:8786",
        "localhost:8786",
        "[::1]:8786",
        f"{socket.gethostname()}:8786",
        "ipv4:127.0.0.1:53422",
        "ipv6:%5B::1%5D:53422",
        "unix:",
    ],
)
def test_this_host_is_known(place: str) -> None:
    assert is_on_this_host(place)


def test_each_of_its_interfaces_is_known() -> None:
    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            if each.family == socket.AF_INET:
                assert is_on_this_host(f"ipv4:{each.address}:1")


@pytest.mark.parametrize(
    "place",
    [
        "198.51.100.7:8786",
        "ipv4:198.51.100.7:53422",
        "ipv6:%5B2001:db8::7%5D:53422",
        "elsewhere.example:8786",
        "",
    ],
)
def test_other_hosts_are_not(place: str) -> None:
    assert not is_on_this_host(place)
