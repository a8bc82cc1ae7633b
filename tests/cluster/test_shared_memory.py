"""Shared memory between real processes: killed at the worst moments, they leave nothing behind."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest

from gdistributed import Client, shared_array, wait
from gdistributed.data.shared_memory import SharedMemory, held_nbytes, same_host
from gdistributed.settings import WorkerSettings
from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc, worker_pb2, worker_pb2_grpc
from tests.processes import Cluster, GdProcess, address_of, running_cluster, started
from tests.segments import living_segments, shared_files
from tests.waiting import until

NBYTES = 2**22

Start = Callable[..., GdProcess]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Workers ada and bob, for all tests."""
    files = shared_files()
    with running_cluster(nworkers=2) as cluster:
        yield cluster
    assert shared_files() == files


@pytest.fixture
def start(cluster: Cluster) -> Iterator[Start]:
    """Start a further worker for one test. Nothing is left of what it had, however it ended."""
    workers: list[GdProcess] = []
    with ExitStack() as processes:

        def start(name: str, *options: str, before: Sequence[str] = ()) -> GdProcess:
            until(lambda: name not in names_in(cluster))  # the last of this name was killed perhaps
            common = ("worker", cluster.address, "--no-nanny", "--nthreads", "1", "--name", name)
            workers.append(started(processes, *common, *options, before=before))
            workers[-1].wait_for("registered")
            return workers[-1]

        yield start


def segments_of(*processes: GdProcess) -> set[str]:
    return living_segments(process.pid for process in processes)


def names_in(cluster: Cluster) -> set[str]:
    with Client(cluster.address, set_as_default=False) as client:
        return {str(each["name"]) for each in client.scheduler_info()["workers"].values()}


def kill(process: GdProcess) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def ones() -> np.ndarray:
    return np.ones(NBYTES, "u1")


def several() -> list[np.ndarray]:
    return [ones(), ones()]


def total(value: np.ndarray) -> int:
    return int(value.sum())


