"""A worker is killed while it sends a value: the receiver has it from another holder, or anew."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from gdistributed import Client, wait
from gdistributed.v1 import worker_pb2, worker_pb2_grpc
from tests.client.functions import append_line
from tests.cluster.proxy import Proxy, proxy_to
from tests.ports import free_port
from tests.processes import TIMEOUT_S, Cluster, running_cluster

MIB = 2**20
NBYTES = 16 * MIB


class Victim:
    """A worker behind a proxy, to be killed in the middle of what it sends."""

    def __init__(self, scheduler: str, port: str, proxy: Proxy) -> None:
        self.proxy = proxy
        self.name = f"victim-{port}"  # the scheduler may not know yet that the last one is dead
        arguments = (scheduler, port, proxy.address, self.name)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.announced", *arguments], stdin=subprocess.PIPE
        )

    def kill_halfway(self) -> None:
        """Let half of a value pass, and then kill the worker."""
        halfway, is_dead = threading.Event(), threading.Event()
        passed_nbytes = self.proxy.passed_nbytes

        def meddle(data: bytes) -> bytes:
            if self.proxy.passed_nbytes - passed_nbytes > NBYTES / 2:
                halfway.set()
                is_dead.wait(TIMEOUT_S)
            return data

        def kill() -> None:
            halfway.wait(TIMEOUT_S)
            self.process.kill()
            self.process.wait()
            is_dead.set()
            self.proxy.close()  # who knocks there finds that it is gone

        self.proxy.meddle = meddle
        threading.Thread(target=kill).start()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(2, "--no-shared-memory") as cluster:
        yield cluster


@pytest.fixture
def victim(cluster: Cluster) -> Iterator[Victim]:
    port = str(free_port())
    with proxy_to(f"127.0.0.1:{port}") as proxy:
        victim = Victim(cluster.address, port, proxy)
        try:
            yield victim
        finally:
            victim.process.kill()
            victim.process.communicate()


def noise(log: str) -> np.ndarray:
    append_line(log, "run")
    return np.random.default_rng(0).integers(0, 255, NBYTES, np.uint8)


def total(array: np.ndarray) -> int:
    return int(array.sum())


def sent_nbytes(client: Client, name: str) -> int:
    """Return how much a worker has sent."""
    info = client.scheduler_info()["workers"]
    [address] = [address for address, worker in info.items() if worker["name"] == name]
    with grpc.insecure_channel(address) as channel:
        status = worker_pb2_grpc.WorkerStub(channel).GetStatus(worker_pb2.GetStatusRequest())
        return status.metrics.sent_nbytes


@pytest.mark.parametrize("reader", ["worker", "client"])
def test_the_rest_comes_from_another_holder(
    cluster: Cluster, victim: Victim, tmp_path: Path, reader: str
) -> None:
    log = tmp_path / "log"
    with Client(cluster.address) as client:
        data = client.submit(noise, str(log), workers=[victim.name])
        client.replicate(data, workers=[victim.name, "ada"])
        before_nbytes = sent_nbytes(client, "ada")
        victim.kill_halfway()
        if reader == "client":
            np.testing.assert_array_equal(data.result(60), noise(str(tmp_path / "other")))
        else:
            assert client.submit(total, data, workers=["bob"]).result(60) == total(
                noise(str(tmp_path / "other"))
            )
        assert victim.process.returncode == -9
        # How much of the first half was on its way and is lost with the connection, nobody knows.
        assert sent_nbytes(client, "ada") - before_nbytes < 0.95 * NBYTES
    assert log.read_text().split() == ["run"]


@pytest.mark.parametrize("reader", ["worker", "client"])
def test_what_nobody_else_holds_is_computed_again(
    cluster: Cluster, victim: Victim, tmp_path: Path, reader: str
) -> None:
    log = tmp_path / "log"
    with Client(cluster.address) as client:
        assert client.submit(int, workers=[victim.name]).result(60) == 0  # it is there
        data = client.submit(noise, str(log), workers=[victim.name], allow_other_workers=True)
        wait(data)
        victim.kill_halfway()
        if reader == "client":
            np.testing.assert_array_equal(data.result(60), noise(str(tmp_path / "other")))
        else:
            assert client.submit(total, data, workers=["bob"]).result(60) == total(
                noise(str(tmp_path / "other"))
            )
        assert victim.process.returncode == -9
    assert log.read_text().split() == ["run", "run"]
