"""`client.restart()` and `gd restart`: nothing is left of what was, and workers are new."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from gdistributed import Client
from gdistributed.errors import CancelledError, WaitTimeout
from tests.client.functions import inc
from tests.processes import GdProcess, address_of, started


class Cluster:
    """A scheduler, and two workers with a nanny each: ada and bob."""

    def __init__(self, processes: ExitStack) -> None:
        self.scheduler = started(processes, "scheduler", "--port", "0")
        self.address = address_of(self.scheduler)
        self.nannies = {name: self.worker(processes, name) for name in ("ada", "bob")}

    def worker(self, processes: ExitStack, name: str, *options: str) -> GdProcess:
        arguments = ("worker", self.address, "--name", name, "--nthreads", "1", *options)
        command = started(processes, *arguments)
        command.wait_for("registered")
        return command


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as processes:
        yield processes


@pytest.fixture
def cluster(processes: ExitStack) -> Cluster:
    return Cluster(processes)


def hang(begun: str) -> None:
    Path(begun).touch()
    time.sleep(1000)


def process_ids(client: Client) -> dict[str, int]:
    return {
        name: client.submit(_process_id, workers=[name], pure=False).result(30)
        for name in ("ada", "bob")
    }


def _process_id() -> int:
    return psutil.Process().pid


def test_after_a_restart_all_is_new_and_nothing_is_left(cluster: Cluster, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with Client(cluster.address) as client, Client(cluster.address, name="other") as other:
        before = process_ids(client)
        data = client.scatter(list(range(5)))
        done = client.map(inc, range(10))
        theirs = other.submit(inc, 1000)
        client.gather([*done, *data])
        assert theirs.result(30) == 1001
        hanging = client.submit(hang, str(begun))
        waiting = other.submit(inc, other.submit(hang, str(tmp_path / "other"), key="other-hang"))
        while not begun.exists():
            time.sleep(0.01)
        answer = client.restart(timeout=60)
        assert (len(answer["restarted"]), answer["kept"]) == (2, [])
        assert set(answer["restarted"]) == set(client.ncores())
        for future in (hanging, waiting, done[3], data[0], theirs):
            with pytest.raises(CancelledError, match="the cluster was restarted"):
                future.result(30)
        assert client.who_has() == {}
        after = process_ids(client)
        assert not set(before.values()) & set(after.values())
        assert not any(psutil.pid_exists(number) for number in before.values())
        assert other.gather(other.map(inc, range(10))) == list(range(1, 11))
    assert "WARNING" not in cluster.nannies["ada"].log


def test_what_is_submitted_just_before_is_cancelled_too(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        futures = client.map(time.sleep, [1000 + number for number in range(100)])
        client.restart()
        assert all(future.cancelled() for future in futures)
        again = client.map(inc, range(100))
        assert sum(client.gather(again)) == 5050
        [first, *_] = client.scheduler_info()["workers"].values()
        assert first["processing"] == 0


def test_a_worker_without_a_nanny_drops_everything_and_stays(
    cluster: Cluster, processes: ExitStack
) -> None:
    cluster.worker(processes, "cyd", "--no-nanny")
    with Client(cluster.address) as client:
        data = client.scatter([1, 2, 3], workers=["cyd"])
        number = client.submit(_process_id, workers=["cyd"], pure=False).result(30)
        answer = client.restart()
        assert (len(answer["restarted"]), len(answer["kept"])) == (2, 1)
        assert all(future.cancelled() for future in data)
        assert client.submit(_process_id, workers=["cyd"], pure=False).result(30) == number
        assert client.has_what(["cyd"])[answer["kept"][0]] == ()


def test_a_worker_that_does_not_come_back_is_named(cluster: Cluster) -> None:
    cluster.nannies["bob"].send_signal(signal.SIGSTOP)
    try:
        with Client(cluster.address) as client:
            with pytest.raises(WaitTimeout, match="'bob': no other process of it joined within 3"):
                client.restart(timeout=3)
            assert client.submit(inc, 1, workers=["ada"]).result(30) == 2
    finally:
        cluster.nannies["bob"].send_signal(signal.SIGCONT)


async def test_an_asynchronous_client_restarts_too(cluster: Cluster) -> None:
    async with Client(cluster.address, asynchronous=True) as client:
        future = client.submit(inc, 1)
        assert await future == 2
        assert len((await client.restart())["restarted"]) == 2
        assert future.cancelled()
        assert await client.submit(inc, 1) == 2


def test_the_command(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        future = client.submit(inc, 1)
        assert future.result(30) == 2
        done = subprocess.run(
            [sys.executable, "-m", "gdistributed", "restart", "--address", cluster.address],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(" is new\n") == 2
        with pytest.raises(CancelledError, match="the cluster was restarted"):
            future.result(30)
