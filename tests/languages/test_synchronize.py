"""The worker in shell that calls by Synchronize, with the real grpcurl, in real clusters."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from gdistributed import CancelledError, Client, TaskError, remote
from tests.processes import TIMEOUT_S, address_of, started
from tests.tools import ROOT, TOOLS, require
from tests.waiting import until

SCRIPT = ROOT / "workers/shell/synchronize.sh"
PAGE = ROOT / "docs/synchronize.md"

GRPCURL = require(TOOLS / "bin/grpcurl", "make test builds it (needs Go)")
require("jq", "install jq")

WORDS, TOTAL, SLEEP = (
    remote(name, runtime="sh") for name in ("text.words", "numbers.total", "sleep")
)
PATH = f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}"
LEASE = "3s"


def command_of(process: psutil.Process) -> str:
    """Return the command line of a process; of one that has just ended nothing."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


class ShellWorker:
    """The script as a process, with all that it has started."""

    def __init__(self, address: str, name: str, folder: Path, grace_s: int = 30) -> None:
        environment = os.environ | {"PATH": PATH, "LEASE": LEASE, "TMPDIR": str(folder)}
        environment["GRACE"] = str(grace_s)
        self.process = subprocess.Popen(["sh", str(SCRIPT), address, name], env=environment)

    def runs(self, command: str) -> bool:
        """Say whether it runs a command now."""
        return any(command_of(each) == command for each in self.descendants())

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        """End all of it at once, as when the machine loses its power."""
        for each in [psutil.Process(self.process.pid), *self.descendants()]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def address(processes: ExitStack) -> str:
    """A scheduler, and a Python worker, ada."""
    address = address_of(started(processes, "scheduler", "--port", "0"))
    options = ("worker", address, "--no-nanny", "--nthreads", "1", "--name", "ada")
    started(processes, *options).wait_for("registered")
    return address


@pytest.fixture
def client(processes: ExitStack, address: str) -> Client:
    return processes.enter_context(Client(address))


@pytest.fixture
def start(processes: ExitStack, client: Client, tmp_path: Path) -> Callable[[str], ShellWorker]:
    """Start a worker in shell, and wait until it is in the cluster."""

    def start(name: str) -> ShellWorker:
        worker = ShellWorker(client.scheduler_address, name, tmp_path)
        processes.callback(worker.close)
        until(lambda: name in names(client), f"{name} joins")
        return worker

    return start


def names(client: Client) -> set[str]:
    return {each["name"] for each in client.scheduler_info()["workers"].values()}


def test_it_is_small_and_the_page_shows_it() -> None:
    script = SCRIPT.read_text()
    assert len(script.splitlines()) < 50
    assert f"```shell\n{script}```" in PAGE.read_text()


def test_it_serves_named_functions_alone_and_between_python_tasks(
    client: Client, start: Callable[[str], ShellWorker]
) -> None:
    start("shelly")
    assert {each["name"] for each in client.functions() if each["runtime"] == "sh"} == {
        *("text.words", "numbers.total", "sleep")
    }
    text = "to be or not\nto be: 'ü' \\ \"$HOME\""
    words = client.submit(WORDS, text)
    counts = {"to": 2, "be": 1, "be:": 1, "or": 1, "not": 1, "'ü'": 1, "\\": 1, '"$HOME"': 1}
    assert words.result() == counts
    numbers = client.submit(lambda found: list(found.values()), words)
    total = client.submit(TOTAL, numbers)
    assert client.submit(lambda number: number + 1, total).result() == 10
    assert client.submit(SLEEP, 0).result() is None


def test_shell_and_go_use_what_the_other_returns(
    processes: ExitStack, client: Client, start: Callable[[str], ShellWorker]
) -> None:
    go_worker = require(ROOT / "build/gd-go-worker", "make test builds it (needs Go)")
    gopher = started(processes, client.scheduler_address, program=[go_worker])
    gopher.wait_for("registered")
    start("shelly")
    primes = client.submit(remote("primes.Sieve", runtime="go"), 50_000)  # fetched from Go
    assert client.submit(TOTAL, primes).result() == 121_013_308
    words = client.submit(WORDS, " ".join(map(str, range(5_000))))  # fetched by Go
    merged = client.submit(remote("wordcount.Merge", runtime="go"), words, words)
    assert merged.result() == {str(number): 2 for number in range(5_000)}


def test_an_error_is_what_the_command_said(
    client: Client, start: Callable[[str], ShellWorker]
) -> None:
    start("shelly")
    with pytest.raises(TaskError, match=r"sh: jq: error.*Cannot iterate over number"):
        client.submit(TOTAL, 7).result()
    assert client.submit(TOTAL, [7]).result() == 7


def test_another_one_finishes_when_it_is_killed(
    client: Client, start: Callable[[str], ShellWorker]
) -> None:
    ada = client.submit(sum, [1, 2])
    one = start("one")
    middle = client.submit(SLEEP, 2, key="middle", workers=["one"], allow_other_workers=True)
    end = client.submit(lambda slept, number: (slept, number), middle, ada)
    until(lambda: one.runs("sleep 2"), "the task runs")
    start("two")
    one.kill()
    assert end.result() == (None, 3)
    assert names(client) == {"ada", "two"}


def test_a_task_that_is_cancelled_is_ended(
    client: Client, start: Callable[[str], ShellWorker]
) -> None:
    shelly = start("shelly")
    future = client.submit(SLEEP, 1000)
    until(lambda: shelly.runs("sleep 1000"), "the task runs")
    future.cancel()
    until(lambda: not shelly.runs("sleep 1000"), "the task is ended")
    with pytest.raises(CancelledError):
        future.result()
    assert client.submit(TOTAL, [1, 2]).result() == 3


def test_it_goes_on_with_the_scheduler_that_comes_next(
    processes: ExitStack, tmp_path: Path
) -> None:
    first = started(processes, "scheduler", "--port", "0")
    address = address_of(first)
    shelly = ShellWorker(address, "shelly", tmp_path)
    processes.callback(shelly.close)
    with Client(address) as client:
        client.wait_for_workers(1)
        assert client.submit(TOTAL, [1, 2]).result() == 3
    first.send_signal(signal.SIGKILL)
    first.wait()
    port = address.partition(":")[2]
    started(processes, "scheduler", "--port", port).wait_for("listening")
    with Client(address) as client:
        client.wait_for_workers(1)
        assert client.submit(TOTAL, [3, 4]).result() == 7


def test_a_worker_that_nobody_says_goodbye_to_ends_after_a_while(
    processes: ExitStack, tmp_path: Path
) -> None:
    scheduler = started(processes, "scheduler", "--port", "0")
    shelly = ShellWorker(address_of(scheduler), "shelly", tmp_path, grace_s=1)
    processes.callback(shelly.close)
    scheduler.wait_for("worker joined")
    scheduler.send_signal(signal.SIGKILL)
    shelly.process.send_signal(signal.SIGTERM)
    assert shelly.process.wait(TIMEOUT_S) == 0


def test_a_worker_that_is_asked_to_end_leaves_its_results(
    client: Client, start: Callable[[str], ShellWorker]
) -> None:
    shelly = start("shelly")
    total = client.submit(TOTAL, [1, 2])
    assert total.result() == 3
    shelly.process.send_signal(signal.SIGTERM)
    assert shelly.process.wait(TIMEOUT_S) == 0
    assert names(client) == {"ada"}
    assert client.submit(lambda number: number + 1, total).result() == 4
