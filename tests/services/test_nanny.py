"""The nanny in this process, with worker processes and a scheduler that are real."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import psutil
import pytest
from google.protobuf import duration_pb2

from gdistributed import Nanny, Scheduler
from gdistributed.services.nanny.measuring import Gauge
from gdistributed.services.nanny.restarts import (
    PAUSE_S_MAX,
    SOUND_LIFE_S,
    START_FAILURES_MAX,
    Life,
    Restarts,
)
from gdistributed.v1 import nanny_pb2, nanny_pb2_grpc
from gdistributed.wire.channel import open_channel
from gdistributed.wire.status import reason_of_call
from tests.waiting import until_async

AT_ONCE = duration_pb2.Duration()
TIMEOUT_S = 30.0


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    async with Scheduler() as scheduler:
        yield scheduler


@pytest.fixture
async def nanny(scheduler: Scheduler) -> AsyncIterator[Nanny]:
    async with Nanny(scheduler.address_to_workers, nthreads=1, name="ada") as nanny:
        yield nanny


@pytest.fixture
async def calls(nanny: Nanny) -> AsyncIterator[nanny_pb2_grpc.NannyAsyncStub]:
    async with open_channel(nanny.address) as channel:
        yield nanny_pb2_grpc.NannyStub(channel)  # type: ignore[misc]


async def joined(scheduler: Scheduler, worker_id: str) -> None:
    """Wait until the scheduler knows a worker."""
    await until_async(lambda: worker_id in scheduler.brain.books.workers, TIMEOUT_S)


# Life with the scheduler


async def test_the_scheduler_knows_the_nanny_of_a_worker(
    scheduler: Scheduler, nanny: Nanny, calls: nanny_pb2_grpc.NannyAsyncStub
) -> None:
    process = (await calls.Start(nanny_pb2.StartRequest())).process
    assert (process.starts, process.worker_id) == (1, nanny.worker.worker_id)
    await joined(scheduler, process.worker_id)
    worker = scheduler.brain.books.workers[process.worker_id]
    assert worker.hello.nanny_address == nanny.address
    assert (worker.name, worker.address) == ("ada", process.address)
    assert worker.hello.process_id == process.process_id == psutil.Process(process.process_id).pid


async def test_a_killed_worker_is_known_at_once_with_how_it_ended_and_another_follows(
    scheduler: Scheduler, nanny: Nanny, calls: nanny_pb2_grpc.NannyAsyncStub
) -> None:
    first = (await calls.Start(nanny_pb2.StartRequest())).process
    await joined(scheduler, first.worker_id)
    os.kill(first.process_id, signal.SIGSEGV)
    await until_async(lambda: nanny.worker.starts == 2, TIMEOUT_S)
    death = scheduler.brain.deaths[first.worker_id]
    assert death.exit is not None
    assert (death.exit.signal, death.exit.cause) == (signal.SIGSEGV, "killed")
    assert death.exit.peak_memory_nbytes > 10_000_000
    assert any("listening" in line for line in death.exit.log_tail)
    await joined(scheduler, nanny.worker.worker_id)
    assert first.worker_id not in scheduler.brain.books.workers


async def test_kill_starts_no_other_until_start_is_called(
    scheduler: Scheduler, nanny: Nanny, calls: nanny_pb2_grpc.NannyAsyncStub
) -> None:
    first = (await calls.Start(nanny_pb2.StartRequest())).process
    await joined(scheduler, first.worker_id)
    exit = (await calls.Kill(nanny_pb2.KillRequest())).exit
    assert (exit.worker_id, exit.exit_code, exit.signal) == (first.worker_id, 0, 0)
    assert exit.cause == "closed"
    assert not psutil.pid_exists(first.process_id)
    assert not (await calls.Kill(nanny_pb2.KillRequest())).HasField("exit")
    assert nanny.worker.starts == 1
    second = (await calls.Start(nanny_pb2.StartRequest())).process
    assert second.starts == 2
    await joined(scheduler, second.worker_id)
    assert first.worker_id not in scheduler.brain.deaths  # nobody is blamed for an end on purpose


async def test_restart_gives_another_worker_of_the_same_name(
    scheduler: Scheduler, nanny: Nanny, calls: nanny_pb2_grpc.NannyAsyncStub
) -> None:
    first = (await calls.Start(nanny_pb2.StartRequest())).process
    await joined(scheduler, first.worker_id)
    answer = await calls.Restart(nanny_pb2.RestartRequest(grace=AT_ONCE))
    assert (answer.exit.worker_id, answer.exit.signal) == (first.worker_id, signal.SIGKILL)
    assert answer.exit.cause == "restart"
    assert answer.process.starts == 2
    await joined(scheduler, answer.process.worker_id)
    assert [worker.name for worker in scheduler.brain.books.workers.values()] == ["ada"]
    assert first.worker_id not in scheduler.brain.deaths


async def test_resources_are_measured_also_while_no_worker_runs(
    nanny: Nanny, calls: nanny_pb2_grpc.NannyAsyncStub
) -> None:
    process = (await calls.Start(nanny_pb2.StartRequest())).process
    request = nanny_pb2.MonitorResourcesRequest()
    request.interval.FromMilliseconds(10)
    measured = calls.MonitorResources(request)
    first = await measured.read()
    assert first.process_id == process.process_id
    assert first.memory_nbytes > 10_000_000
    assert first.threads > 1
    assert first.open_files > 3
    await calls.Kill(nanny_pb2.KillRequest(grace=AT_ONCE))
    while (each := await measured.read()).process_id:
        pass
    assert (each.memory_nbytes, each.threads) == (0, 0)
    measured.cancel()


async def test_an_interval_that_is_too_short_is_refused(
    calls: nanny_pb2_grpc.NannyAsyncStub,
) -> None:
    request = nanny_pb2.MonitorResourcesRequest(interval=AT_ONCE)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await calls.MonitorResources(request).read()
    assert reason_of_call(caught.value) == "BAD_INTERVAL"


async def test_a_worker_that_does_not_start_ends_its_nanny(tmp_path: Path) -> None:
    wrong = tmp_path / "scheduler.json"
    wrong.write_text("{}")
    async with Nanny(wrong, nthreads=1) as nanny:
        async with asyncio.timeout(30):
            await nanny.wait_stopped()
        assert "was not written by gd scheduler" in str(nanny.failure)
        assert nanny.worker.starts == 1


async def test_a_nanny_ends_with_a_worker_that_the_scheduler_sends_away() -> None:
    async with Scheduler() as scheduler:
        nanny = await Nanny(scheduler.address_to_workers, nthreads=1)
        await until_async(lambda: scheduler.brain.books.workers, TIMEOUT_S)
    async with asyncio.timeout(30):
        await nanny.wait_stopped()
    assert nanny.failure is None
    assert not psutil.pid_exists(nanny.worker.process_id)


# Whether another is started


def life(cause: str = "killed", **facts: object) -> Life:
    known: dict[str, object] = {
        "signal": 9 if cause == "killed" else 0,
        "lived_s": SOUND_LIFE_S,
        "was_registered": True,
        "was_leaving": False,
    }
    return Life(cause=cause, **known | facts)  # type: ignore[arg-type]


def test_a_death_is_followed_by_a_start_at_once_and_many_by_pauses() -> None:
    restarts = Restarts(after_lifetime=False)
    assert [restarts.pause_s(life()) for _ in range(3)] == [0.0, 0.0, 0.0]
    pauses = [restarts.pause_s(life(lived_s=1.0)) for _ in range(12)]
    assert pauses[:5] == [0.0, 0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == PAUSE_S_MAX
    assert restarts.pause_s(life()) == 0.0


def test_what_is_wanted_is_done_without_a_pause() -> None:
    assert Restarts(after_lifetime=False).pause_s(life("restart", lived_s=0.0)) == 0.0
    assert Restarts(after_lifetime=True).pause_s(life("lifetime")) == 0.0
    assert Restarts(after_lifetime=False).pause_s(life("lifetime")) is None
    leaving = Restarts(after_lifetime=False)
    assert leaving.pause_s(life("exited", was_leaving=True)) is None
    assert not leaving.has_failed


def test_a_first_worker_that_does_not_start_is_the_last() -> None:
    restarts = Restarts(after_lifetime=False)
    assert restarts.pause_s(life("exited", was_registered=False)) is None
    assert restarts.has_failed


def test_later_ones_are_tried_a_few_times() -> None:
    restarts = Restarts(after_lifetime=False)
    restarts.pause_s(life())
    failed = life("exited", was_registered=False, lived_s=0.1)
    pauses = [restarts.pause_s(failed) for _ in range(START_FAILURES_MAX)]
    assert None not in pauses[:-1]
    assert pauses[-1] is None
    assert restarts.has_failed


def test_a_gauge_of_a_process_that_is_gone_measures_nothing() -> None:
    process = psutil.Popen(["sleep", "60"])
    gauge = Gauge(process.pid)
    nbytes = gauge.memory_nbytes()
    assert 0 < nbytes <= gauge.peak_nbytes
    process.kill()
    process.wait()
    assert gauge.memory_nbytes() == 0
    assert gauge.measure().process_id == 0
    assert gauge.peak_nbytes > 0
