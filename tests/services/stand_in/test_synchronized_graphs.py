"""Workers that call by Synchronize in graphs with a Python worker, as any other worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest

from gdistributed import AsyncClient, Scheduler
from gdistributed.services.center.server import Center
from gdistributed.settings import KIB
from gdistributed.v1 import (
    center_pb2,
    center_pb2_grpc,
    scheduler_pb2_grpc,
    worker_pb2,
    worker_pb2_grpc,
)
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.wire.channel import open_channel
from gdistributed.wire.status import reason_of_call
from tests.services.stand_in.calling import (
    DOUBLE,
    LONG_S,
    CallingWorker,
    arguments_of,
    hello,
    joined,
    returned,
    returned_payload,
)

if TYPE_CHECKING:
    Stub = scheduler_pb2_grpc.SchedulerAsyncStub


async def test_it_is_listed_with_its_functions(client: AsyncClient, ann: CallingWorker) -> None:
    listed = {
        each.name: each for each in (await ann.stub.ListWorkers(pb.ListWorkersRequest())).workers
    }
    described = listed["ann"]
    assert described.address == f"{client.scheduler_address}/ann"
    assert described.data_address == client.scheduler_address
    assert (described.nthreads, list(described.runtimes)) == (1, ["sh"])
    [function] = [each for each in await client.functions() if each["runtime"] == "sh"]
    assert (function["name"], function["description"]) == ("double", "Twice.")
    while described.address not in await client.ncores():  # the Center hears of it a moment later
        await asyncio.sleep(0)


async def test_a_center_elsewhere_knows_it() -> None:
    async with (
        Center() as center,
        Scheduler(center=center.address) as scheduler,
        open_channel(scheduler.address) as channel,
        open_channel(center.address) as to_center,
    ):
        ann = await joined(scheduler_pb2_grpc.SchedulerStub(channel))
        members = center_pb2_grpc.CenterStub(to_center)
        request = center_pb2.ListMembersRequest(role="worker")
        while not (found := (await members.ListMembers(request)).members):
            await asyncio.sleep(0)
        [member] = found
        assert (member.name, member.address) == ("ann", f"{scheduler.address}/ann")
        assert (await ann.call(closing=True)).goodbye.reason == "retired"
        while (await members.ListMembers(request)).members:
            await asyncio.sleep(0)


async def test_a_named_function_between_python_tasks(
    client: AsyncClient, ann: CallingWorker
) -> None:
    numbers = client.submit(list, range(3))
    doubled = client.submit(DOUBLE, numbers, 1.5, "ü", None, {"deep": [numbers]}, b"\0", named=True)
    total = client.submit(sum, doubled)
    task = await ann.next_task()
    assert (task.function.name, task.function.runtime) == ("double", "sh")
    plain = [[0, 1, 2], 1.5, "ü", None, {"deep": [[0, 1, 2]]}, b"\0", ("named", True)]
    assert arguments_of(task) == plain
    await ann.call(wait_s=0, outcomes=[returned(task, [0, 2, 4])])
    assert await total == 6
    assert await doubled == [0, 2, 4]


async def test_its_results_go_to_its_own_tasks_and_to_those_of_another(
    client: AsyncClient, ann: CallingWorker
) -> None:
    text = "x" * 20 * KIB  # too large to ride along
    first = client.submit(DOUBLE, 1)
    task = await ann.next_task()
    second = client.submit(DOUBLE, first, workers=["ann"])
    task = await ann.next_task([returned(task, text)])
    assert arguments_of(task) == [text]
    third = client.submit(DOUBLE, first, workers=["bob"], key="third")
    bob = CallingWorker(ann.stub, hello("bob"))
    assert arguments_of(await bob.next_task()) == [text]
    await ann.call(wait_s=0, outcomes=[returned(task, 1)])
    assert await second == 1
    third.release()


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (3.0, 3),
        (0.5, 0.5),
        ("text", "text"),
        ([1, {"a": None}], [1, {"a": None}]),
        (True, True),
        (None, None),
    ],
)
async def test_json_becomes_values(
    client: AsyncClient, ann: CallingWorker, said: object, value: object
) -> None:
    future = client.submit(DOUBLE)
    await ann.call(wait_s=0, outcomes=[returned(await ann.next_task(), said)])
    found = await future
    assert (found, type(found)) == (value, type(value))


async def test_nothing_said_is_none(client: AsyncClient, ann: CallingWorker) -> None:
    future = client.submit(DOUBLE)
    task = await ann.next_task()
    await ann.call(wait_s=0, outcomes=[pb.PlainOutcome(key=task.key, attempt=task.attempt)])
    assert await future is None


async def test_what_json_does_not_say_exactly_is_a_payload(
    client: AsyncClient, ann: CallingWorker
) -> None:
    future = client.submit(DOUBLE, [2**60 + 1])
    task = await ann.next_task()
    [argument] = task.plain_arguments
    assert (argument.payload.codec, argument.payload.data) == ("json", b"[1152921504606846977]")
    outcome = returned_payload(task, "json", b"[1152921504606846977]")
    await ann.call(wait_s=0, outcomes=[outcome])
    assert await future == [2**60 + 1]


async def test_bytes_are_a_payload_in_both_directions(
    client: AsyncClient, ann: CallingWorker
) -> None:
    future = client.submit(DOUBLE, client.submit(bytes, 30 * KIB))
    task = await ann.next_task()
    assert arguments_of(task) == [bytes(30 * KIB)]
    await ann.call(wait_s=0, outcomes=[returned_payload(task, "raw", b"\1" * 30 * KIB)])
    assert await future == b"\1" * 30 * KIB


async def test_it_runs_no_more_tasks_than_it_has_threads(stub: Stub, client: AsyncClient) -> None:
    bob = await joined(stub, "bob", nthreads=2)
    futures = client.map(DOUBLE, range(5))
    running: list[pb.SynchronizedTask] = []
    outcomes: list[pb.PlainOutcome] = []
    for left in range(5, 0, -1):  # at last there is nothing new to wait for
        wait_s = LONG_S if left > 1 else 0
        answer = await bob.call(wait_s=wait_s, running=running, outcomes=outcomes)
        assert len(answer.run) <= 2
        first, *running = answer.run
        outcomes = [returned(first, 1)]
    await bob.call(wait_s=0, outcomes=outcomes)
    assert await client.gather(futures) == [1] * 5


async def test_tasks_go_where_names_addresses_and_resources_say(
    stub: Stub, client: AsyncClient, ann: CallingWorker
) -> None:
    bob = await joined(stub, "bob", resources={"GPU": 1})
    for options in (
        {"workers": ["bob"]},
        {"workers": [f"{client.scheduler_address}/bob"]},
        {"resources": {"GPU": 1}},
    ):
        future = client.submit(DOUBLE, pure=False, **options)
        task = await bob.next_task()
        assert not (await ann.call(wait_s=0)).run
        await bob.call(wait_s=0, outcomes=[returned(task, 4)])
        assert await future == 4


async def test_others_are_told_what_it_cannot_do(scheduler: Scheduler, ann: CallingWorker) -> None:
    async with open_channel(scheduler.address) as channel:
        worker = worker_pb2_grpc.WorkerStub(channel)
        with pytest.raises(grpc.aio.AioRpcError, match="no functions") as caught:
            await worker.Run(worker_pb2.RunRequest(worker_id="ann-1"))
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.aio.AioRpcError, match="nobody") as caught:
            async for _ in worker.GetData(worker_pb2.GetDataRequest(worker_id="nobody")):
                pass
        assert reason_of_call(caught.value) == "WRONG_WORKER"


async def test_data_is_scattered_to_others(client: AsyncClient, ann: CallingWorker) -> None:
    futures = await client.scatter(list(range(4)))
    held = await client.who_has(futures)
    assert {address for addresses in held.values() for address in addresses} == set(
        (await client.scheduler_info())["workers"]
    ) - {f"{client.scheduler_address}/ann"}
