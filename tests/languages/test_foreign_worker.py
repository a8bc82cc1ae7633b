"""A worker written by hand from the protocol, of a language that reads no pickles."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import grpc.aio
import pytest

from gdistributed import AsyncClient, Scheduler, TaskError, Worker, remote
from gdistributed.errors import CodecUnsupported
from gdistributed.v1 import (
    error_pb2,
    scheduler_pb2_grpc,
    task_pb2,
    value_pb2,
    worker_pb2,
    worker_pb2_grpc,
)
from gdistributed.wire.channel import open_channel
from gdistributed.wire.software import own_software

CODECS = ["null", "raw", "text", "json"]
TOTAL = remote("numbers.Total", runtime="go")


class GoWorker:
    """One stream with the scheduler, and what has been announced on it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._sequence = 0
        self.peers: dict[int, task_pb2.Peer] = {}

    async def __aenter__(self) -> Self:
        self._channel = open_channel(self._address)
        stub = scheduler_pb2_grpc.SchedulerStub(self._channel)
        self._stream: Any = stub.ConnectWorker()
        offer = worker_pb2.RuntimeOffer(
            runtime="go",
            functions=[worker_pb2.FunctionOffer(name="numbers.Total")],
            decodes=CODECS,
            encodes=CODECS,
        )
        hello = worker_pb2.WorkerHello(
            software=own_software(),
            worker_id="by-hand",
            name="by-hand",
            address="127.0.0.1:1",
            nthreads=1,
            runtimes=[offer],
        )
        await self._stream.write(worker_pb2.FromWorker(hello=hello))
        assert (await self._stream.read()).HasField("welcome")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.say(goodbye={})
        await self._stream.done_writing()
        while await self._stream.read() is not grpc.aio.EOF:
            pass
        await self._channel.close()

    async def say(self, **words: object) -> None:
        self._sequence += 1
        message = worker_pb2.FromWorker(sequence=self._sequence, **words)  # type: ignore[arg-type]
        await self._stream.write(message)

    async def next_run(self) -> worker_pb2.RunTask:
        while True:
            batch = await self._stream.read()
            self.peers.update({each.number: each for each in batch.peers})
            for run in batch.run:
                return run  # type: ignore[no-any-return]

    async def fetch(self, dependency: worker_pb2.Dependency) -> worker_pb2.DataItem:
        holder = self.peers[dependency.holders[0]]
        request = worker_pb2.GetDataRequest(
            worker_id=holder.worker_id, keys=[dependency.key], accept_codecs=CODECS
        )
        async with open_channel(holder.address) as channel:
            async for response in worker_pb2_grpc.WorkerStub(channel).GetData(request):
                return response.items[0]
        raise AssertionError("the holder said nothing")

    async def finish(self, run: worker_pb2.RunTask, value: object) -> None:
        payload = value_pb2.Payload(codec="json", data=json.dumps(value).encode())
        report = task_pb2.TaskFinished(
            key=run.key, attempt=run.attempt, nbytes=8, value=payload.SerializeToString()
        )
        await self.say(finished=[report])

    async def fail(self, run: worker_pb2.RunTask, error: error_pb2.TaskError) -> None:
        await self.say(erred=[task_pb2.TaskErred(key=run.key, attempt=run.attempt, error=error)])


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    async with Scheduler() as scheduler, Worker(scheduler.address, nthreads=1) as worker:
        await worker.wait_connected()
        async with AsyncClient(scheduler.address) as client:
            yield client


async def test_a_small_result_of_python_is_fetched_in_a_codec_that_it_reads(
    client: AsyncClient,
) -> None:
    async with GoWorker(client.scheduler_address) as worker:
        numbers = client.submit(list, range(4))
        await numbers
        total = client.submit(TOTAL, numbers, 10, scale=[2, numbers])
        run = await worker.next_run()
        [dependency] = run.dependencies
        assert dependency.value == b""  # it is pickled
        item = await worker.fetch(dependency)
        assert (item.value.codec, json.loads(item.value.data)) == ("json", [0, 1, 2, 3])

        arguments = value_pb2.Arguments.FromString(run.arguments)
        assert not arguments.HasField("packed")
        whole, literal, named = arguments.arguments
        assert whole.key == numbers.key
        assert (literal.literal.codec, literal.literal.data) == ("json", b"10")
        assert (named.name, list(named.literal.refs)) == ("scale", [numbers.key])
        assert json.loads(named.literal.data) == [2, {"$ref": numbers.key}]

        await worker.finish(run, 16)
        assert await total == 16
        assert await client.submit(abs, total) == 16  # and Python reads what it gives


async def test_a_small_result_that_it_reads_rides_along(client: AsyncClient) -> None:
    async with GoWorker(client.scheduler_address) as worker:
        future = client.submit(TOTAL, client.submit(bytes, 3))
        [dependency] = (run := await worker.next_run()).dependencies
        assert value_pb2.Payload.FromString(dependency.value).codec == "raw"
        await worker.finish(run, 0)
        assert await future == 0


async def test_without_a_common_codec_the_task_errs_with_both_lists(client: AsyncClient) -> None:
    async with GoWorker(client.scheduler_address) as worker:
        future = client.submit(TOTAL, client.submit(lambda: {1j}))
        run = await worker.next_run()
        item = await worker.fetch(run.dependencies[0])
        assert item.error.reason == "CODEC_UNSUPPORTED"
        await worker.fail(run, item.error)
        with pytest.raises(CodecUnsupported) as raised:
            await future
        assert "type set" in str(raised.value)
        assert "null, raw, text, json; it can be had in python/pickle5" in str(raised.value)


async def test_its_error_reaches_the_client_with_all_that_it_says(client: AsyncClient) -> None:
    async with GoWorker(client.scheduler_address) as worker:
        future = client.submit(TOTAL, 1)
        error = error_pb2.TaskError(
            type="*errors.errorString",
            message="overflow",
            traceback="goroutine 7 [running]:\nmain.Total(0x1)",
            runtime="go",
            kind=error_pb2.TASK_ERROR_KIND_USER,
            worker_name="by-hand",
        )
        await worker.fail(await worker.next_run(), error)
        with pytest.raises(TaskError, match=r"^\*errors\.errorString: overflow") as raised:
            await future
        assert (raised.value.type_name, raised.value.runtime) == ("*errors.errorString", "go")
        assert "goroutine 7" in raised.value.traceback_text
        assert "main.Total" in "\n".join(raised.value.__notes__)
