"""Which address a server tells, when it listens on all."""

from __future__ import annotations

import pytest

from gdistributed.wire.hosts import is_on_this_host, told_address, told_by
from gdistributed.wire.server import Server


@pytest.mark.parametrize(
    ("told", "reached", "meant"),
    [
        ("10.0.0.7:1", "10.0.0.9:2", "10.0.0.7:1"),
        ("0.0.0.0:1", "10.0.0.9:2", "10.0.0.9:1"),
        ("[::]:1", "[fe80::1]:2", "[fe80::1]:1"),
        ("0.0.0.0:1", "cluster:2", "cluster:1"),
        ("unix:/run/socket", "10.0.0.9:2", "unix:/run/socket"),
        ("", "10.0.0.9:2", ""),
    ],
)
def test_a_host_that_means_all_is_the_one_that_was_reached(
    told: str, reached: str, meant: str
) -> None:
    assert told_by(told, reached) == meant


@pytest.mark.parametrize("towards", ["", "127.0.0.1:8786", "no such host:8786", "unix:/run/socket"])
def test_an_address_of_this_host_is_told_for_all(towards: str) -> None:
    told = told_address("0.0.0.0:4711", towards)
    assert told.endswith(":4711")
    assert not told.startswith("0.0.0.0")
    assert is_on_this_host(told)


def test_an_address_of_its_own_is_told_as_it_is() -> None:
    for address in ("127.0.0.1:1", "somewhere:2", "[::1]:3", "unix:/run/socket"):
        assert told_address(address, "10.0.0.9:2") == address


async def test_a_server_tells_what_leads_to_it() -> None:
    async with Server(host="0.0.0.0") as server:
        assert server.addresses[0].startswith("0.0.0.0:")
        assert is_on_this_host(server.address)
