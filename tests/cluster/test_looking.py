"""A person at a terminal looks into a real cluster: real processes, real terminals."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gdistributed import Client, Future, wait
from tests.cluster.test_cli import run
from tests.ports import free_port
from tests.processes import GD, Cluster, GdProcess
from tests.terminals import Terminal
from tests.waiting import until

Start = Callable[..., GdProcess]


def nap(number: int) -> int:
    time.sleep(0.05)
    return number


def fail(number: int) -> int:
    raise ValueError(f"{number} is one too many")


@pytest.fixture(scope="module")
def work(cluster: Cluster) -> Iterator[dict[str, Future]]:
    """Tasks in several states: naps in memory, failed ones, one that no worker may run."""
    with Client(cluster.address) as client:
        naps = {f"nap-{number}": number for number in range(3)}
        futures = {key: client.submit(nap, number, key=key) for key, number in naps.items()}
        futures["fail-1"] = client.submit(fail, 1, key="fail-1")
        wait(list(futures.values()))
        futures["lonely"] = client.submit(nap, 9, key="lonely", resources={"GPU": 1})
        until(lambda: "no_worker" in run("tasks", cluster.address).stdout, "a task without worker")
        yield futures


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("work")
def test_tasks_are_listed_and_filtered(cluster: Cluster) -> None:
    shown = run("tasks", cluster.address, COLUMNS="80").stdout
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert all(key in shown for key in ("nap-0", "nap-2", "fail-1", "lonely"))
    assert "ValueError: 1 is one too many" in " ".join(shown.split())
    erred = run("tasks", cluster.address, "--state", "erred", "--json")
    (task,) = objects(erred.stdout)
    assert (task["key"], task["state"]) == ("fail-1", "TASK_STATE_ERRED")
    assert task["error"]["message"] == "1 is one too many"
    words = ("--state", "memory", "--state", "erred", "--prefix", "nap", "--key", "-1")
    named = run("tasks", "--json", *words, GD_ADDRESS=cluster.address)
    assert [each["key"] for each in objects(named.stdout)] == ["nap-1"]
    assert "--limit shows more" in run("tasks", cluster.address, "--limit", "2").stdout
    assert run("tasks", cluster.address, "--key", "nobody").stdout == "No tasks.\n"
    assert run("tasks", cluster.address, "--key", "nobody", "--json").stdout == ""


@pytest.mark.usefixtures("work")
def test_one_task_is_explained_and_its_story_told(cluster: Cluster) -> None:
    told = run("story", "nap-1", "--address", cluster.address).stdout
    assert "memory" in told.splitlines()[-1]
    lines = objects(run("story", "nap-1", "--address", cluster.address, "--json").stdout)
    assert [line["text"] for line in lines] == [line[25:] for line in told.splitlines()]
    assert "GPU" in run("explain", "lonely", GD_ADDRESS=cluster.address).stdout
    (answer,) = objects(run("explain", "lonely", "--json", GD_ADDRESS=cluster.address).stdout)
    assert answer["state"] == "TASK_STATE_NO_WORKER"
    for command in ("story", "explain"):
        done = run(command, "nobody", "--address", cluster.address, "--json")
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1


def sizes(terminal: Terminal) -> list[int]:
    return [len(line) for line in terminal.screen.splitlines()]


def test_status_is_one_object(cluster: Cluster) -> None:
    (status,) = objects(run("status", cluster.address, "--json").stdout)
    assert status["summary"]["workers"] == 2
    assert {worker["name"] for worker in status["workers"]} == {"ada", "bob"}
    assert status["workers"][0]["metrics"]["spilled_nbytes"] == "0"


def test_the_address_is_given_in_one_way(cluster: Cluster) -> None:
    both = run("status", cluster.address, "--address", cluster.address)
    assert both.returncode == 2
    assert "give the address once" in both.stderr
    assert run("status", cluster.address, GD_ADDRESS="127.0.0.1:1").returncode == 0
    assert run("top", "--once", "--address", cluster.address).returncode == 0


def test_logs_of_several_servers_come_in_the_order_of_time(cluster: Cluster) -> None:
    own = run("logs", "--address", cluster.address).stdout.splitlines()
    assert "listening" in own[0]
    assert sum("worker joined" in line for line in own) == 2
    (line,) = objects(run("logs", "ada", "-n", "1", "--json", GD_ADDRESS=cluster.address).stdout)
    assert (line["server"], line["level"]) == ("ada", "INFO")
    assert line["fields"]["worker"] == "ada"
    lines = objects(run("logs", "--all", "--json", GD_ADDRESS=cluster.address).stdout)
    assert [each["time"] for each in lines] == sorted(each["time"] for each in lines)
    assert {each["server"] for each in lines} == {"scheduler", "ada", "bob"}
    assert run("logs", "--all", "--level", "error", GD_ADDRESS=cluster.address).stdout == ""
    unknown = run("logs", "zoe", GD_ADDRESS=cluster.address)
    assert unknown.returncode == 1
    assert "ada" in unknown.stderr


def test_logs_are_followed_until_ctrl_c(cluster: Cluster) -> None:
    command = [*GD, "logs", "-n", "1", "--follow", "--address", cluster.address]
    with Terminal(command, width=200) as terminal:
        until(lambda: terminal.text, "the last line")
        with Client(cluster.address, name="visitor"):
            until(lambda: "client=visitor" in terminal.text, "a new line")
        until(lambda: "client left" in terminal.text, "another new line")
        assert terminal.text.count("client joined  client=visitor") == 1
        terminal.press("\x03")
        assert terminal.wait() == 128 + signal.SIGINT
        assert "Traceback" not in terminal.text


@pytest.mark.usefixtures("work")
def test_top_prints_one_picture_where_there_is_no_terminal(cluster: Cluster) -> None:
    done = run("top", cluster.address, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert all(word in done.stdout for word in ("ada", "bob", "nap", "fail", cluster.address))
    assert "\x1b" not in done.stdout
    (picture,) = objects(run("top", cluster.address, "--json").stdout)
    assert {each["prefix"] for each in picture["prefixes"]} >= {"nap", "fail"}
    assert picture["summary"]["tasks"]["erred"] == "1"
    assert {each["name"] for each in picture["workers"]} == {"ada", "bob"}
    assert "cpu_percent" in picture["load"]


@pytest.mark.usefixtures("work")
def test_top_draws_a_screen_that_fits_and_takes_keys(cluster: Cluster) -> None:
    with Terminal([*GD, "top", cluster.address, "--interval", "0.1"]) as terminal:
        terminal.wait_for("ada")
        terminal.wait_for("[n]ame: cpu")
        until(lambda: sizes(terminal) == [80] * 24, "a screen that is full, and not more")
        terminal.press("n")
        terminal.wait_for("[n]ame: name")
        terminal.resize(120, 30)
        until(lambda: sizes(terminal) == [120] * 30, "a screen of the new size")
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.text.rstrip().endswith("\x1b[?1049l")  # as it was before


def test_top_waits_for_a_scheduler_that_goes_and_ends_by_ctrl_c(gd: Start) -> None:
    port = str(free_port())
    scheduler = gd("scheduler", "--port", port)
    scheduler.wait_for("listening")
    with Terminal([*GD, "top", f"127.0.0.1:{port}", "--interval", "0.1"]) as terminal:
        terminal.wait_for("No workers")
        scheduler.send_signal(signal.SIGTERM)
        assert scheduler.wait() == 0
        terminal.wait_for("The scheduler is away")
        gd("scheduler", "--port", port).wait_for("listening")
        until(lambda: "away" not in terminal.screen, "the scheduler to be there again")
        terminal.press("\x03")
        assert terminal.wait() == 128 + signal.SIGINT
        assert "Traceback" not in terminal.text


def test_top_of_nobody_is_one_line() -> None:
    done = run("top", f"127.0.0.1:{free_port()}", "--timeout", "0.5")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
