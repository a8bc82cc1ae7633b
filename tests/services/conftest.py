"""A worker on a stage, for all tests of its services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest

from gdistributed.services.worker.server import Worker
from gdistributed.v1 import worker_pb2_grpc
from gdistributed.wire.channel import open_channel
from tests.services.stage import Line, Stage

if TYPE_CHECKING:
    Stub = worker_pb2_grpc.WorkerAsyncStub


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as stage:
        yield stage


@pytest.fixture
async def worker(stage: Stage) -> AsyncIterator[Worker]:
    async with Worker(stage.address, nthreads=2, name="alice") as worker:
        yield worker


@pytest.fixture
async def line(stage: Stage, worker: Worker) -> Line:
    return await stage.line()


@pytest.fixture
async def channel(worker: Worker) -> AsyncIterator[grpc.aio.Channel]:
    async with open_channel(worker.address, bulk=True) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Stub:
    return worker_pb2_grpc.WorkerStub(channel)
