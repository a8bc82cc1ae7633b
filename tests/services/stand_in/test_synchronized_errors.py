"""Errors of tasks, and values that are too large or cannot be read."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from gdistributed import AsyncClient, Future, Scheduler, TaskError, remote
from gdistributed.errors import CodecUnsupported, SerializationError, ValueTooLarge
from gdistributed.settings import KIB
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import (
    scheduler_pb2_grpc,
    task_pb2,
    value_pb2,
    worker_pb2,
    worker_pb2_grpc,
)
from gdistributed.wire.channel import open_channel
from gdistributed.wire.server import Server
from tests.services.stand_in.calling import (
    DOUBLE,
    CallingWorker,
    failed,
    hello,
    joined,
    returned,
    returned_payload,
    until_run,
)

if TYPE_CHECKING:
    Stub = scheduler_pb2_grpc.SchedulerAsyncStub

PICKLED = pickle.dumps(1)


async def test_an_error_is_data(client: AsyncClient, ann: CallingWorker) -> None:
    future = client.submit(DOUBLE, 1, retries=1)
    for _ in range(2):
        task = await ann.next_task()
        await ann.call(wait_s=0, outcomes=[failed(task, "no such file")])
    with pytest.raises(TaskError, match="sh: no such file") as raised:
        await future
    assert (raised.value.type_name, raised.value.runtime) == ("sh", "sh")
    assert "on worker ann" in "\n".join(raised.value.__notes__)


@pytest.mark.parametrize(
    ("argument", "error"), [("x" * 65 * KIB, ValueTooLarge), (list(range(6000)), ValueTooLarge)]
)
async def test_an_argument_that_is_too_large_fails_its_task(
    client: AsyncClient, ann: CallingWorker, argument: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"Synchronize.*65536"):
        await client.submit(DOUBLE, argument)
    assert not (await ann.call(wait_s=0)).run


async def test_a_result_that_is_too_large_is_not_fetched(
    client: AsyncClient, ann: CallingWorker
) -> None:
    large = client.submit(bytes, 9 * 64 * KIB, workers=["py"])
    with pytest.raises(ValueTooLarge, match=f"result of {large.key!r}"):
        await client.submit(DOUBLE, large)
    assert await client.submit(len, large) == 9 * 64 * KIB


async def test_a_value_of_no_plain_codec_fails_the_task_that_needs_it(
    client: AsyncClient, ann: CallingWorker
) -> None:
    with pytest.raises(CodecUnsupported, match="type complex"):
        await client.submit(DOUBLE, client.submit(complex, 1, 2))


async def test_its_own_result_may_be_too_large(client: AsyncClient, ann: CallingWorker) -> None:
    future = client.submit(DOUBLE, 1)
    task = await ann.next_task()
    await ann.call(wait_s=0, outcomes=[returned(task, "x" * 65 * KIB)])
    with pytest.raises(ValueTooLarge, match=f"result of {future.key!r} takes {65 * KIB}"):
        await future


@pytest.mark.parametrize(
    ("codec", "data", "error"),
    [
        ("python/pickle5", PICKLED, CodecUnsupported),
        ("arrow", b"", CodecUnsupported),
        ("json", b"{", SerializationError),
        ("text", b"\xff", SerializationError),
    ],
)
async def test_a_result_that_the_scheduler_does_not_read_fails_the_task(
    client: AsyncClient, ann: CallingWorker, codec: str, data: bytes, error: type[Exception]
) -> None:
    future = client.submit(DOUBLE, 1)
    outcome = returned_payload(await ann.next_task(), codec, data)
    await ann.call(wait_s=0, outcomes=[outcome])
    with pytest.raises(error, match=codec) as raised:
        await future
    assert type(raised.value) is error


class PicklingPeer(Server, worker_pb2_grpc.WorkerServicer):
    """A worker of another make, which says all values in pickles, whoever asks for what."""

    def __init__(self) -> None:
        super().__init__(role="worker")
        self._begin()

    async def opening(self) -> None:
        self.add_servicer(worker_pb2_grpc.add_WorkerServicer_to_server, self)

    async def GetData(
        self, request: worker_pb2.GetDataRequest, _: object
    ) -> AsyncIterator[worker_pb2.GetDataResponse]:
        assert "python/pickle5" not in request.accept_codecs
        value = value_pb2.Payload(codec="python/pickle5", data=PICKLED)
        yield worker_pb2.GetDataResponse(items=[worker_pb2.DataItem(index=0, value=value)])


async def test_the_scheduler_reads_no_pickle_that_a_peer_gives_it(
    client: AsyncClient, ann: CallingWorker
) -> None:
    offer = worker_pb2.RuntimeOffer(runtime="x", functions=[worker_pb2.FunctionOffer(name="make")])
    async with PicklingPeer() as peer:
        stream: Any = ann.stub.ConnectWorker()
        said = hello("rogue", address=peer.address, runtimes=[offer])
        await stream.write(worker_pb2.FromWorker(hello=said))
        assert (await stream.read()).HasField("welcome")
        made = client.submit(remote("make", runtime="x"))
        future = client.submit(DOUBLE, made)
        while not (batch := await stream.read()).run:
            pass
        [task] = batch.run
        report = task_pb2.TaskFinished(key=task.key, attempt=task.attempt, nbytes=9)
        await stream.write(worker_pb2.FromWorker(sequence=1, finished=[report]))
        with pytest.raises(CodecUnsupported, match="neither gets nor gives values in 'python"):
            await future
        stream.cancel()


async def test_a_result_comes_in_the_codec_that_was_asked_for_or_not_at_all(
    client: AsyncClient, ann: CallingWorker
) -> None:
    plain, table = client.submit(DOUBLE, 1, codec="json"), client.submit(DOUBLE, 2, codec="arrow")
    task = await ann.next_task()
    task = await ann.next_task([returned(task, "text")])
    await ann.call(wait_s=0, outcomes=[returned(task, "text")])
    assert await plain == "text"
    with pytest.raises(CodecUnsupported, match="arrow"):
        await table


async def test_what_is_held_for_all_is_bounded(client: AsyncClient, stub: Stub) -> None:
    bob = await joined(stub, "bob")
    kept: list[Future] = []
    for number in range(4):  # 60 KiB each: the fourth is beyond the 80 % at which workers pause
        kept.append(client.submit(DOUBLE, number, key=f"kept-{number}"))
        task = await bob.next_task()
        await bob.call(wait_s=0, outcomes=[returned(task, "x" * 60 * KIB)])
        await kept[-1]
    last = client.submit(DOUBLE, 4, key="last")
    assert not (await bob.call(wait_s=0)).run
    [described] = [
        each
        for each in (await stub.ListWorkers(pb.ListWorkersRequest())).workers
        if each.name == "bob"
    ]
    assert described.status == worker_pb2.WORKER_STATUS_PAUSED
    kept.clear()
    await bob.call(wait_s=0, outcomes=[returned(await until_run(bob), 1)])
    assert await last == 1


async def test_an_answer_stays_below_what_grpc_clients_take(client: AsyncClient) -> None:
    async with Scheduler() as scheduler, open_channel(scheduler.address) as channel:
        bob = await joined(scheduler_pb2_grpc.SchedulerStub(channel), "bob", nthreads=5)
        async with AsyncClient(scheduler.address) as other:
            futures = other.map(DOUBLE, ["x" * 1000 * KIB] * 5, range(5))
            tasks: list[pb.SynchronizedTask] = []
            while len(tasks) < 5:
                answer = await bob.call(running=tasks)
                assert answer.ByteSize() < 4 * KIB * KIB
                tasks += [each for each in answer.run if each.plain_arguments]
            assert sorted(task.plain_arguments[1].json.number_value for task in tasks) == [
                *range(5)
            ]
            await bob.call(wait_s=0, outcomes=[returned(each, 1) for each in tasks])
            assert await other.gather(futures) == [1] * 5
