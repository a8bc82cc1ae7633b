"""Clients come and go; so do schedulers. Bad input is refused with words that help."""

from __future__ import annotations

import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import gdistributed
from gdistributed import AsyncClient, Client, Executor, LocalCluster, Worker, as_current, wait
from gdistributed.errors import (
    CancelledError,
    ClientClosed,
    ConnectionLost,
    ConnectTimeout,
    UnpicklableArgument,
    UsageError,
)
from gdistributed.settings import ClientSettings
from tests.client.functions import inc, wait_for_file
from tests.processes import Cluster, running_cluster

IMPATIENT = ClientSettings(connect_timeout_s=10.0, disconnect_timeout_s=1.0)


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port at which nobody listens: it is bound and not listened at."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster for a test that breaks it."""
    with running_cluster() as cluster:
        yield cluster


def test_no_server_at_the_address(free_port: int) -> None:
    with pytest.raises(ConnectTimeout, match=rf"127\.0\.0\.1:{free_port} within 0\.3 s"):
        Client(f"127.0.0.1:{free_port}", timeout=0.3)
    with pytest.raises(TimeoutError):
        Client(f"tcp://127.0.0.1:{free_port}", timeout=0.1)


def test_a_server_that_does_not_speak() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ConnectTimeout, match=f"127.0.0.1:{port}"):
            Client(f"127.0.0.1:{port}", timeout=0.3)


def test_the_address_of_a_worker(client: Client) -> None:
    worker = next(iter(client.ncores()))
    with pytest.raises(UsageError, match="a worker answers"):
        Client(worker)


def test_what_is_no_address() -> None:
    with pytest.raises(TypeError, match="needs the address"):
        Client(8786)  # type: ignore[arg-type]


def test_a_closed_client_says_so(address: str) -> None:
    client = Client(address)
    done, pending = client.submit(inc, 1), client.submit(time.sleep, 0.5)
    assert done.result(30) == 2
    client.close()
    client.close()
    assert client.status == "closed"
    assert done.result() == 2  # it is here already
    with pytest.raises(CancelledError, match="the client is closed"):
        pending.result()
    for call in (
        lambda: client.submit(inc, 1),
        lambda: client.map(inc, [1]),
        lambda: client.scatter(1),
        lambda: client.ncores(),
        lambda: client.get({"x": 1}, "x"),
        lambda: client.wait_for_workers(1),
    ):
        with pytest.raises(ClientClosed, match="closed"):
            call()
    assert "closed" in repr(client)


def test_close_ends_those_who_wait(address: str, tmp_path: Path) -> None:
    client = Client(address)
    future = client.submit(wait_for_file, str(tmp_path / "go"))
    errors: list[BaseException] = []

    def work() -> None:
        try:
            future.result()
        except CancelledError as error:
            errors.append(error)

    waiting = threading.Thread(target=work)
    waiting.start()
    while future.record.watches is None:
        time.sleep(0.001)
    client.close()
    waiting.join(30)
    assert "the client is closed" in str(errors[0])
    (tmp_path / "go").touch()


def test_the_goodbye_of_each_client_is_heard(own_cluster: Cluster) -> None:
    for number in range(40):
        with Client(own_cluster.address) as client:
            client.submit(inc, number)
    own_cluster.scheduler.wait_for("client left", times=40)
    assert "broke" not in own_cluster.scheduler.log


def test_executor_is_another_name() -> None:
    assert Executor is Client


def test_the_names_of_a_client(address: str) -> None:
    with Client(address, name="ada", set_as_default=False) as client:
        assert client.name == "ada"
        assert client.scheduler_address == address
        client.wait_for_workers(2)
        assert repr(client) == f"<Client 'ada' to {address}, running, workers=2, threads=2>"
        assert not client.asynchronous
        with as_current(client):
            assert Client.current() is client


def test_a_cluster_may_be_the_address(cluster: LocalCluster) -> None:
    with Client(cluster) as client:
        assert client.cluster is cluster
        assert client.submit(inc, 1).result(30) == 2
    assert cluster.status == "running"


def test_a_client_alone_starts_a_cluster() -> None:
    with Client() as client:
        assert client.submit(inc, 1).result(60) == 2
        cluster = client.cluster
    assert isinstance(cluster, LocalCluster)
    assert cluster.status == "closed"


def test_a_pickled_future_binds_to_the_current_client(client: Client, address: str) -> None:
    future = client.submit(inc, 1)
    again = pickle.loads(pickle.dumps(future))
    assert again.result(30) == 2
    with Client(address, set_as_default=False) as other, as_current(other):
        bound = pickle.loads(pickle.dumps(future))
        assert bound.connection is other.connection
        assert bound.result(30) == 2


def test_the_scheduler_is_killed(own_cluster: Cluster) -> None:
    client = Client(own_cluster.address, settings=IMPATIENT)
    done = client.submit(inc, 1)
    done.result(30)
    pending = client.submit(time.sleep, 1000)
    own_cluster.scheduler.send_signal(signal.SIGKILL)
    with pytest.raises(ConnectionLost, match=f"the scheduler at {own_cluster.address} is gone"):
        pending.result(60)
    assert pending.status == "error"
    with pytest.raises(ConnectionLost, match="is gone"):
        client.submit(inc, 2)
    with pytest.raises(ConnectionLost, match="is gone"):
        client.wait_for_workers(5)
    assert done.result() == 2
    client.close()


