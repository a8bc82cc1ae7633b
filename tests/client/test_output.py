"""What tasks print and log: kept with them, and printed by clients that want it."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from pathlib import Path

import pytest

from gdistributed import AsyncClient, Client, LocalCluster
from gdistributed.errors import NotFound
from tests.client.functions import wait_for_file
from tests.waiting import until


def speak(name: str) -> str:
    print("hello", name)
    print("oh", name, file=sys.stderr)
    logging.getLogger("mine").warning("look at %s", name)
    logging.getLogger("mine").info("not at this")
    return name


def speak_and_fail() -> None:
    print("last words")
    raise ValueError("no")


async def speak_in_steps(name: str) -> None:
    for step in range(3):
        print(name, step)
        await asyncio.sleep(0.01)


def speak_and_wait(gate: str) -> None:
    print("begun", flush=True)
    wait_for_file(gate)
    print("over")


def count_up(name: str, gate: str) -> None:
    Path(f"{gate}-{name}").touch()
    wait_for_file(gate)
    for step in range(300):
        print(name, step)
        if step % 100 == 0:
            time.sleep(0.001)  # the other one's turn


def print_much(nbytes: int) -> float:
    line, begun = "x" * 99, time.perf_counter()
    print("first")
    for _ in range(nbytes // 100):
        print(line)
    print("last")
    return time.perf_counter() - begun


def text_of(client: Client, key: str, stream: str = "stdout") -> str:
    parts = client.get_task_output(key)
    return "".join(part["text"] for part in parts if part["stream"] == stream)


def test_what_a_task_has_said_is_there_with_its_result(client: Client) -> None:
    future = client.submit(speak, "ada", key="speak")
    future.result()
    parts = client.get_task_output(future)
    assert [(part["stream"], part["text"]) for part in parts] == [
        ("stdout", "hello ada\n"),
        ("stderr", "oh ada\n"),
        ("log", "WARNING mine: look at ada\n"),
    ]
    workers = {worker["name"] for worker in client.scheduler_info()["workers"].values()}
    assert {part["worker"] for part in parts} <= workers
    assert len({part["attempt"] for part in parts}) == 1
    assert {part["left_out"] for part in parts} == {0}


def test_a_task_that_failed_has_said_something_too(client: Client) -> None:
    future = client.submit(speak_and_fail, key="speak-and-fail")
    with pytest.raises(ValueError, match="no"):
        future.result()
    assert text_of(client, future.key) == "last words\n"


def test_what_is_said_in_a_coroutine_is_noted(client: Client) -> None:
    futures = [client.submit(speak_in_steps, name, key=f"steps-{name}") for name in "ab"]
    client.gather(futures)
    for name in "ab":
        assert text_of(client, f"steps-{name}") == "".join(f"{name} {step}\n" for step in range(3))


def test_a_task_that_runs_has_said_something_already(client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    future = client.submit(speak_and_wait, str(gate), key="speak-and-wait")
    until(lambda: text_of(client, future.key) == "begun\n")
    gate.touch()
    future.result()
    assert text_of(client, future.key) == "begun\nover\n"


def test_a_task_that_says_nothing_and_one_that_nobody_knows(client: Client) -> None:
    client.submit(abs, -1, key="silent").result()
    future = client.submit(abs, -2, key="silent-2")
    future.result()
    assert client.get_task_output(future) == []
    with pytest.raises(NotFound):
        client.get_task_output("never-heard-of")


def test_much_is_bounded_and_does_not_slow_the_task_down(client: Client) -> None:
    future = client.submit(print_much, 10_000_000, key="much")
    assert future.result() < 10
    parts = client.get_task_output(future)
    text = "".join(part["text"] for part in parts)
    assert len(text) < 100_000
    assert text.startswith("first\nxxx")
    assert text.endswith("xxx\nlast\n")
    assert len(text) + sum(part["left_out"] for part in parts) == 10_000_000 + 11


def test_tasks_side_by_side_are_not_mixed_up(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with LocalCluster(n_workers=1, threads_per_worker=2) as cluster, Client(cluster) as client:
        futures = [client.submit(count_up, name, str(gate), key=name) for name in "ab"]
        until(lambda: all(Path(f"{gate}-{name}").exists() for name in "ab"))
        gate.touch()
        client.gather(futures)
        for name in "ab":
            assert text_of(client, name) == "".join(f"{name} {step}\n" for step in range(300))


def test_a_client_prints_what_its_tasks_say(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(address, forward_output=True) as client:
        future = client.submit(speak, "bob", key="forwarded")
        client.submit(str, future).result()
        with Client(address, set_as_default=False) as other:
            other.submit(speak, "eve", key="of-another-client").result()
        client.forward_output(False)
        client.submit(speak, "cyd", key="not-forwarded").result()
    # The workers of a local cluster write to this terminal, too.
    out, err = (
        [line for line in text.splitlines() if line.startswith("(")] for text in capsys.readouterr()
    )
    (line,) = out
    assert line.startswith("(forwarded on ")
    assert line.endswith(") hello bob")
    assert [line.partition(") ")[2] for line in err] == ["oh bob", "WARNING mine: look at bob"]


async def test_it_is_the_same_without_threads(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AsyncClient(address, forward_output=True) as client:
        future = client.submit(speak, "dan", key="asynchronous")
        await future
        assert len(await client.get_task_output(future)) == 3
    assert ") hello dan" in capsys.readouterr().out


def test_workers_in_this_process_leave_its_streams_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sys.stdout
    with LocalCluster(n_workers=1, processes=False) as cluster, Client(cluster) as client:
        future = client.submit(speak, "eve", key="in-process")
        future.result()
        assert sys.stdout is before
        assert client.get_task_output(future) == []
    assert capsys.readouterr().out == "hello eve\n"


class Parrot:
    """An actor that says something when it is called."""

    def __init__(self) -> None:
        print("hatched")

    def speak(self, word: str) -> None:
        print(word)


def test_what_the_methods_of_an_actor_say_is_kept_under_its_key(client: Client) -> None:
    parrot = client.submit(Parrot, actor=True, key="parrot").result()
    parrot.speak("polly").result()
    until(lambda: text_of(client, "parrot") == "hatched\npolly\n")
    assert [part["attempt"] > 0 for part in client.get_task_output("parrot")] == [True, False]
