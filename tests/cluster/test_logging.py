"""What real processes log: nothing that alarms, and fields that programs can read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gdistributed import Client
from tests.processes import GdProcess, address_of, running_cluster


def fail(number: int) -> int:
    raise ValueError(number)


def lines_of(process: GdProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.lines]


def test_a_cluster_that_works_logs_nothing_above_info_and_nothing_for_each_task() -> None:
    with running_cluster() as cluster:
        nannied = cluster.start("worker", cluster.address, "--name", "eve")
        nannied.wait_for("registered")
        cluster.scheduler.wait_for("worker joined", times=3)
        before = [len(each.lines) for each in (cluster.scheduler, *cluster.workers, nannied)]
        with Client(cluster.address) as client:
            assert sum(client.gather(client.map(abs, range(-500, 0)))) == 125_250
            assert client.submit(fail, 1).exception(30) is not None
        cluster.scheduler.wait_for("client left")
        after = [len(each.lines) for each in (cluster.scheduler, *cluster.workers, nannied)]
        assert [b - a for a, b in zip(before, after, strict=True)] == [2, 0, 0, 0]
        processes = [cluster.scheduler, *cluster.workers, nannied]
    assert [line for each in processes for line in each.lines if " INFO " not in line] == []


@pytest.mark.parametrize("by", ["option", "environment"])
def test_lines_are_json(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--log-format", "json"] if by == "option" else []
    if by == "environment":
        monkeypatch.setenv("GD_LOG_FORMAT", "json")
    scheduler = GdProcess("scheduler", "--port", "0", *options)
    worker = None
    try:
        worker = GdProcess("worker", address_of(scheduler), "--name", "eve", *options)
        worker.wait_for('"registered"')
        scheduler.wait_for("worker joined")
    finally:
        if worker is not None:
            worker.close()
        scheduler.wait_for("worker left")
        scheduler.close()
    for process in (scheduler, worker):
        for line in lines_of(process):
            assert list(line)[:4] == ["time", "level", "logger", "message"]
    about = {line["message"]: line for line in lines_of(scheduler)}
    assert about["worker joined"]["worker"] == about["worker left"]["worker"] == "eve"
    own = [line for line in lines_of(worker) if line["logger"] == "gdistributed.worker"]
    assert {line["worker"] for line in own} == {"eve"}


def test_a_replay_logs_so_too(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    scheduler = GdProcess("scheduler", "--port", "0", "--event-log", str(log))
    address_of(scheduler)
    scheduler.close()
    replay = GdProcess("replay", str(log), "--no-dashboard", "--log-format", "json")
    replay.wait_for("a run is shown")
    replay.close()
    assert {line["level"] for line in lines_of(replay)} == {"INFO"}


def test_a_refused_worker_names_itself_and_the_cause(tmp_path: Path) -> None:
    with running_cluster(1) as cluster:
        words = ["worker", cluster.address, "--no-nanny", "--name", "ada", "--log-format", "json"]
        done = subprocess.run(
            [sys.executable, "-m", "gdistributed", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 1
        errors = [json.loads(line) for line in done.stderr.splitlines() if line[0] == "{"]
        (refused,) = [line for line in errors if line["level"] == "ERROR"]
        assert refused["message"] == "the scheduler refused this worker"
        assert refused["worker"] == "ada"
        assert "ada" in refused["cause"]
