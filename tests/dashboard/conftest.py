"""A real cluster with a dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from gdistributed import Client
from tests.processes import Cluster, GdProcess, running_cluster, started

Start = Callable[..., GdProcess]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A scheduler with two workers, ada and bob, of one thread each."""
    with running_cluster(nworkers=2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def link(cluster: Cluster) -> str:
    """Where the cluster's dashboard is."""
    return link_of(cluster.scheduler)


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Client]:
    with Client(cluster.address) as client:
        yield client


@pytest.fixture
def gd() -> Iterator[Start]:
    """Start `gd` commands, which are ended after the test."""
    with ExitStack() as processes:
        yield lambda *arguments, **options: started(processes, *arguments, **options)


def link_of(process: GdProcess) -> str:
    """Where a process says that its dashboard is."""
    return process.wait_for(r"link=(\S+)")[1]
