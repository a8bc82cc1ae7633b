"""Servers that listen on all addresses of their host tell others one that leads there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from gdistributed import Client
from tests.cluster.network import Network

ALL = ("--host", "0.0.0.0")


@pytest.fixture
def network() -> Iterator[Network]:
    with ExitStack() as cleanup:
        yield Network(cleanup)


@pytest.mark.parametrize("nanny", ["--nanny", "--no-nanny"])
def test_hosts_that_listen_everywhere_find_each_other(network: Network, nanny: str) -> None:
    host = network.host("scheduler")
    scheduler = network.start("scheduler", "scheduler", *ALL, "--port", "0")
    port = scheduler.wait_for(r"listening.*:(\d+)")[1]
    hosts = {name: network.host(name) for name in ("ada", "bob")}
    options = ("--nthreads", "1", nanny, *ALL)
    workers = [
        network.start(name, "worker", f"{host}:{port}", "--name", name, *options) for name in hosts
    ]
    for worker in workers:
        worker.wait_for("registered")
    with Client(f"{host}:{port}") as client:
        client.wait_for_workers(2)
        told = {
            each["name"]: address.rpartition(":")[0]
            for address, each in client.scheduler_info()["workers"].items()
        }
        assert told == hosts
        made = client.submit(np.ones, 2**18, workers="ada")
        assert client.submit(np.sum, made, workers="bob").result(30) == 2**18
        assert client.gather(made, direct=True).sum() == 2**18
        if nanny == "--nanny":
            client.restart(timeout=30)
            assert client.submit(sum, [1, 2]).result(30) == 3


def test_a_scheduler_file_leads_there_from_other_hosts(network: Network, tmp_path: Path) -> None:
    host, file = network.host("scheduler"), ("--scheduler-file", str(tmp_path / "scheduler.json"))
    network.host("ada")
    network.start("scheduler", "scheduler", *ALL, "--port", "0", *file).wait_for("told=")
    network.start("ada", "worker", *ALL, *file).wait_for(f"registered.*{host}:")
