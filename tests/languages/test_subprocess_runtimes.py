"""Functions of another language, run by processes below a worker."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dask
import pytest

from gdistributed import Client, TaskError, remote
from gdistributed.errors import (
    CodecUnsupported,
    ProcessEnded,
    SerializationError,
    TaskTimeout,
    UnknownFunction,
    UnpicklableArgument,
)
from tests.processes import address_of, started

ADAPTER = Path(__file__).with_name("adapter.py")
TIMEOUT_S = 20.0


def toy(name: str) -> object:
    return remote(name, runtime="toy")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler, a worker that runs a made-up language, and one that runs only Python."""
    with ExitStack() as processes:
        scheduler = started(processes, "scheduler", "--port", "0")
        address = address_of(scheduler)
        command = f"toy={sys.executable} {ADAPTER}"
        toys = started(processes, "worker", address, "--nthreads", "2", "--runtime", command)
        plain = started(processes, "worker", address, "--no-nanny", "--nthreads", "1")
        toys.wait_for("registered")
        plain.wait_for("registered")
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


@pytest.mark.parametrize(
    "value",
    [None, True, 7, -0.5, "text", "zwei Zeilen\nund ü", [], [1, [2, {"a": None}]], {"a": "b"}],
    ids=repr,
)
def test_plain_values_go_there_and_back(client: Client, value: object) -> None:
    assert client.submit(toy("echo"), value).result() == value


def test_bytes_go_as_an_attachment(client: Client) -> None:
    data = bytes(range(256)) * 10_000
    assert client.submit(toy("echo"), data).result() == data
    assert client.submit(toy("echo"), client.submit(bytes, 1000)).result() == bytes(1000)


def test_arguments_have_names_and_results_in_them(client: Client) -> None:
    four = client.submit(abs, -4)
    named = client.submit(toy("named"), a=four, b=[1, four, {"c": four}])
    assert named.result() == {"a": 4, "b": [1, 4, {"c": 4}]}


def test_a_map_and_a_graph_go_through_it(client: Client) -> None:
    assert client.gather(client.map(toy("echo"), range(50))) == list(range(50))
    echo = dask.delayed(toy("echo"))
    assert dask.delayed(sum)([echo(1), echo(dask.delayed(abs)(-2))]).compute() == 3


def test_there_are_as_many_processes_as_threads_and_they_are_kept(client: Client) -> None:
    pids = client.gather(client.map(toy("pid"), range(40), pure=False))
    assert 1 <= len(set(pids)) <= 2


def test_its_functions_are_listed(client: Client) -> None:
    echo = next(each for each in client.functions("toy") if each["name"] == "echo")
    assert echo["description"] == "Give back what came."
    assert echo["accepts"] == ["raw", "json"]


def test_a_wrong_name_is_refused_with_near_ones(client: Client) -> None:
    with pytest.raises(UnknownFunction, match=r"'eco' in the runtime 'toy'.* near names: 'echo'"):
        client.submit(toy("eco"), 1).result()


def test_an_error_comes_as_that_language_tells_it(client: Client) -> None:
    with pytest.raises(TaskError, match=r"^Condition: too wet") as raised:
        client.submit(toy("fail")).result()
    error = raised.value
    assert (error.type_name, error.runtime) == ("Condition", "toy")
    assert error.traceback_text == "in rain(1)\nin sky(2)"
    notes = "\n".join(error.__notes__)
    assert "Raised in task 'fail-" in notes
    assert "in rain(1)" in notes


def test_an_error_goes_on_to_dependents(client: Client) -> None:
    with pytest.raises(TaskError, match="too wet"):
        client.submit(abs, client.submit(toy("fail"))).result()


def test_actors_are_of_python(client: Client) -> None:
    with pytest.raises(SerializationError, match="actors are instances of Python classes"):
        client.submit(toy("echo"), actor=True).result()


def test_what_no_codec_says_names_both_lists(client: Client) -> None:
    unsayable = client.submit(lambda: {1j})
    with pytest.raises(CodecUnsupported) as raised:
        client.submit(toy("named"), a=unsayable).result()
    assert "type set cannot be encoded" in str(raised.value)
    assert "asked for: null, text, json; it can be had in python/pickle5" in str(raised.value)
    with pytest.raises(UnpicklableArgument, match=r"argument 0: .*complex"):
        client.submit(toy("echo"), 1j)


def test_a_process_that_dies_takes_its_task_and_no_other(client: Client) -> None:
    with pytest.raises(ProcessEnded, match=r"exit code 7 while it ran 'die'") as raised:
        client.submit(toy("die"), pure=False).result()
    assert "the last words" in str(raised.value)
    assert client.submit(toy("echo"), "again").result() == "again"


def test_what_is_no_message_is_shown(client: Client) -> None:
    with pytest.raises(ProcessEnded, match=r"wrote 'hello, people' to its standard output"):
        client.submit(toy("chatter")).result()
    assert client.submit(toy("echo"), "after chatter").result() == "after chatter"


def number_of_process(file: Path) -> int:
    """Wait until a process has written its number, and return that."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline, "the process never began"
        time.sleep(0.01)
    return int(file.read_text())


def has_ended(process_id: int) -> bool:
    """Wait until a process is gone; False when it stays."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_to_cancel_a_task_is_to_kill_its_process(client: Client, tmp_path: Path) -> None:
    future = client.submit(toy("hang"), str(tmp_path / "pid"))
    process_id = number_of_process(tmp_path / "pid")
    future.cancel()
    assert has_ended(process_id)
    assert client.submit(toy("echo"), "cancelled").result() == "cancelled"


def test_a_task_that_takes_too_long_is_killed(client: Client, tmp_path: Path) -> None:
    future = client.submit(toy("hang"), str(tmp_path / "pid"), timeout=1.0)
    with pytest.raises(TaskTimeout):
        future.result()
    assert has_ended(number_of_process(tmp_path / "pid"))


def test_a_process_ends_with_its_worker_even_a_killed_one() -> None:
    with ExitStack() as processes:
        address = address_of(started(processes, "scheduler", "--port", "0"))
        command = f"toy={sys.executable} {ADAPTER}"
        options = ("--no-nanny", "--nthreads", "1", "--runtime", command)
        worker = started(processes, "worker", address, *options)
        worker.wait_for("registered")
        with Client(address) as client:
            process_id = client.submit(toy("pid")).result()
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            assert has_ended(process_id)


def test_a_worker_whose_language_does_not_start_does_not_either() -> None:
    with ExitStack() as processes:
        command = ("--no-nanny", "--runtime", "toy=sh -c 'echo too early >&2; exit 3'")
        worker = started(processes, "worker", "127.0.0.1:1", *command)
        worker.wait_for("exit code 3 before its hello")
        assert worker.wait() == 1
        assert "too early" in worker.log