def test_an_executor_is_shut_down_though_its_scheduler_is_lost(own_cluster: Cluster) -> None:
    client = Client(own_cluster.address)  # it tries for 30 s to come back
    executor = client.get_executor()
    futures = [executor.submit(time.sleep, 1000) for _ in range(3)]
    own_cluster.scheduler.send_signal(signal.SIGKILL)
    executor.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in futures)
    assert client.status == "connecting"
    client.close()


def test_the_scheduler_says_goodbye(own_cluster: Cluster) -> None:
    with Client(own_cluster.address, timeout=60) as client:
        pending = client.submit(time.sleep, 1000)
        own_cluster.scheduler.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionLost, match="said goodbye"):
            pending.result(60)


def test_the_only_holder_dies_and_its_result_comes_again(own_cluster: Cluster) -> None:
    with Client(own_cluster.address) as client:
        futures = client.map(bytes, range(100_000, 100_010))
        wait(futures)
        own_cluster.workers[0].send_signal(signal.SIGKILL)
        assert [len(value) for value in client.gather(futures)] == list(range(100_000, 100_010))


def test_scattered_data_that_is_lost_says_so(own_cluster: Cluster) -> None:
    with Client(own_cluster.address) as client:
        client.wait_for_workers(2)
        name = own_cluster.workers[0]
        future = client.scatter(bytes(100_000), workers=["ada"])
        name.send_signal(signal.SIGKILL)
        with pytest.raises(gdistributed.errors.DataLost, match="scatter it once more"):
            future.result(60)


def test_workers_may_come_later(tmp_path: Path) -> None:
    with running_cluster(nworkers=0) as cluster, Client(cluster.address) as client:
        future = client.submit(inc, 1)
        with pytest.raises(TimeoutError):
            client.wait_for_workers(1, timeout=0.05)
        with Worker(scheduler=cluster.address, nthreads=1):
            client.wait_for_workers(1, timeout=30)
            assert future.result(30) == 2


def test_the_address_of_a_center() -> None:
    with gdistributed.Center() as center:
        with pytest.raises(ConnectTimeout, match="knows no scheduler"):
            Client(center.address, timeout=0.3)
        with (
            gdistributed.Scheduler(center=center.address),
            Worker(scheduler=center.address, nthreads=1),
            Client(center.address) as client,
        ):
            assert client.submit(inc, 1).result(30) == 2


async def test_an_asynchronous_clients_scheduler_is_killed() -> None:
    with running_cluster(nworkers=1) as cluster:
        async with AsyncClient(cluster.address, settings=IMPATIENT) as client:
            pending = client.submit(time.sleep, 1000)
            cluster.scheduler.send_signal(signal.SIGKILL)
            with pytest.raises(ConnectionLost, match="is gone"):
                await pending


def test_a_program_may_end_without_closing(address: str) -> None:
    program = f"""
from gdistributed import Client
client = Client({address!r})
future = client.submit(sum, [1, 2])
print(future.result())
"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_a_program_may_end_with_pending_futures(address: str) -> None:
    program = f"""
from gdistributed import Client
client = Client({address!r})
futures = client.map(str, range(1000))
"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_scheduler_comes_back(own_cluster: Cluster, tmp_path: Path) -> None:
    with Client(own_cluster.address, timeout=60) as client:
        pending = client.submit(wait_for_file, str(tmp_path / "go"))
        assert client.submit(inc, 1).result(30) == 2  # so the scheduler has received both
        own_cluster.scheduler.send_signal(signal.SIGKILL)
        own_cluster.scheduler.wait()
        (tmp_path / "go").touch()
        later = client.submit(inc, 5)  # while there is nobody to hear it
        port = own_cluster.address.rpartition(":")[2]
        own_cluster.start("scheduler", "--port", port).wait_for("listening")
        own_cluster.start("worker", own_cluster.address, "--name", "eve").wait_for("registered")
        assert later.result(60) == 6
        assert client.submit(inc, 6).result(60) == 7
        with pytest.raises(CancelledError, match="nobody holds or computes it"):
            pending.result(60)
        assert client.status == "running"


async def test_an_asynchronous_client_alone_starts_a_cluster() -> None:
    async with AsyncClient() as client:
        assert await client.submit(inc, 1) == 2
        cluster = client.cluster
    assert getattr(cluster, "status", "") == "closed"


def test_a_cluster_in_this_process() -> None:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        assert client.gather(client.map(inc, range(100))) == list(range(1, 101))


def test_a_client_inside_a_task(client: Client, address: str) -> None:
    def ask_there(address: str) -> int:
        with Client(address, set_as_default=False) as inner:
            return int(inner.submit(inc, 41).result(30))

    assert client.submit(ask_there, address).result(30) == 42
    with pytest.raises(UnpicklableArgument, match="make one there"):
        client.submit(lambda: client)
