"""Profiles of real workers in processes of their own, and of the scheduler."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from gdistributed import Client, Future
from gdistributed.client.profiles import Profile
from gdistributed.errors import NotFound
from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc, worker_pb2, worker_pb2_grpc
from tests.processes import Cluster, running_cluster
from tests.waiting import until

ENOUGH = 20


@pytest.fixture(scope="module")
def processes() -> Iterator[Cluster]:
    """A scheduler, and a worker, ada, of two threads."""
    with running_cluster(1, "--nthreads", "2") as cluster:
        with Client(cluster.address) as client:
            client.submit(pour).result(30)  # it has imported this module, which takes a while
        yield cluster


@pytest.fixture
def client(processes: Cluster) -> Iterator[Client]:
    with Client(processes.address) as client:
        yield client


def mill(file: str) -> None:
    pour()
    grind(file)


def pour() -> int:
    return sum(range(1000))


def grind(file: str) -> None:
    while not Path(file).exists():
        for _ in range(5000):  # a call that lets go of the interpreter is seen too often
            pour()


def press(file: str) -> None:
    while not Path(file).exists():
        pass


def samples_in(profile: Profile, *path: str) -> int:
    """Return how many samples saw a function, by the names on the way to it."""
    found = profile.to_dict()
    for name in path:
        below = (each for each in found["children"] if each["function"] == name)
        found = next(below, {"samples": 0, "children": []})
    samples: int = found["samples"]
    return samples


def ground(client: Client, file: Path) -> Future:
    """Have `mill` run until it was seen often, and end it."""
    future = client.submit(mill, str(file), key=f"mill-{file.parent.name}", pure=False)
    until(lambda: samples_in(client.profile(), "mill", "mill", "grind") >= ENOUGH)
    file.touch()
    future.result(30)
    return future


def test_the_busy_function_has_most_samples(client: Client, tmp_path: Path) -> None:
    ground(client, tmp_path / "enough")
    profile = client.profile("mill")
    assert samples_in(profile, "mill", "mill", "grind") > profile.samples / 2
    assert samples_in(profile, "mill", "mill", "pour") < profile.samples / 2
    hottest = profile.top()[0]
    assert (hottest.function, hottest.line) == ("pour", pour.__code__.co_firstlineno)
    assert hottest.file.endswith("test_profile.py")
    assert profile.interval_s == 0.01
    assert profile.missing == {}


def test_tasks_side_by_side_apart(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "enough"
    futures = [client.submit(press, str(file), key="press-1"), client.submit(mill, str(file))]
    until(lambda: samples_in(client.profile(), "press", "press") >= ENOUGH)
    until(lambda: samples_in(client.profile(), "mill", "mill", "grind") >= ENOUGH)
    file.touch()
    client.gather(futures)
    chosen = client.profile("press")
    assert [each["function"] for each in chosen.to_dict()["children"]] == ["press"]
    assert chosen.samples == samples_in(client.profile(), "press")
    assert client.profile("unheard of").samples == 0


def test_a_time_is_chosen(client: Client, tmp_path: Path) -> None:
    before = time.time() - 1  # samples are kept by the second
    ground(client, tmp_path / "enough")
    after = datetime.now() + timedelta(seconds=1)
    assert client.profile("mill", start=before, stop=after).samples >= ENOUGH
    assert client.profile("mill", start=after).samples == 0
    assert client.profile(stop=before - 3600).samples == 0
    profile = client.profile("mill", start=before)
    assert profile.start is not None
    assert profile.stop is not None
    assert before - 1 <= profile.start < profile.stop <= time.time() + 1
    with pytest.raises(ValueError, match="stop is not after start"):
        client.profile(start=after, stop=before)


def test_workers_are_chosen_by_name(client: Client) -> None:
    assert client.profile(workers="ada").title == "All tasks on 1 worker"
    with pytest.raises(NotFound):
        client.profile(workers="nobody")


def test_it_is_written_as_a_page(client: Client, tmp_path: Path) -> None:
    ground(client, tmp_path / "enough")
    file = tmp_path / "profile.html"
    profile = client.profile(filename=file)
    assert file.read_text() == client_html(profile, file)
    assert '"function": "grind"' in file.read_text()


def client_html(profile: Profile, file: Path) -> str:
    """The page again, with the name of its graph, which is new each time."""
    again, written = profile.to_html(), file.read_text()
    name, first = (text.partition('<div id="')[2].partition('"')[0] for text in (again, written))
    return again.replace(name, first)


def test_coroutines_that_compute(client: Client) -> None:
    # It holds the event loop, so that the worker answers when it is over.
    client.submit(brew).result(30)
    assert samples_in(client.profile(), "brew", "brew") > 0


async def brew() -> None:
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        pour()


class Counter:
    """An actor."""

    def count(self, file: str) -> int:
        grind(file)
        return 1


def test_methods_of_actors_by_their_class(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "enough"
    counter = client.submit(Counter, actor=True).result(30)
    counting = counter.count(str(file))
    until(lambda: samples_in(client.profile(), "Counter", "Counter.count", "grind") >= ENOUGH)
    file.touch()
    assert counting.result(30) == 1


def switches_of_profiler() -> str | None:
    """Return how often the profiler's thread has run; None when there is none."""
    for thread in threading.enumerate():
        if thread.name == "gd-profiler":
            status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
            return "".join(line for line in status.splitlines() if "ctxt_switches" in line)
    return None


