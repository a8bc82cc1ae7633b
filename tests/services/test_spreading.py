"""Values that many want: a large one goes from one worker to the next, small ones in few calls."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack

import numpy as np

from gdistributed import Client
from gdistributed.services.scheduler.server import Scheduler
from gdistributed.services.worker.server import Worker
from gdistributed.settings import WorkerSettings
from gdistributed.v1 import worker_pb2, worker_pb2_grpc
from gdistributed.wire.channel import open_channel
from tests.services.behind import Behind

READERS = 10
NBYTES = 4 * 2**20
TIMEOUT_S = 40.0


async def metrics_of(worker: Worker) -> worker_pb2.WorkerMetrics:
    async with open_channel(worker.addresses[0]) as channel:
        stub = worker_pb2_grpc.WorkerStub(channel)
        return (await stub.GetStatus(worker_pb2.GetStatusRequest())).metrics


async def until_crowded(scheduler: Scheduler, key: str, count: int) -> None:
    """Wait until so many workers wait for a value."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            task = scheduler.brain.books.tasks[key]
            crowd = scheduler.brain.books.crowds.get(task)
            if crowd is not None and len(crowd.waiting) == count:
                return
            await asyncio.sleep(0.01)


async def test_a_value_wanted_by_10_workers_spreads_as_a_tree() -> None:
    async with AsyncExitStack() as cleanup:
        scheduler = await cleanup.enter_async_context(Scheduler())
        settings = WorkerSettings(shared_memory=False)
        first = await cleanup.enter_async_context(
            Behind(scheduler.address, name="w0", settings=settings)
        )
        others = [
            await cleanup.enter_async_context(
                Worker(scheduler.address, nthreads=1, name=f"w{number}", settings=settings)
            )
            for number in range(1, READERS + 1)
        ]
        client = await cleanup.enter_async_context(Client(scheduler.address, asynchronous=True))
        await client.wait_for_workers(READERS + 1)
        value = np.random.default_rng(0).integers(0, 255, NBYTES, np.uint8)
        data = await client.scatter(value, workers=["w0"])
        may_pass = threading.Event()

        def hold_back(passing: bytes) -> bytes:
            if len(passing) > 10_000:
                may_pass.wait(TIMEOUT_S)
            return passing

        assert first.proxy is not None
        first.proxy.meddle = hold_back
        sums = [
            client.submit(np.sum, data, workers=[each.name], key=f"sum-{each.name}")
            for each in others
        ]
        await until_crowded(scheduler, data.key, READERS - 2)
        may_pass.set()
        assert await client.gather(sums) == [value.sum()] * READERS
        metrics = [await metrics_of(worker) for worker in (first, *others)]
        sent = [each.sent_nbytes / NBYTES for each in metrics]
        assert READERS <= sum(sent) < READERS + 1
        assert sent[0] < READERS / 2 + 1
        assert [each.sending_nbytes for each in metrics] == [0] * (READERS + 1)


async def test_many_small_values_come_with_few_calls() -> None:
    async with (
        Scheduler() as scheduler,
        Worker(scheduler.address, nthreads=1) as worker,
        Client(scheduler.address, asynchronous=True) as client,
    ):
        values = {f"x{number}": bytes([number % 256]) * 1024 for number in range(10_000)}
        futures = await client.scatter(values)
        assert await client.gather(list(futures.values())) == list(values.values())
        assert (await metrics_of(worker)).served_calls == 1
