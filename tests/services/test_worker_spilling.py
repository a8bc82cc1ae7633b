"""What a worker has on disk: sent from there, read back for tasks, told to the scheduler."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
import numpy as np
import pytest

from gdistributed.data.arguments import KeyReference
from gdistributed.data.codecs import decode
from gdistributed.data.spilled import Spilled
from gdistributed.data.spilling import SpillingDict
from gdistributed.data.transfer import fetch, store
from gdistributed.services.worker.server import Worker
from gdistributed.settings import MIB, WorkerSettings
from gdistributed.v1 import worker_pb2
from tests.disks import tiny_disk
from tests.services.stage import Line, Stage, payload

if TYPE_CHECKING:
    from gdistributed.v1 import worker_pb2_grpc

    Stub = worker_pb2_grpc.WorkerAsyncStub

BLOCK = MIB // 8
PAUSED = worker_pb2.WORKER_STATUS_PAUSED
RUNNING = worker_pb2.WORKER_STATUS_RUNNING
# This process has a lot of memory that is none of the worker's: only the size of values counts.
SETTINGS = WorkerSettings(
    memory_target_share=4 * MIB / 2**40, memory_interval_s=0.02, disk_retry_s=0.02
)
LIMIT_NBYTES = 2**40


@pytest.fixture
async def worker(stage: Stage, tmp_path: Path) -> AsyncIterator[Worker]:
    """A worker with memory for 4 MiB of values."""
    async with Worker(
        stage.address,
        nthreads=2,
        memory_limit=LIMIT_NBYTES,
        local_directory=tmp_path,
        settings=SETTINGS,
    ) as worker:
        yield worker


def on_disk(worker: Worker) -> list[str]:
    data = worker.data
    assert isinstance(data, SpillingDict)
    return sorted(key for key in data if isinstance(data.peek(key), Spilled))


async def fill(line: Line, count: int) -> None:
    for number in range(count):
        await line.run(f"x{number}", np.full, BLOCK, number)
        await line.finished(f"x{number}")


def depend(key: str) -> worker_pb2.Dependency:
    return worker_pb2.Dependency(key=key, nbytes=MIB, holders=[])


async def test_results_go_to_disk_and_come_back_for_tasks(line: Line, worker: Worker) -> None:
    await fill(line, 8)
    assert len(on_disk(worker)) == 4
    await line.run("y", np.sum, KeyReference("x2"), dependencies=(depend("x2"),))
    assert decode(payload((await line.finished("y")).value)) == 2 * BLOCK
    assert "x2" not in on_disk(worker)
    assert len(on_disk(worker)) == 4


async def test_values_on_disk_are_sent_from_there(
    line: Line, worker: Worker, channel: grpc.aio.Channel
) -> None:
    await fill(line, 8)
    before = on_disk(worker)
    values = await fetch(channel, worker.id, [f"x{number}" for number in range(8)])
    assert [int(value.sum()) for value in values.values()] == [BLOCK * n for n in range(8)]
    assert values["x0"].flags.writeable
    assert on_disk(worker) == before


async def test_a_value_on_disk_is_had_in_another_codec(
    line: Line, worker: Worker, stub: Stub
) -> None:
    await line.run("x", list, range(300_000))
    await line.finished("x")
    await fill(line, 3)
    assert "x" in on_disk(worker)
    request = worker_pb2.GetDataRequest(keys=["x"], accept_codecs=["json"])
    chunks = [response.chunk async for response in stub.GetData(request)]
    assert chunks[0].header.value.codec == "json"
    assert b"".join(chunk.data for chunk in chunks).startswith(b"[0,1,2,")


async def test_a_file_that_is_gone_is_a_lost_value(
    line: Line, worker: Worker, channel: grpc.aio.Channel
) -> None:
    await fill(line, 8)
    data = worker.data
    assert isinstance(data, SpillingDict)
    for key in on_disk(worker):
        spilled = data.peek(key)
        assert isinstance(spilled, Spilled)
        spilled.path.unlink()
    assert await fetch(channel, worker.id, ["x0"]) == {}
    assert "x0" in await line.until(lambda said: said.dropped)
    await line.run("y", np.sum, KeyReference("x1"), dependencies=(depend("x1"),))
    assert (await line.erred("y")).error.reason == "DATA_LOST"
    assert "x1" in line.said.dropped


async def test_what_is_freed_is_deleted_from_the_disk(line: Line, worker: Worker) -> None:
    await fill(line, 8)
    await line.say(free=[f"x{number}" for number in range(8)])
    await line.run("y", np.full, BLOCK, 1)
    await line.finished("y")
    spilled = Path(str(worker.local_directory)) / "spilled"
    await worker.stop()
    assert not spilled.exists()


async def test_heartbeats_tell_what_is_on_disk(line: Line, worker: Worker, stub: Stub) -> None:
    await fill(line, 8)
    await line.until(lambda said: said.heartbeat.metrics.spilled_nbytes == 4 * MIB)
    metrics = (await stub.GetStatus(worker_pb2.GetStatusRequest())).metrics
    assert (metrics.managed_nbytes, metrics.spilled_nbytes) == (4 * MIB, 4 * MIB)
    assert metrics.memory_nbytes > 10 * MIB


async def test_a_full_disk_pauses_the_worker_until_there_is_room(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with tiny_disk(tmp_path / "disk", 4 * MIB) as disk:
        async with Worker(
            stage.address, memory_limit=LIMIT_NBYTES, local_directory=disk, settings=SETTINGS
        ) as worker:
            line = await stage.line()
            await fill(line, 7)
            await line.run("x7", np.full, BLOCK, 7)
            await line.until(lambda said: said.heartbeat.status == PAUSED)
            assert line.said.heartbeat.metrics.disk_trouble == "No space left on device"
            assert "the disk takes no more values" in caplog.text
            assert "paused with a full disk" in caplog.text
            await line.finished("x7")
            for number in range(8):
                assert worker.data[f"x{number}"][0] == number  # type: ignore[index]
            await line.run("y", abs, -1)
            await line.say(free=[f"x{number}" for number in range(5)])
            await line.until(lambda said: said.heartbeat.status == RUNNING)
            await line.finished("y")
            for number in range(5, 8):
                assert worker.data[f"x{number}"][0] == number  # type: ignore[index]


async def test_data_that_is_put_goes_to_disk_too(
    line: Line, worker: Worker, channel: grpc.aio.Channel
) -> None:
    values = {f"x{number}": np.full(BLOCK, number) for number in range(8)}
    stored = await store(channel, worker.id, values)
    assert [each.key for each in stored] == list(values)
    assert len(on_disk(worker)) == 4
