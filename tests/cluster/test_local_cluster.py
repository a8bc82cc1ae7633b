"""`LocalCluster`: starts, scales, ends; and leaves no process behind, whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gdistributed import Client, LocalCluster
from gdistributed.errors import ClusterError, UsageError


def processes_of(cluster: LocalCluster) -> list[psutil.Process]:
    return [psutil.Process(worker.process_id) for worker in cluster.workers.values()]


@pytest.mark.parametrize("processes", [True, False])
def test_it_computes(processes: bool) -> None:
    with (
        LocalCluster(2, threads_per_worker=1, processes=processes) as cluster,
        Client(cluster) as client,
    ):
        where = client.gather(client.map(lambda number: os.getpid(), range(20)))
        assert set(where) <= {worker.process_id for worker in cluster.workers.values()}
        assert (os.getpid() in where) is not processes
        assert list(client.ncores().values()) == [1, 1]


def test_workers_are_named_and_counted() -> None:
    with LocalCluster(2, threads_per_worker=3, processes=False) as cluster:
        assert list(cluster.workers) == ["0", "1"]
        assert cluster.scheduler_address in repr(cluster)
        assert "workers=2, threads=6" in repr(cluster)


@pytest.mark.parametrize("processes", [True, False])
def test_scale_starts_and_stops_workers(processes: bool) -> None:
    with LocalCluster(1, threads_per_worker=1, processes=processes) as cluster:
        cluster.scale(3)
        assert list(cluster.workers) == ["0", "1", "2"]
        cluster.scale(1)
        assert list(cluster.workers) == ["0"]
        with Client(cluster) as client:
            assert client.submit(sum, [1, 2]).result() == 3


def test_a_worker_that_died_is_started_again() -> None:
    with LocalCluster(1, threads_per_worker=1) as cluster, Client(cluster) as client:
        victim = psutil.Process(cluster.workers["0"].process_id)
        victim.kill()  # its nanny, in this process too, waits for its end: nobody else may
        new = client.submit(os.getpid).result(timeout=60)
        assert new != victim.pid
        assert cluster.workers["0"].process_id == new
        assert "workers=1" in repr(cluster)


def test_close_ends_all_processes_and_closing_again_changes_nothing() -> None:
    cluster = LocalCluster(2, threads_per_worker=1)
    family = processes_of(cluster)
    assert len(family) == 2
    cluster.close()
    assert psutil.wait_procs(family, timeout=30)[1] == []
    cluster.close()
    assert cluster.workers == {}
    with pytest.raises(UsageError, match="closed"):
        cluster.scale(2)


def test_it_makes_a_client() -> None:
    with LocalCluster(1, processes=False) as cluster:
        client = cluster.get_client()
        assert client.submit(sum, [1, 2]).result(30) == 3
        assert cluster.get_client() is client
        assert client.cluster is cluster
        client.close()
        with cluster.get_client() as another:
            assert another.submit(sum, [1, 3]).result(30) == 4
        left_open = cluster.get_client()
    with pytest.raises(ClusterError):
        left_open.submit(sum, [1, 4]).result(30)
    left_open.close()


async def test_it_makes_an_asynchronous_client() -> None:
    async with (
        LocalCluster(1, processes=False, asynchronous=True) as cluster,
        cluster.get_client() as client,
    ):
        assert await client.submit(sum, [1, 2]) == 3
        assert await cluster.get_client() is client


async def test_it_lives_on_an_event_loop_too() -> None:
    async with LocalCluster(1, processes=False, asynchronous=True) as cluster:
        assert len(cluster.workers) == 1
        await cluster.scale(2)
        assert len(cluster.workers) == 2
        async with Client(cluster, asynchronous=True) as client:
            assert await client.submit(sum, [1, 2]) == 3


def test_the_error_of_a_part_that_cannot_start_reaches_the_user() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ClusterError, match=f"scheduler ended.*\n.*127.0.0.1:{port}"):
            LocalCluster(1, scheduler_port=port)


def kill_scheduler_beside(others: list[psutil.Process]) -> None:
    for child in set(psutil.Process().children()).difference(others):
        if "scheduler" in child.cmdline():
            child.kill()


async def test_a_scheduler_that_dies_while_workers_start_is_an_error_at_once() -> None:
    others = psutil.Process().children()
    cluster = LocalCluster(1, asynchronous=True)
    starting = asyncio.ensure_future(cluster.start())
    while not cluster.scheduler_address:
        await asyncio.sleep(0)
    kill_scheduler_beside(others)
    with pytest.raises(ClusterError, match="the scheduler was ended by signal 9 while the cluster"):
        await starting


def test_a_cluster_whose_scheduler_has_died_cannot_be_scaled() -> None:
    others = psutil.Process().children()
    with LocalCluster(1, threads_per_worker=1) as cluster:
        kill_scheduler_beside(others)
        with pytest.raises(ClusterError, match="the scheduler was ended by signal 9"):
            cluster.scale(1)


def test_workers_import_from_where_the_program_does(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("def answer():\n    return 42\n")
    program = tmp_path / "program.py"
    program.write_text(IMPORTING)
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "42\n", done.stderr


IMPORTING = """
from gdistributed import Client, LocalCluster
from neighbour import answer

if __name__ == "__main__":
    with LocalCluster(1) as cluster, Client(cluster) as client:
        print(client.submit(answer).result())
"""

# In short turns: a signal that comes after Python's last look for one, and before a call that
# blocks, is not seen until that call returns.
LEFT_OPEN = """
import select, sys
from gdistributed import LocalCluster
cluster = LocalCluster(2, threads_per_worker=1)
print(*(worker.process_id for worker in cluster.workers.values()), flush=True)
while not select.select([sys.stdin], [], [], 0.1)[0]:
    pass
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_a_parent_that_is_killed(number: int) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", LEFT_OPEN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        family = psutil.Process(parent.pid).children(recursive=True)
        assert len(family) == 3
        assert set(workers) <= {child.pid for child in family}
        parent.send_signal(number)
        parent.wait(60)
        assert psutil.wait_procs(family, timeout=60)[1] == []
    finally:
        parent.kill()
        parent.communicate()


def test_a_program_that_forgets_to_close_ends_all_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEFT_OPEN],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not any(psutil.pid_exists(int(word)) for word in done.stdout.split())


PARTS_LEFT_OPEN = """
import sys
from gdistributed import Client, LocalCluster, WorkerPlugin

class Plugin(WorkerPlugin):
    def teardown(self, worker):
        print("torn down")

cluster = LocalCluster(1, processes=False, event_log=sys.argv[1])
client = Client(cluster)
client.register_plugin(Plugin())
"""


def test_parts_in_a_program_that_forgets_to_close_end_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", PARTS_LEFT_OPEN, log],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "torn down\n", "")
    assert json.loads(log.read_text().splitlines()[-1])["event"] == "stop"
