"""Values that come and go by way of the scheduler, for clients that do not reach the workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import pytest

from gdistributed import Client
from gdistributed.errors import SerializationError
from tests.processes import Cluster, GdProcess, address_of, running_cluster, started

MIB = 2**20


def block(number: int, nbytes: int) -> np.ndarray:
    return np.full(nbytes, number, np.uint8)


def total(array: np.ndarray) -> int:
    return int(array.sum())


def peak_nbytes(process: GdProcess) -> int:
    """Return how much memory a process has had at most since it was last asked."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    return int(peak) * 1024


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(2, "--no-shared-memory") as cluster:
        yield cluster


def is_connected(client: Client, cluster: Cluster) -> bool:
    """Whether this process has a connection to any worker of the cluster."""
    ports = {int(address.rpartition(":")[2]) for address in client.nthreads()}
    return any(
        each.raddr and each.raddr.port in ports
        for each in psutil.Process().net_connections("tcp")
        if each.status == psutil.CONN_ESTABLISHED
    )


def test_values_go_and_come_by_way_of_the_scheduler(cluster: Cluster) -> None:
    values = [np.arange(1_000_000), {"a": [1, None]}, b"x" * 3_000_000, "small", None]
    with Client(cluster.address, direct_to_workers=False) as client:
        scattered = client.scatter(values, hash=False)
        gathered = client.gather(scattered)
        np.testing.assert_array_equal(gathered[0], values[0])
        assert gathered[1:] == values[1:]
        many = client.scatter(list(range(1000)), hash=False)
        assert client.gather(many) == list(range(1000))
        assert client.submit(total, scattered[0]).result(30) == sum(range(1_000_000))
        large = client.submit(block, 3, 2 * MIB)
        assert large.result(30).nbytes == 2 * MIB
        assert not is_connected(client, cluster)
        assert client.gather([large], direct=True)[0].nbytes == 2 * MIB
        assert is_connected(client, cluster)


def lock() -> object:
    return threading.Lock()


def test_what_is_wrong_at_the_worker_is_told(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        future = client.submit(lock)
        with pytest.raises(SerializationError, match=r"_thread\.lock"):
            client.gather(future, direct=False)


@pytest.mark.parametrize("count", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_nothing_piles_up_in_the_scheduler(cluster: Cluster, count: int) -> None:
    with Client(cluster.address) as client:
        futures = [client.submit(block, number, 256 * MIB) for number in range(count)]
        client.gather(client.submit(total, futures[0]))
        before = psutil.Process(cluster.scheduler.pid).memory_info().rss
        peak_nbytes(cluster.scheduler)
        values = client.gather(futures, direct=False)
        grown_nbytes = peak_nbytes(cluster.scheduler) - before
        assert [(value[0], value[-1], value.nbytes) for value in values] == [
            (number, number, 256 * MIB) for number in range(count)
        ]
        assert grown_nbytes < 64 * MIB
        print(f"relayed {count * 256} MiB, the scheduler grew by {grown_nbytes / MIB:.1f} MiB")
        futures = client.scatter(values, direct=False, hash=False)
        grown_nbytes = peak_nbytes(cluster.scheduler) - before
        assert client.submit(total, futures[0]).result(30) == 0
        assert grown_nbytes < 64 * MIB
        print(f"put {count * 256} MiB, the scheduler grew by {grown_nbytes / MIB:.1f} MiB")


def test_a_client_that_does_not_reach_the_workers_needs_no_setting(tmp_path: Path) -> None:
    """The workers listen on sockets that are found only from the folder of the cluster."""
    with ExitStack() as processes:
        scheduler = started(processes, "scheduler", "--port", "0", cwd=tmp_path)
        address = address_of(scheduler)
        for name in ("ada", "bob"):
            options = ("--no-nanny", "--name", name, "--nthreads", "1", "--no-shared-memory")
            place = ("--host", f"unix:{name}.sock")
            worker = started(processes, "worker", address, *options, *place, cwd=tmp_path)
            worker.wait_for("registered")
        with Client(address) as client:
            futures = client.scatter([block(n, MIB) for n in range(4)], hash=False)
            sums = [client.submit(np.sum, future) for future in futures]
            assert client.gather(sums) == [n * MIB for n in range(4)]
            assert [value[0] for value in client.gather(futures)] == [0, 1, 2, 3]
            together = client.submit(np.concatenate, futures, workers=["bob"])
            assert total(together.result(30)) == 6 * MIB
