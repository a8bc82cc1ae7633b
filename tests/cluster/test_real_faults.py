"""Real faults of real processes: killed, stopped, hung. Results are right, nobody waits in vain.

Poison tasks and memory limits are in test_nanny.py, cuts of the network in test_partitions.py.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dask.array
import pytest

from gdistributed import Client
from gdistributed.errors import DataLost
from gdistributed.runtime.context import current_task
from tests.client.functions import add, append_line, inc, wait_for_file
from tests.cluster.nursery import Nursery, worker_process
from tests.processes import GdProcess
from tests.waiting import until

StartNursery = Callable[..., Nursery]
KILLS = 20
SEED = 20_261_121


class Killer(threading.Thread):
    """Kills a random worker so many times, as soon as it has registered and lived a little."""

    def __init__(self, commands: list[GdProcess], seed: int) -> None:
        super().__init__(daemon=True)
        self.killed: list[str] = []
        self._commands = commands
        self._random = random.Random(seed)
        self._registered = dict.fromkeys(range(len(commands)), 1)

    def run(self) -> None:
        for _ in range(KILLS):
            time.sleep(self._random.uniform(0.05, 0.5))
            number = self._random.randrange(len(self._commands))
            command = self._commands[number]
            command.wait_for("registered", times=self._registered[number])
            worker_process(command).kill()
            self._registered[number] += 1
            self.killed.append(command.arguments[-1])


def slowly(block: object) -> object:
    time.sleep(0.02)
    return block


def compute_array(client: Client) -> float:
    numbers = dask.array.arange(2_000_000, chunks=50_000).map_blocks(slowly)
    return float((numbers + numbers[::-1]).sum().compute())


def slow_inc(x: int, round: int) -> int:
    time.sleep(0.02)
    return x + 1


def compute_tree(client: Client, round: int) -> int:
    level = client.map(slow_inc, range(128), [round] * 128)
    while len(level) > 1:
        level = client.map(add, level[::2], level[1::2])
    return int(level[0].result(90))


@pytest.mark.timeout(400)
def test_results_are_right_while_random_workers_are_killed(start_nursery: StartNursery) -> None:
    nursery = start_nursery("--allowed-failures", "20")
    commands = list(nursery.workers("ada", "bob", "cyd").values())
    killer = Killer(commands, SEED)
    rounds = 0
    with Client(nursery.address) as client:
        killer.start()
        while killer.is_alive():
            assert compute_array(client) == 1_999_999 * 2_000_000
            assert compute_tree(client, rounds) == 128 * 127 // 2 + 128
            rounds += 1
        assert compute_array(client) == 1_999_999 * 2_000_000
    assert len(killer.killed) == KILLS
    assert len(set(killer.killed)) == 3
    assert rounds >= 1


def worker_name() -> str:
    task = current_task()
    assert task is not None
    return task.worker_name


def note_and_wait(log: str, gate: str) -> str:
    name = worker_name()
    append_line(log, name)
    wait_for_file(gate)
    return name


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_late_reports_of_a_worker_that_was_stopped_past_its_grace_change_nothing(
    start_nursery: StartNursery, tmp_path: Path
) -> None:
    nursery = start_nursery("--grace", "2s")
    log, gate = tmp_path / "log", tmp_path / "gate"
    ada = nursery.worker("--name", "ada")
    with Client(nursery.address) as client:
        kept = client.submit(bytes, 100_000, workers=["ada"])
        kept.result(30)
        future = client.submit(note_and_wait, str(log), str(gate))
        until(lambda: lines(log) == ["ada"])
        stopped = worker_process(ada)
        stopped.suspend()
        try:
            nursery.worker("--name", "bob")
            until(lambda: lines(log) == ["ada", "bob"])
            gate.touch()
            assert future.result(30) == "bob"
        finally:
            stopped.resume()
        ada.wait_for("registered", times=2)
        assert stopped.is_running()  # the same process: nobody had to end it
        after = client.submit(inc, 1, workers=["ada"])  # runs behind the late one
        assert after.result(30) == 2
        assert future.result(30) == "bob"
        assert lines(log) == ["ada", "bob"]
        assert kept.status == "pending" or len(kept.result(30)) == 100_000
    nursery.scheduler.wait_for("worker left.*was not heard of")


def hold_the_lock(log: str, seconds: int) -> str:
    """Sleep without giving the interpreter lock away: no Python thread of the worker can run."""
    append_line(log, "ran")
    ctypes.PyDLL(None).sleep(seconds)
    return "held"


def test_a_task_that_holds_the_interpreter_lock_does_not_lose_its_worker(
    nursery: Nursery, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    ada = nursery.worker("--name", "ada")
    nursery.worker("--name", "bob")
    process = worker_process(ada)
    with Client(nursery.address) as client:
        holding = client.submit(hold_the_lock, str(log), 20, workers=["ada"])
        until(lambda: lines(log) == ["ran"])
        assert client.gather(client.map(inc, range(50))) == list(range(1, 51))
        assert holding.result(60) == "held"
        assert client.submit(inc, 1, workers=["ada"]).result(30) == 2
    assert lines(log) == ["ran"]
    assert process.is_running()
    assert "worker left" not in nursery.scheduler.log
    assert "broke" not in nursery.scheduler.log


def large(log: str) -> bytes:
    append_line(log, worker_name())
    return b"x" * 1_000_000


def test_the_only_copy_of_an_intermediate_is_computed_again(
    nursery: Nursery, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    commands = nursery.workers("ada", "bob")
    with Client(nursery.address) as client:
        data = client.submit(large, str(log))
        until(lambda: data.done())
        [holder] = lines(log)
        worker_process(commands[holder]).kill()
        assert client.submit(len, data).result(60) == 1_000_000
        assert len(data.result(30)) == 1_000_000
    assert len(lines(log)) == 2


def test_scattered_data_that_is_lost_is_named(nursery: Nursery) -> None:
    commands = nursery.workers("ada", "bob")
    with Client(nursery.address) as client:
        data = client.scatter(b"x" * 100_000, workers=["ada"])
        worker_process(commands["ada"]).kill()
        nursery.scheduler.wait_for("worker left")
        with pytest.raises(DataLost, match=r"bytes-.*was put on the cluster by a client"):
            client.submit(sum, data, workers=["bob"]).result(30)


@pytest.mark.parametrize("with_nanny", ["--nanny", "--no-nanny"])
def test_a_killed_worker_is_known_at_once(
    start_nursery: StartNursery, tmp_path: Path, with_nanny: str
) -> None:
    nursery = start_nursery("--grace", "10m")  # longer than any test waits
    log, gate = tmp_path / "log", tmp_path / "gate"
    command = nursery.worker("--name", "ada", with_nanny)
    with Client(nursery.address) as client:
        future = client.submit(note_and_wait, str(log), str(gate))
        until(lambda: lines(log) == ["ada"])
        pid = worker_process(command).pid if with_nanny == "--nanny" else command.pid
        nursery.worker("--name", "bob")
        os.kill(pid, signal.SIGKILL)
        nursery.scheduler.wait_for("worker left")
        gate.touch()
        assert future.result(60) in ("ada", "bob")


LEFT_ALONE = """
import sys
from gdistributed import Client
from tests.client.functions import inc, wait_for_file

client = Client(sys.argv[1])
done = client.submit(inc, 1, key="done")
done.result(30)
running = client.submit(wait_for_file, sys.argv[2], key="running")
print("submitted", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_client_wanted_is_released_after_its_grace(
    start_nursery: StartNursery, tmp_path: Path
) -> None:
    nursery = start_nursery("--grace", "4s")
    nursery.workers("ada", "bob")
    gate = tmp_path / "gate"
    root = Path(__file__).resolve().parent.parent.parent
    doomed = subprocess.Popen(
        [sys.executable, "-c", LEFT_ALONE, nursery.address, str(gate)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    try:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "submitted\n"
        with Client(nursery.address) as client:
            assert "done" in client.who_has()
            doomed.kill()
            nursery.scheduler.wait_for("the stream of a client broke")
            assert "done" in client.who_has()  # it might come back
            until(lambda: "done" not in client.who_has())
            until(lambda: not any(processing(client)))
    finally:
        gate.touch()
        doomed.kill()
        doomed.communicate()


def processing(client: Client) -> list[int]:
    return [worker["processing"] for worker in client.scheduler_info()["workers"].values()]
