"""A real cluster for the client's tests: a scheduler and two workers, each a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from gdistributed import AsyncClient, Client, LocalCluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """One cluster for all tests that leave it as it was."""
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster:
        yield cluster


@pytest.fixture
def address(cluster: LocalCluster) -> str:
    return cluster.scheduler_address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    """A synchronous client, dask's scheduler for the time of the test."""
    with Client(address) as client:
        yield client


@pytest.fixture
async def aclient(address: str) -> AsyncIterator[AsyncClient]:
    """An asynchronous client, on the loop of the test."""
    async with AsyncClient(address) as client:
        yield client
