"""Names when processes are killed and connections break."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gdistributed import Center, Client, Event, Lock, Queue, Semaphore, Variable, rpc
from tests.cluster.proxy import Proxy, proxy_to
from tests.processes import Cluster, running_cluster
from tests.waiting import until

TIMEOUT_S = 30


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster for a test that breaks it."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def proxy(own_cluster: Cluster) -> Iterator[Proxy]:
    with proxy_to(own_cluster.address) as proxy:
        yield proxy


def waiting(address: str, name: str) -> int:
    with rpc(address) as server:
        return int(server.Names.GetSemaphore(name=name).waiting)


def hold_for_ever(name: str) -> None:
    Variable("holder").set(os.getpid())
    with Lock(name, lease=1):
        Event("held").set()
        Event("never").wait()


def test_a_task_whose_worker_is_killed_loses_its_lock(own_cluster: Cluster) -> None:
    with Client(own_cluster.address) as client:
        future = client.submit(hold_for_ever, "of a task", retries=0)
        assert Event("held").wait(TIMEOUT_S)
        assert not Lock("of a task").acquire(timeout=0)
        waits: list[Any] = []
        thread = threading.Thread(target=lambda: waits.append(Lock("of a task").acquire()))
        thread.start()
        until(lambda: waiting(own_cluster.address, "of a task") == 1)
        pid = Variable("holder").get()
        (killed,) = (worker for worker in own_cluster.workers if worker.pid == pid)
        killed.send_signal(signal.SIGKILL)
        thread.join(TIMEOUT_S)
        assert waits == [True]
        future.cancel()


def test_a_wait_outlives_a_broken_connection(own_cluster: Cluster, proxy: Proxy) -> None:
    order: list[str] = []

    def take(client: Client, who: str) -> None:
        with Lock("line", client):
            order.append(who)

    with (
        Client(own_cluster.address) as near,
        Client(proxy.address, set_as_default=False) as far,
    ):
        with Lock("line", near):
            threads = [
                threading.Thread(target=take, args=(far, "far")),
                threading.Thread(target=take, args=(near, "near")),
            ]
            for number, thread in enumerate(threads):
                thread.start()
                until(lambda n=number: waiting(own_cluster.address, "line") == n + 1)
            proxy.cut()
            until(lambda: far.status == "connecting")
            until(lambda: far.status == "running")
            until(lambda: waiting(own_cluster.address, "line") == 2)
        for thread in threads:
            thread.join(TIMEOUT_S)
    assert sorted(order) == ["far", "near"]


def test_nothing_is_lost_or_doubled_while_connections_break(
    own_cluster: Cluster, proxy: Proxy
) -> None:
    count = 300
    with (
        Client(own_cluster.address) as near,
        Client(proxy.address, set_as_default=False) as far,
    ):
        inside = Semaphore(1, "inside", far)
        done = threading.Event()

        def put() -> None:
            for number in range(count):
                Queue("values", far, maxsize=5).put(number)
                with inside:
                    pass
            done.set()

        thread = threading.Thread(target=put)
        thread.start()
        got = []
        for number in range(count):
            got.append(Queue("values", near).get(timeout=TIMEOUT_S))
            if number % 60 == 30:
                proxy.cut()
        thread.join(TIMEOUT_S)
        assert done.is_set()
        assert got == list(range(count))
        assert Queue("values", near).qsize() == 0


def test_a_topic_is_followed_across_a_broken_connection(own_cluster: Cluster, proxy: Proxy) -> None:
    heard: queue.Queue[Any] = queue.Queue()
    with (
        Client(own_cluster.address) as near,
        Client(proxy.address, set_as_default=False) as far,
    ):
        far.subscribe_topic("news", heard.put)
        for number in range(100):
            near.log_event("news", number)
            if number % 10 == 5:
                proxy.cut()
        events = [heard.get(timeout=TIMEOUT_S)[1] for _ in range(100)]
    assert events == list(range(100))


def test_a_stopped_holder_finds_out_that_it_lost_the_lock(own_cluster: Cluster) -> None:
    with Client(own_cluster.address) as client:
        lock = Lock("stopped", lease=30)
        lock.acquire()
        with rpc(own_cluster.address) as server:
            server.Names.Release(names=["stopped"])
        assert Lock("stopped").acquire(timeout=0)
        assert lock.release() is False
        assert client.status == "running"


def test_a_center_in_a_process_of_its_own_keeps_names() -> None:
    from gdistributed import Scheduler, Worker

    with (
        Center() as center,
        Scheduler(center=center.address) as scheduler,
        Worker(scheduler.address_to_workers, nthreads=1) as worker,
        Client(center.address) as first,
        Client(scheduler.address_to_clients, set_as_default=False) as second,
    ):
        with Lock("x", first):
            assert not Lock("x", second).acquire(timeout=0)
        heard: queue.Queue[Any] = queue.Queue()
        second.subscribe_topic("t", heard.put)
        worker.log_event("t", "from a worker")
        assert heard.get(timeout=TIMEOUT_S)[1] == "from a worker"
        Queue("q", first).put(first.submit(sum, [1, 2]))
        assert Queue("q", second).get().result(TIMEOUT_S) == 3
