"""Clusters of real processes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.cluster.nursery import Nursery
from tests.processes import Cluster, GdProcess, running_cluster, started

Json = dict[str, Any]
Grpcurl = Callable[..., Json]


@pytest.fixture
def gd() -> Iterator[Callable[..., GdProcess]]:
    """Start `gd` commands, which are ended after the test."""
    with ExitStack() as processes:
        yield lambda *arguments: started(processes, *arguments)


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    """A scheduler, and workers with nannies on demand."""
    with ExitStack() as processes:
        yield Nursery(processes)


@pytest.fixture
def start_nursery() -> Iterator[Callable[..., Nursery]]:
    """Start a scheduler with options of `gd scheduler`, for workers with nannies."""
    with ExitStack() as processes:
        yield lambda *options: Nursery(processes, *options)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A scheduler with two workers, ada and bob, of one thread each."""
    with running_cluster(nworkers=2) as cluster:
        yield cluster


@pytest.fixture
def call(cluster: Cluster, grpcurl: str) -> Grpcurl:
    """Call a method of the cluster's scheduler with grpcurl alone; the answer."""

    def call(method: str, **request: object) -> Json:
        arguments = ["-plaintext", "-d", json.dumps(request), cluster.address]
        done = subprocess.run(
            [grpcurl, *arguments, f"gdistributed.v1.{method}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: Json = json.loads(done.stdout)
        return answer

    return call