def frame() -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(NBYTES // 8.0), "y": np.arange(NBYTES // 8)})


def held() -> tuple[int, int]:
    """Return what a worker has made, and what it has of others."""
    return held_nbytes()


def test_values_go_between_workers_and_clients(cluster: Cluster, start: Start) -> None:
    cyd = start("cyd")
    values: dict[str, Any] = {"frame": frame(), "array": ones(), "list": several()}
    values |= {"bytes": bytes(ones()), "bytearray": bytearray(ones())}
    with Client(cluster.address) as client:
        futures = client.scatter(values, workers="cyd")
        names = segments_of(cyd)
        assert len(names) == 3  # of those that are views
        client.replicate(list(futures.values()), workers=["ada"], n=2)
        client.retire_workers(["cyd"])
        found = client.gather(futures)
        pd.testing.assert_frame_equal(found.pop("frame"), values.pop("frame"))
        np.testing.assert_equal(found, values)
        found["array"][0] = 5  # what a client has gathered is its own
        assert total(client.gather(futures["array"])) == NBYTES
        assert segments_of(*cluster.workers) & names


def test_memory_holds_a_replica_once(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        future = client.submit(ones, workers="ada", pure=False)
        client.replicate(future)
        mine = client.gather(future)
        assert len(segments_of(*cluster.workers)) == 1
        assert sorted(client.run(held).values()) == [(0, NBYTES), (NBYTES, 0)]
        until(lambda: shared_in_status(cluster.address) == [(0, NBYTES), (NBYTES, 0)])
        del future
        until(lambda: segments_of(*cluster.workers) == set())
        assert total(mine) == NBYTES


def shared_ones() -> np.ndarray:
    array = shared_array(NBYTES, "u1")
    array[:] = 1
    return array


def test_an_array_made_in_shared_memory_is_nowhere_copied(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        future = client.submit(shared_ones, workers="ada", pure=False)
        wait([future])
        made = segments_of(*cluster.workers)
        assert len(made) == 1
        assert client.submit(total, future, workers="bob").result(30) == NBYTES
        mine = client.gather(future)
        assert segments_of(*cluster.workers) == made
        assert sorted(client.run(held).values()) == [(0, NBYTES), (NBYTES, 0)]
        sent = client.scatter(shared_ones(), workers="bob", hash=False)
        assert client.submit(total, sent, workers="bob").result(30) == NBYTES
        del future, sent
        until(lambda: segments_of(*cluster.workers) == set())
        assert total(mine) == NBYTES


def shared_in_status(address: str) -> list[tuple[int, int]]:
    with grpc.insecure_channel(address) as channel:
        stub = scheduler_pb2_grpc.SchedulerStub(channel)
        answer = stub.ListWorkers(scheduler_pb2.ListWorkersRequest())
    return sorted((w.metrics.shared_nbytes, w.metrics.borrowed_nbytes) for w in answer.workers)


@pytest.mark.parametrize("killed", ["holder", "receiver"])
def test_a_worker_that_is_killed_takes_nothing_from_others(
    cluster: Cluster, start: Start, killed: str
) -> None:
    cyd, (ada, _) = start("cyd"), cluster.workers
    maker = "cyd" if killed == "holder" else "ada"
    with Client(cluster.address) as client:
        future = client.submit(ones, workers=maker, allow_other_workers=True, pure=False)
        client.replicate(future, workers=["ada", "cyd"])
        names = segments_of(ada, cyd)
        assert len(names) == 1
        kill(cyd)
        assert segments_of(ada) == names
        assert client.submit(total, future).result(30) == NBYTES
        del future
        until(lambda: not names & living_segments())


def test_a_holder_that_is_killed_before_its_segment_is_opened_leaves_none(
    cluster: Cluster, start: Start
) -> None:
    cyd = start("cyd")
    with Client(cluster.address) as client, grpc.insecure_channel(address_of(cyd)) as channel:
        future = client.submit(several, workers="cyd", allow_other_workers=True, pure=False)
        client.gather(future)
        request = worker_pb2.GetDataRequest(
            keys=[future.key], accept_runtime="python", same_host=same_host()
        )
        call = worker_pb2_grpc.WorkerStub(channel).GetData(request)
        shared = next(call).items[0].shared
        name = shared.segments[0].name
        assert name in segments_of(cyd)
        kill(cyd)
        assert SharedMemory(same_host()).open(shared) is None
        assert name not in living_segments()
        assert [total(each) for each in client.gather(future)] == [NBYTES, NBYTES]  # elsewhere


ASKS = """
import sys, grpc
from gdistributed.data.shared_memory import same_host
from gdistributed.v1 import worker_pb2, worker_pb2_grpc
address, key = sys.argv[1:]
request = worker_pb2.GetDataRequest(keys=[key], accept_runtime="python", same_host=same_host())
with grpc.insecure_channel(address) as channel:
    for response in worker_pb2_grpc.WorkerStub(channel).GetData(request):
        print(response.items[0].shared.segments[0].name, flush=True)
"""


def test_a_receiver_that_is_killed_before_it_opens_a_segment_leaves_none(
    cluster: Cluster,
) -> None:
    ada, _ = cluster.workers
    with Client(cluster.address) as client:
        future = client.submit(several, workers="ada", pure=False)
        wait([future])
        command = [sys.executable, "-c", ASKS, address_of(ada), future.key]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
            assert receiver.stdout is not None
            name = receiver.stdout.readline().strip()
            assert name in segments_of(ada)
            begun = time.monotonic()
            receiver.kill()
            until(lambda: name not in living_segments())
            assert time.monotonic() - begun < WorkerSettings().shared_lease_s


GATHERS = """
import sys, time
from gdistributed import Client
with Client(sys.argv[1]) as client:
    import numpy as np
    x = client.scatter(np.ones(2**22, "u1"), workers="ada", hash=False)
    value = client.gather(x)
    print(x.key, flush=True)
    time.sleep(60)
"""


def test_after_a_kill_of_everything_a_new_start_finds_nothing() -> None:
    files = shared_files()
    with ExitStack() as stack:
        cluster = stack.enter_context(running_cluster(nworkers=1))
        command = [sys.executable, "-c", GATHERS, cluster.address]
        client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        stack.enter_context(client)
        assert client.stdout is not None
        client.stdout.readline()
        names = living_segments([client.pid, *(worker.pid for worker in cluster.workers)])
        assert len(names) == 1
        client.kill()
        for process in (cluster.scheduler, *cluster.workers):
            kill(process)
        client.wait()
        assert not names & living_segments()
        assert shared_files() == files
    with running_cluster(nworkers=1) as cluster, Client(cluster.address) as other:
        assert total(other.submit(ones).result(30)) == NBYTES


def test_without_room_for_segments_values_are_sent(cluster: Cluster, start: Start) -> None:
    cyd = start("cyd")
    with Client(cluster.address) as client:
        future = client.submit(ones, workers="cyd", pure=False)
        resource.prlimit(cyd.pid, resource.RLIMIT_FSIZE, (2**20, 2**20))
        assert total(client.gather(future)) == NBYTES
        assert segments_of(cyd) == set()
    cyd.wait_for("no shared memory: values are sent")


def test_who_sees_other_processes_is_sent_values(cluster: Cluster, start: Start) -> None:
    enter = ["unshare", "--user", "--map-root-user"]  # as containers do
    if subprocess.run([*enter, "true"], check=False, capture_output=True).returncode:
        pytest.skip("namespaces of users are not permitted here")
    cyd = start("cyd", before=enter)
    assert_sends(cluster, cyd)


def test_it_can_be_turned_off(cluster: Cluster, start: Start) -> None:
    assert_sends(cluster, start("cyd", "--no-shared-memory"))


def assert_sends(cluster: Cluster, cyd: GdProcess) -> None:
    """Check that values come to a worker and from it, and not by shared memory."""
    with Client(cluster.address) as client:
        there = client.submit(ones, workers="cyd", pure=False)
        here = client.scatter(ones(), workers="ada", hash=False)
        assert client.submit(total, here, workers="cyd").result(30) == NBYTES
        assert client.submit(total, there, workers="ada").result(30) == NBYTES
        assert total(client.gather(there)) == NBYTES
        assert total(client.scatter(ones(), workers="cyd", hash=False).result()) == NBYTES
        assert segments_of(cyd) == set()
