"""A scheduler, a Python worker, and ann, a worker that calls by Synchronize."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from gdistributed import AsyncClient, Scheduler, Worker
from gdistributed.v1 import scheduler_pb2_grpc
from gdistributed.wire.channel import open_channel
from tests.services.stand_in.calling import (
    SETTINGS,
    CallingWorker,
    joined,
)

if TYPE_CHECKING:
    Stub = scheduler_pb2_grpc.SchedulerAsyncStub


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    async with Scheduler(settings=SETTINGS) as scheduler:
        yield scheduler


@pytest.fixture
async def stub(scheduler: Scheduler) -> AsyncIterator[Stub]:
    async with open_channel(scheduler.address) as channel:
        yield scheduler_pb2_grpc.SchedulerStub(channel)


@pytest.fixture
async def client(scheduler: Scheduler) -> AsyncIterator[AsyncClient]:
    async with Worker(scheduler.address, nthreads=1, name="py") as worker:
        await worker.wait_connected()
        async with AsyncClient(scheduler.address) as client:
            yield client


@pytest.fixture
async def ann(stub: Stub, client: AsyncClient) -> CallingWorker:
    return await joined(stub)
