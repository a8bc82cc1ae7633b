"""What tasks print, through deaths and breaks, and as a person sees it: real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gdistributed import Client
from tests.client.functions import wait_for_file
from tests.cluster.nursery import Nursery
from tests.cluster.proxy import proxy_to
from tests.processes import Cluster
from tests.waiting import until


def speak_and_die(flag: str) -> str:
    """Die when it is called first, after something was heard of it."""
    if Path(flag).exists():
        print("alive")
        return "alive"
    Path(flag).touch()
    print("dying", flush=True)
    wait_for_file(f"{flag}-heard")
    os.kill(os.getpid(), signal.SIGKILL)
    return "dead"


def speak_step_by_step(gate: str) -> None:
    for step in range(3):
        print("step", step, flush=True)
        wait_for_file(f"{gate}-{step}")


def texts(client: Client, key: str) -> list[str]:
    return [part["text"] for part in client.get_task_output(key)]


def gd(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gdistributed", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_what_was_said_before_the_worker_died_is_there(nursery: Nursery, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    nursery.worker()
    with Client(nursery.address) as client:
        future = client.submit(speak_and_die, str(flag), key="dies")
        until(lambda: flag.exists() and texts(client, "dies") == ["dying\n"])
        Path(f"{flag}-heard").touch()
        assert future.result(60) == "alive"
        assert texts(client, "dies") == ["dying\n", "alive\n"]
        assert len({part["attempt"] for part in client.get_task_output("dies")}) == 2


def test_after_a_break_nothing_is_printed_twice(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, shown = tmp_path / "gate", ""
    with proxy_to(cluster.address) as proxy, Client(proxy.address, forward_output=True) as client:

        def has_shown(text: str) -> bool:
            nonlocal shown
            shown += capsys.readouterr().out
            return text in shown

        future = client.submit(speak_step_by_step, str(gate), key="steps")
        until(lambda: has_shown("step 0"))
        proxy.cut()
        cluster.scheduler.wait_for("client resumed")
        Path(f"{gate}-0").touch()
        until(lambda: has_shown("step 1"))
        Path(f"{gate}-1").touch()
        Path(f"{gate}-2").touch()
        future.result()
    assert has_shown("step 2")
    assert [line.partition(") ")[2] for line in shown.splitlines()] == [
        "step 0",
        "step 1",
        "step 2",
    ]


def test_gd_output_shows_it(cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        client.submit(print, "hello", key="for-people").result()
    shown = gd("output", "for-people", "--address", cluster.address)
    assert shown.stdout == "hello\n"
    parts = gd("output", "for-people", "--address", cluster.address, "--json").stdout
    (part,) = map(json.loads, parts.splitlines())
    assert (part["stream"], part["text"], part["left_out"]) == ("stdout", "hello\n", 0)
    assert part["worker"] in ("ada", "bob")
    unknown = gd("output", "nobody", "--address", cluster.address)
    assert unknown.returncode == 1
    assert "nobody" in unknown.stderr
