"""Results that are copied and spread, workers that leave, and tasks that nobody waits for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gdistributed import Client, fire_and_forget, wait
from gdistributed.errors import NotFound
from tests.client.functions import inc, wait_for_file
from tests.processes import Cluster, running_cluster


@pytest.fixture
def cluster() -> Cluster:
    with running_cluster(nworkers=3) as cluster:
        yield cluster


def blob(number: int) -> bytes:
    return bytes([number]) * 100_000


def gd(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gdistributed", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_replicate_and_rebalance(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        everywhere = client.submit(blob, 1)
        client.replicate(everywhere)
        assert len(client.who_has(everywhere)[everywhere.key]) == 3
        futures = client.scatter([blob(n) for n in range(6)], workers=["ada"])
        client.rebalance(futures)
        where = client.who_has(futures)
        assert {len(holders) for holders in where.values()} == {1}
        assert len(set(where.values())) == 3
        assert client.gather(futures) == [blob(n) for n in range(6)]
        with pytest.raises(NotFound, match="there are: ada, bob, cyd"):
            client.replicate(everywhere, workers=["eve"])
        with pytest.raises(ValueError, match="at least 1"):
            client.replicate(everywhere, n=0)


def test_a_worker_retires_and_nothing_is_lost(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        future = client.scatter(blob(3), workers=["ada"])
        answer = client.retire_workers(["ada"])
        assert len(answer["retired"]) == 1
        assert not answer["stayed"]
        assert cluster.workers[0].wait() == 0
        assert future.result(30) == blob(3)
        said = gd("retire", "bob", "nobody", "--address", cluster.address)
        assert said.returncode == 1
        assert "no worker is called 'nobody'" in said.stderr
        said = gd("retire", "bob", "--address", cluster.address)
        assert said.stdout.endswith("has left\n")
        assert future.result(30) == blob(3)
        last = gd("retire", "cyd", "--address", cluster.address, "--wait", "0.2")
        assert last.returncode == 1
        assert "stays: it is busy, or its data has nowhere to go" in last.stdout
        assert client.submit(inc, 1).result(30) == 2


def begin_and_wait(begun: str, gate: str) -> str:
    Path(begun).touch()
    return wait_for_file(gate)


def test_sigterm_makes_a_worker_give_its_data_away(cluster: Cluster, tmp_path: Path) -> None:
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    with Client(cluster.address) as client:
        data = client.scatter(blob(5), workers=["ada"])
        running = client.submit(begin_and_wait, str(begun), str(gate), workers=["ada"])
        wait_for_file(str(begun))
        cluster.workers[0].send_signal(signal.SIGTERM)
        cluster.workers[0].wait_for("leaving")
        gate.touch()
        assert cluster.workers[0].wait() == 0
        wait([running], timeout=30)
        assert data.result(30) == blob(5)
        assert client.submit(inc, data.result(30)[0]).result(30) == 6


def write_later(gate: str, path: str) -> None:
    wait_for_file(gate)
    Path(path).write_text(str(os.getpid()))


def test_a_task_that_is_forgotten_runs_though_its_client_is_gone(
    cluster: Cluster, tmp_path: Path
) -> None:
    gate, written = tmp_path / "gate", tmp_path / "written"
    with Client(cluster.address) as client:
        fire_and_forget(client.submit(write_later, str(gate), str(written)))
    gate.touch()
    deadline = time.monotonic() + 30
    with Client(cluster.address) as client:
        while not written.exists():
            assert time.monotonic() < deadline
            client.submit(inc, 1, pure=False).result(30)


def test_a_question_about_a_task_comes_after_its_submission(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        before = client.map(inc, range(20_000))  # they are on their way for a while
        lonely = client.submit(inc, -1, resources={"GPU": 1})
        assert "1 of the resource 'GPU'" in client.explain(lonely)
        before += client.map(inc, range(20_000, 40_000))
        other = client.submit(inc, -2, resources={"GPU": 1})
        assert client.get_task_output(other) == []
        before += client.map(inc, range(40_000, 60_000))
        last = client.submit(inc, -3, resources={"GPU": 1})
        assert len(client.graph(last).answer.nodes) == 1
        del before


def test_why_a_task_does_not_run(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        lonely = client.submit(inc, 1, resources={"GPU": 1}, key="lonely")
        assert "1 of the resource 'GPU'" in client.explain(lonely)
        said = gd("explain", "lonely", "--address", cluster.address)
        assert "1 of the resource 'GPU'" in said.stdout
        unknown = gd("explain", "nobody", "--address", cluster.address)
        assert unknown.returncode == 1
        assert "nobody" in unknown.stderr
