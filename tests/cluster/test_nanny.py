"""Nannies as a person meets them: `gd worker` and `LocalCluster`, real deaths, real limits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from gdistributed import Client, Worker
from gdistributed.errors import KilledWorker
from tests.client.functions import inc, wait_for_file
from tests.cluster.nursery import Nursery, worker_process
from tests.processes import TIMEOUT_S


def test_a_worker_that_is_killed_is_replaced_and_the_computation_goes_on(
    nursery: Nursery, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    command = nursery.worker("--name", "ada")
    with Client(nursery.address) as client:
        first = client.map(inc, range(10))
        last = client.submit(sum, first)
        assert last.result(30) == 55
        waiting = client.submit(wait_for_file, str(gate))
        worker_process(command).kill()
        gate.touch()
        command.wait_for("registered", times=2)
        assert waiting.result(60) == str(gate)
        assert sum(client.gather(first)) == 55
    nursery.scheduler.wait_for("worker left.*signal 9")
    assert "refuses connections" not in nursery.scheduler.log  # the nanny was quicker


def settings_of(dask_worker: Worker) -> tuple[object, ...]:
    settings = dask_worker.settings
    return settings.compression, settings.shared_memory, dask_worker.max_spill_nbytes


def test_what_a_command_says_of_its_worker_reaches_it_through_the_nanny(nursery: Nursery) -> None:
    nursery.worker("--compression", "none", "--no-shared-memory", "--max-spill", "1MiB")
    with Client(nursery.address) as client:
        assert list(client.run(settings_of).values()) == [("none", False, 1 << 20)]


def grow_once(flag: str, nbytes: int) -> str:
    """Use too much memory, but not when tried again."""
    if Path(flag).exists():
        return "modest"
    Path(flag).touch()
    print("growing", flush=True)
    kept = bytearray(nbytes)
    kept[::4096] = b"x" * len(kept[::4096])
    time.sleep(60)
    return f"greedy {len(kept)}"


def test_a_worker_at_its_memory_limit_is_replaced_and_the_computation_goes_on(
    nursery: Nursery, tmp_path: Path
) -> None:
    command = nursery.worker("--name", "ada", "--memory-limit", "300MiB")
    with Client(nursery.address) as client:
        beside = client.submit(inc, 1)
        assert beside.result(30) == 2
        grown = client.submit(grow_once, str(tmp_path / "flag"), 400 << 20)
        assert grown.result(60) == "modest"
        assert beside.result(30) == 2
    command.wait_for("memory limit: killing the worker")
    nursery.scheduler.wait_for("worker left.*its nanny ended it at its memory limit")


def last_words() -> None:
    print("these are my last words", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_poison_task_errs_with_how_each_worker_died_and_what_it_said(nursery: Nursery) -> None:
    for name in ("ada", "bob"):
        nursery.worker("--name", name)
    with Client(nursery.address) as client:
        innocent = client.map(inc, range(20))
        poison = client.submit(last_words)
        more = client.map(inc, range(100, 120))
        with pytest.raises(KilledWorker) as caught:
            poison.result(90)
        assert client.gather(innocent) == list(range(1, 21))
        assert client.gather(more) == list(range(101, 121))
    said = str(caught.value)
    assert said.count("signal 9 (SIGKILL)") == 3
    assert said.count("these are my last words") == 3
    assert said.count("MiB of memory at most") == 3


def exit_oddly() -> None:
    os._exit(0)


def test_a_task_that_ends_its_process_with_code_0_is_a_death_all_the_same(
    nursery: Nursery,
) -> None:
    command = nursery.worker("--name", "ada")
    with Client(nursery.address) as client:
        with pytest.raises(KilledWorker, match="exit code 0"):
            client.submit(exit_oddly).result(90)
        assert client.submit(inc, 1).result(30) == 2
    command.wait_for("registered", times=4)


def test_a_worker_ends_when_its_nanny_is_killed(nursery: Nursery) -> None:
    command = nursery.worker("--name", "ada")
    worker = worker_process(command)
    command.send_signal(signal.SIGKILL)
    assert psutil.wait_procs([worker], timeout=TIMEOUT_S)[1] == []
    nursery.scheduler.wait_for("worker left")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_workers_of_a_command(nursery: Nursery, number: int) -> None:
    command = nursery.worker("--nworkers", "2", "--name", "twin")
    command.wait_for("registered", times=2)
    workers = psutil.Process(command.pid).children()
    assert len(workers) == 2
    command.send_signal(number)
    assert command.wait() == 0
    assert not any(worker.is_running() for worker in workers)
    assert "Traceback" not in command.log


def test_a_nanny_ends_with_a_worker_that_is_retired(nursery: Nursery) -> None:
    commands = [nursery.worker("--name", name) for name in ("ada", "bob")]
    with Client(nursery.address) as client:
        future = client.submit(inc, 1, workers=["ada"], allow_other_workers=True)
        assert future.result(30) == 2
        client.retire_workers(["ada"])
        assert commands[0].wait() == 0
        assert future.result(30) == 2
    assert worker_process(commands[1]).is_running()


def test_a_lifetime_ends_a_worker_without_a_loss(nursery: Nursery) -> None:
    nursery.worker("--name", "bob")
    with Client(nursery.address) as client:
        short = nursery.worker("--name", "ada", "--lifetime", "1s")
        data = client.scatter(list(range(8)))
        assert short.wait() == 0
        assert client.gather(data) == list(range(8))
    nursery.scheduler.wait_for("worker left.*retired")


def test_another_worker_follows_when_a_lifetime_is_over(nursery: Nursery) -> None:
    options = ("--lifetime=300ms", "--lifetime-stagger=100ms", "--lifetime-restart")
    command = nursery.worker("--name", "ada", *options)
    command.wait_for("registered", times=3)
    assert "WARNING" not in command.log
    assert "left.*signal" not in nursery.scheduler.log


def test_a_lifetime_ends_a_worker_without_a_nanny_too(nursery: Nursery) -> None:
    command = nursery.worker("--no-nanny", "--lifetime", "300ms")
    assert command.wait() == 0


def test_a_worker_whose_name_is_taken_is_not_started_for_ever(nursery: Nursery) -> None:
    nursery.worker("--name", "ada")
    done = subprocess.run(
        [sys.executable, "-m", "gdistributed", "worker", nursery.address, "--name", "ada"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "a worker named 'ada' is in the cluster already" in done.stderr
    assert "giving up: workers do not start  worker=ada  starts=1" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_command_says_fits_80_columns(nursery: Nursery) -> None:
    command = nursery.worker("--name", "ada")
    worker_process(command).kill()
    command.wait_for("registered", times=2)
    command.send_signal(signal.SIGINT)
    assert command.wait() == 0
    assert [line for line in command.lines if len(line) > 80] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lifetime", "soon"], "'soon' is no time"),
        (["--lifetime-restart"], "needs a --lifetime"),
        (["--no-nanny", "--lifetime=1h", "--lifetime-restart"], "and a nanny"),
        (["--nworkers=3", "--nanny-port=7000"], "3 workers need 3 ports: --nanny-port"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gdistributed", "worker", "127.0.0.1:1", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
