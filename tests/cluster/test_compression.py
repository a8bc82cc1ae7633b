"""Data between hosts takes fewer bytes of a real network, if it shrinks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import psutil
import pytest

from gdistributed import Client
from tests.cluster.network import Network
from tests.processes import address_of

NBYTES = 8_000_000


def integers() -> np.ndarray:
    """Return numbers below 256 that take eight bytes each."""
    return np.random.default_rng(0).integers(0, 256, NBYTES // 8)


def noise() -> np.ndarray:
    return np.random.default_rng(0).random(NBYTES // 8)


@pytest.fixture
def network() -> Iterator[Network]:
    with ExitStack() as cleanup:
        yield Network(cleanup)


class Meter:
    """Counts what goes in and out of this process's interface in the network of the test."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._before = (0, 0)
        self.read()

    def read(self) -> tuple[int, int]:
        """Return how many bytes went out and came in since the last reading."""
        now = psutil.net_io_counters(pernic=True)[self._interface]
        before, self._before = self._before, (now.bytes_sent, now.bytes_recv)
        return self._before[0] - before[0], self._before[1] - before[1]


def test_data_between_hosts_is_compressed_if_it_shrinks(network: Network) -> None:
    host = network.host("ada")
    address = address_of(network.start("ada", "scheduler", "--host", host, "--port", "0"))
    network.start(
        "ada", "worker", address, "--host", host, "--no-nanny", "--no-shared-memory"
    ).wait_for("registered")
    with Client(address) as client:
        small, large = client.submit(integers), client.submit(noise)
        client.gather([client.submit(np.sum, each) for each in (small, large)])
        meter = Meter(network.interface)
        np.testing.assert_array_equal(small.result(), integers())
        _, came = meter.read()
        assert came < NBYTES / 2
        np.testing.assert_array_equal(large.result(), noise())
        _, came = meter.read()
        assert NBYTES < came < 1.1 * NBYTES
        [put] = client.scatter([integers()])
        gone, _ = meter.read()
        assert gone < NBYTES / 2
        assert client.submit(np.sum, put).result() == integers().sum()