def test_an_idle_worker_takes_no_samples_and_does_not_wake(client: Client) -> None:
    client.submit(pour, pure=False).result(30)
    assert [each is not None for each in client.run(switches_of_profiler).values()] == [True]

    def is_quiet() -> bool:
        before = client.run(switches_of_profiler)
        threading.Event().wait(0.1)
        return client.run(switches_of_profiler) == before

    until(is_quiet)
    samples = client.profile().samples
    threading.Event().wait(0.1)
    assert client.profile().samples == samples


def test_a_worker_that_is_told_to_takes_no_samples(processes: Cluster, client: Client) -> None:
    worker = processes.start(
        *("worker", processes.address, "--no-nanny", "--nthreads", "1"),
        *("--name", "shy", "--profile-interval", "0"),
    )
    worker.wait_for("registered")
    client.submit(pour, workers="shy", pure=False).result(30)
    profile = client.profile()
    [[address, reason]] = profile.missing.items()
    assert address in worker.log
    assert "--profile-interval" in reason
    assert client.run(switches_of_profiler, workers="shy") == {address: None}
    worker.send_signal(signal.SIGINT)
    assert worker.wait() == 0


def waits_to_be_read(address: str) -> bool:
    """Say whether somebody has sent a server something that it has not read."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    tables = (Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    rows = [row.split() for table in tables for row in table.splitlines()[1:]]
    return any(row[1].endswith(port) and int(row[4].partition(":")[2], 16) for row in rows)


def test_a_worker_that_is_killed_meanwhile_is_missing() -> None:
    with running_cluster(2) as cluster, Client(cluster.address) as client:
        _, bob = cluster.workers
        client.gather(client.map(pour_at, range(20), workers=["ada"]))
        until(lambda: client.profile(workers="ada").samples > 0)
        [address] = [each for each in client.ncores() if each in bob.log]
        os.kill(bob.pid, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(client.profile)
            try:
                until(lambda: waits_to_be_read(address))
            finally:
                os.kill(bob.pid, signal.SIGKILL)
            profile = asking.result(30)
        assert profile.samples > 0
        assert list(profile.missing) == [address]
        assert address in profile.missing[address]
        assert f"Not in it: {address}: " in profile.to_html()
        bob.wait()


def pour_at(number: int) -> int:
    end = time.monotonic() + 0.02
    while time.monotonic() < end:
        number += pour()
    return number


def test_the_scheduler_when_it_is_asked(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "scheduler.html"
    profile = client.profile(scheduler=True, duration=0.3, filename=file)
    assert profile.samples > 0
    assert "its event loop" in repr(profile)
    assert "The scheduler at" in file.read_text()
    for duration in (0, -1, 61):
        with pytest.raises(ValueError, match="at most 60 s"):
            client.profile(scheduler=True, duration=duration)


def test_bad_requests_are_refused(processes: Cluster, client: Client) -> None:
    [worker] = client.ncores()
    late, early = Timestamp(seconds=5), Timestamp(seconds=5)
    with grpc.insecure_channel(worker) as channel:
        stub: worker_pb2_grpc.WorkerStub = worker_pb2_grpc.WorkerStub(channel)
        with pytest.raises(grpc.RpcError, match="stop is not after start"):
            stub.GetProfile(worker_pb2.GetProfileRequest(start=late, stop=early))
    with grpc.insecure_channel(processes.address) as channel:
        scheduler: scheduler_pb2_grpc.SchedulerStub = scheduler_pb2_grpc.SchedulerStub(channel)
        for duration in (Duration(), Duration(seconds=61)):
            request = scheduler_pb2.ProfileSchedulerRequest(duration=duration)
            with pytest.raises(grpc.RpcError, match="up to 60 s"):
                scheduler.ProfileScheduler(request)
