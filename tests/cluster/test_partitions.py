"""Cuts of a real network between real processes: nothing is run again without need, nobody hangs.

Each host is a network namespace; faults are rules of nft.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gdistributed import Client
from gdistributed.runtime.context import current_task
from tests.client.functions import append_line, wait_for_file
from tests.cluster.network import HERE, Network
from tests.processes import TIMEOUT_S, GdProcess, address_of

BLACKOUT_S = 5.0


class Cluster:
    """A scheduler, and workers of one thread, each on a host of its own."""

    def __init__(self, network: Network, *workers: str) -> None:
        self.network = network
        host = network.host("scheduler")
        self.scheduler = network.start("scheduler", "scheduler", "--host", host, "--port", "0")
        self.address = address_of(self.scheduler)
        self.workers = {name: self._start(name) for name in workers}
        for command in self.workers.values():
            command.wait_for("registered")

    def _start(self, name: str) -> GdProcess:
        host = self.network.host(name)
        options = ("--name", name, "--nthreads", "1", "--no-nanny")
        return self.network.start(name, "worker", self.address, "--host", host, *options)


@pytest.fixture
def network() -> Iterator[Network]:
    with ExitStack() as cleanup:
        yield Network(cleanup)


def worker_name() -> str:
    task = current_task()
    assert task is not None
    return task.worker_name


def note(number: int, log: str) -> int:
    """Leave a trace of having run, and take a while."""
    append_line(log, f"{number}-{worker_name()}")
    time.sleep(0.1)
    return number + 1


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def until_lines(path: Path, count: int) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while len(lines(path)) < count:
        assert time.monotonic() < deadline, lines(path)
        time.sleep(0.01)


def assert_each_ran_once(log: Path, count: int) -> None:
    numbers = sorted(int(line.partition("-")[0]) for line in lines(log))
    assert numbers == list(range(count))


def test_a_cut_of_5_s_between_scheduler_and_worker_runs_nothing_again(
    network: Network, tmp_path: Path
) -> None:
    cluster, log = Cluster(network, "ada", "bob"), tmp_path / "log"
    with Client(cluster.address) as client:
        futures = client.map(note, range(100), log=str(log))
        until_lines(log, 10)
        network.cut("ada", "scheduler")
        time.sleep(BLACKOUT_S)  # the length of the fault, not a wait for a state
        network.heal()
        assert client.gather(futures) == list(range(1, 101))
        assert client.submit(worker_name, workers=["ada"]).result(30) == "ada"
    assert_each_ran_once(log, 100)
    assert "worker left" not in cluster.scheduler.log


@pytest.mark.parametrize(("sender", "receiver"), [("ada", "scheduler"), ("scheduler", "ada")])
def test_a_cut_in_one_direction_for_good_is_noticed_and_the_graph_finishes(
    network: Network, tmp_path: Path, sender: str, receiver: str
) -> None:
    cluster, log = Cluster(network, "ada", "bob"), tmp_path / "log"
    with Client(cluster.address) as client:
        futures = client.map(note, range(100), log=str(log))
        total = client.submit(sum, futures)
        until_lines(log, 10)
        network.cut_one_way(sender, receiver)
        assert total.result(90) == 5050
        assert client.gather(futures) == list(range(1, 101))
        assert list(client.nthreads().values()) == [1]
    said = cluster.scheduler.wait_for(r"worker left.*it was not heard of for (\d+) s")
    assert int(said[1]) <= 30


def test_a_reset_of_all_connections_runs_nothing_again(network: Network, tmp_path: Path) -> None:
    cluster, log = Cluster(network, "ada", "bob"), tmp_path / "log"
    with Client(cluster.address) as client:
        futures = client.map(note, range(100), log=str(log))
        until_lines(log, 10)
        network.reset("ada", "scheduler")
        cluster.scheduler.wait_for("the stream of a worker broke")
        network.heal()
        cluster.scheduler.wait_for("worker resumed")
        assert client.gather(futures) == list(range(1, 101))
    assert_each_ran_once(log, 100)
    assert "worker left" not in cluster.scheduler.log


def large(log: str) -> bytes:
    append_line(log, worker_name())
    return b"x" * 1_000_000


@pytest.mark.parametrize("was_connected", [False, True])
def test_workers_that_cannot_reach_each_other_compute_again_what_they_need(
    network: Network, tmp_path: Path, was_connected: bool
) -> None:
    cluster, log = Cluster(network, "ada", "bob"), tmp_path / "log"
    with Client(cluster.address) as client:
        data = client.submit(large, str(log), workers=["ada"], allow_other_workers=True)
        if was_connected:
            before = client.submit(large, str(tmp_path / "other"), workers=["ada"])
            assert client.submit(len, before, workers=["bob"]).result(30) == 1_000_000
        until_lines(log, 1)
        network.cut("ada", "bob")
        assert client.submit(len, data, workers=["bob"]).result(90) == 1_000_000
        assert client.submit(worker_name, workers=["ada"]).result(30) == "ada"
    assert lines(log)[0] == "ada"
    assert "worker left" not in cluster.scheduler.log


def test_scattered_data_survives_a_cut_between_workers(network: Network) -> None:
    cluster = Cluster(network, "ada", "bob")
    with Client(cluster.address) as client:
        data = client.scatter(b"x" * 1_000_000, workers=["ada"])
        network.cut("ada", "bob")
        pinned = client.submit(len, data, workers=["bob"], key="pinned")
        free = client.submit(len, data, workers=["bob"], allow_other_workers=True, key="free")
        assert free.result(60) == 1_000_000
        cluster.workers["bob"].wait_for("a peer does not give data")
        assert not pinned.done()
        network.heal()
        assert pinned.result(60) == 1_000_000
        assert len(data.result(30)) == 1_000_000


def test_a_client_that_does_not_reach_a_worker_goes_by_way_of_the_scheduler(
    network: Network,
) -> None:
    cluster = Cluster(network, "ada")
    network.cut("ada", HERE)
    with Client(cluster.address) as client:
        data = client.scatter(b"x" * 1_000_000)
        length = client.submit(len, data)
        assert length.result(30) == 1_000_000
        assert data.result(30) == b"x" * 1_000_000
    assert "worker left" not in cluster.scheduler.log


def test_data_that_one_holder_cannot_give_comes_from_another(
    network: Network, tmp_path: Path
) -> None:
    cluster, log = Cluster(network, "ada", "bob", "cyd"), tmp_path / "log"
    with Client(cluster.address) as client:
        data = client.submit(large, str(log), workers=["ada"])
        client.replicate(data, workers=["ada", "cyd"])
        network.cut("ada", "bob")
        lengths = [client.submit(len, data, workers=["bob"], key=f"n{n}") for n in range(3)]
        assert client.gather(lengths) == [1_000_000] * 3
    assert lines(log) == ["ada"]


def test_futures_of_a_client_that_was_cut_off_for_5_s_resolve(
    network: Network, tmp_path: Path
) -> None:
    cluster, log, gate = Cluster(network, "ada", "bob"), tmp_path / "log", tmp_path / "gate"
    with Client(cluster.address) as client:
        futures = client.map(note, range(50), log=str(log))
        gated = client.submit(wait_for_file, str(gate), priority=10)
        until_lines(log, 10)
        network.cut("scheduler", HERE)
        gate.touch()
        during = client.map(note, range(50, 60), log=str(log))
        time.sleep(BLACKOUT_S)  # the length of the fault, not a wait for a state
        network.heal()
        assert client.gather([*futures, *during]) == list(range(1, 61))
        assert gated.result(30) == str(gate)
    assert_each_ran_once(log, 60)
