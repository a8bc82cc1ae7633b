"""A worker that calls by Synchronize, written by hand: each call says what the test tells it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from gdistributed import AsyncClient, Scheduler, remote
from gdistributed.settings import KIB, SchedulerSettings
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import scheduler_pb2_grpc, server_pb2, worker_pb2
from gdistributed.wire.channel import open_channel

if TYPE_CHECKING:
    Stub = scheduler_pb2_grpc.SchedulerAsyncStub

SOFTWARE = server_pb2.Software(protocol_major=1, name="by-hand")
DOUBLE = remote("double", runtime="sh")
LONG_S = 60
SETTINGS = SchedulerSettings(synchronize_nbytes=64 * KIB, synchronize_held_nbytes=256 * KIB)


def hello(name: str = "ann", nthreads: int = 1, **fields: object) -> worker_pb2.WorkerHello:
    """Say who a worker is that offers the function `double` of the runtime `sh`."""
    offer = worker_pb2.RuntimeOffer(
        runtime="sh", functions=[worker_pb2.FunctionOffer(name="double", description="Twice.")]
    )
    given: dict[str, object] = {
        "software": SOFTWARE,
        "worker_id": f"{name}-1",
        "name": name,
        "nthreads": nthreads,
        "runtimes": [offer],
    }
    return worker_pb2.WorkerHello(**{**given, **fields})  # type: ignore[arg-type]


class CallingWorker:
    """What it runs and what it has to report, and a call that says both."""

    def __init__(self, stub: Stub, said: worker_pb2.WorkerHello) -> None:
        self.stub = stub
        self.hello = said

    async def call(
        self,
        wait_s: float = LONG_S,
        running: Iterable[pb.SynchronizedTask] = (),
        outcomes: Iterable[pb.PlainOutcome] = (),
        closing: bool = False,
        lease_s: float | None = None,
    ) -> pb.SynchronizeResponse:
        request = pb.SynchronizeRequest(hello=self.hello, outcomes=outcomes)
        request.wait.FromNanoseconds(int(wait_s * 1e9))
        if lease_s is not None:
            request.lease.FromNanoseconds(int(lease_s * 1e9))
        if closing:
            request.status = worker_pb2.WORKER_STATUS_CLOSING
        for task in running:
            request.running.add(key=task.key, attempt=task.attempt)
        return await self.stub.Synchronize(request)

    async def next_task(
        self, outcomes: Iterable[pb.PlainOutcome] = (), lease_s: float | None = None
    ) -> pb.SynchronizedTask:
        [task] = (await self.call(outcomes=outcomes, lease_s=lease_s)).run
        return task


def arguments_of(task: pb.SynchronizedTask) -> list[object]:
    """Return the arguments of a task as a shell sees them, the named ones with their names."""
    said: list[object] = []
    for each in task.plain_arguments:
        value: object = each.payload.data
        if each.WhichOneof("source") == "json":
            value = json.loads(json_format.MessageToJson(each.json))
        said.append((each.name, value) if each.name else value)
    return said


def returned(task: pb.SynchronizedTask, value: object) -> pb.PlainOutcome:
    outcome = pb.PlainOutcome(key=task.key, attempt=task.attempt)
    json_format.ParseDict(value, outcome.json)
    return outcome


def returned_payload(task: pb.SynchronizedTask, codec: str, data: bytes) -> pb.PlainOutcome:
    outcome = pb.PlainOutcome(key=task.key, attempt=task.attempt)
    outcome.payload.codec, outcome.payload.data = codec, data
    return outcome


def failed(task: pb.SynchronizedTask, message: str) -> pb.PlainOutcome:
    outcome = pb.PlainOutcome(key=task.key, attempt=task.attempt)
    outcome.error.type, outcome.error.message = "sh", message
    return outcome


async def joined(stub: Stub, name: str = "ann", **fields: Any) -> CallingWorker:  # noqa: ANN401
    """Have a worker join by its first call, for which there is nothing to do."""
    worker = CallingWorker(stub, hello(name, **fields))
    assert not (await worker.call(wait_s=0)).run
    return worker


async def waiting_call(
    scheduler: Scheduler,
    worker: CallingWorker,
    *running: pb.SynchronizedTask,
    lease_s: float | None = None,
) -> asyncio.Task[pb.SynchronizeResponse]:
    """Make a call, and return when it waits."""
    call = asyncio.create_task(worker.call(running=running, lease_s=lease_s))
    find = scheduler.service.stand_ins.find
    while (stand_in := find(worker.hello.worker_id)) is None or not stand_in.calls:
        await asyncio.sleep(0)
    return call


async def names(stub: Stub) -> list[str]:
    return sorted(each.name for each in (await stub.ListWorkers(pb.ListWorkersRequest())).workers)


async def until_gone(client: AsyncClient, name: str) -> None:
    """Watch events until a worker has left."""
    channel = open_channel(client.scheduler_address)
    async with channel:
        stub = scheduler_pb2_grpc.SchedulerStub(channel)
        request = pb.WatchEventsRequest(start_revision=1, kinds=["worker"])
        async for batch in stub.WatchEvents(request):
            if any((each.subject, each.to) == (name, "left") for each in batch.events):
                return


async def until_run(worker: CallingWorker) -> pb.SynchronizedTask:
    """Call until there is a task."""
    while not (answer := await worker.call(wait_s=1)).run:
        pass
    return answer.run[0]
