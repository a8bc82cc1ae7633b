"""How workers that only call join, are lost, and leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest

from gdistributed import AsyncClient, Scheduler
from gdistributed.errors import KilledWorker
from gdistributed.settings import KIB
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import scheduler_pb2_grpc
from tests.services.stand_in.calling import (
    DOUBLE,
    SETTINGS,
    CallingWorker,
    hello,
    joined,
    names,
    returned,
    until_gone,
    waiting_call,
)

if TYPE_CHECKING:
    Stub = scheduler_pb2_grpc.SchedulerAsyncStub

LEASE_S = 0.2


async def test_a_worker_that_does_not_call_is_lost_and_its_tasks_run_elsewhere(
    client: AsyncClient, stub: Stub
) -> None:
    bob = await joined(stub, "bob")
    future = client.submit(DOUBLE, 21)
    lost = await bob.next_task(lease_s=LEASE_S)
    await until_gone(client, "bob")
    ann = CallingWorker(stub, hello())
    task = await ann.next_task()
    assert (task.key, task.attempt > lost.attempt) == (lost.key, True)
    await bob.call(wait_s=0, outcomes=[returned(lost, "fenced")])  # it joins anew
    await ann.call(wait_s=0, outcomes=[returned(task, 42)])
    assert await future == 42


async def test_a_task_is_blamed_for_workers_that_were_lost_with_it(
    client: AsyncClient, stub: Stub
) -> None:
    worker = await joined(stub, "w0")
    future = client.submit(DOUBLE, 1)
    for number in range(SETTINGS.allowed_failures):
        worker.hello.CopyFrom(hello(f"w{number}"))
        await worker.call(lease_s=0)
        await until_gone(client, f"w{number}")
    with pytest.raises(KilledWorker, match="it has not called for 0 s"):
        await future


async def test_a_worker_lives_while_its_call_waits(
    scheduler: Scheduler, client: AsyncClient, stub: Stub
) -> None:
    ann = CallingWorker(stub, hello())
    waiting = await waiting_call(scheduler, ann, lease_s=0)
    record = scheduler.brain.books.workers["ann-1"]
    first = record.last_seen
    while record.last_seen == first:  # heartbeats are said for it
        await asyncio.sleep(0.01)
    future = client.submit(DOUBLE, 1)
    [task] = (await waiting).run
    assert task.key == future.key
    await until_gone(client, "ann")


async def test_a_worker_that_closes_leaves_what_it_has_done(
    client: AsyncClient, ann: CallingWorker
) -> None:
    kept = client.submit(DOUBLE, 1)
    task = await ann.next_task()
    await ann.call(wait_s=0, outcomes=[returned(task, "x" * 20 * KIB)])
    answer = await ann.call(closing=True)
    assert answer.goodbye.reason == "retired"
    assert (await ann.call(closing=True)).goodbye.reason == "retired"  # the answer was lost
    assert (await ann.call()).goodbye.reason == "retired"
    assert await names(ann.stub) == ["py"]
    assert await client.submit(len, kept) == 20 * KIB


async def test_a_worker_that_closes_finishes_first_and_gets_nothing_new(
    client: AsyncClient, ann: CallingWorker
) -> None:
    first = client.submit(DOUBLE, 1, key="first")
    task = await ann.next_task()
    second = client.submit(DOUBLE, 2, key="second")
    assert [each.key for each in (await ann.call(wait_s=0, closing=True)).run] == ["first"]
    answer = await ann.call(closing=True, outcomes=[returned(task, 1)])
    assert (answer.goodbye.reason, list(answer.run)) == ("retired", [])
    assert await first == 1
    bob = CallingWorker(ann.stub, hello("bob"))
    task = await bob.next_task()
    await bob.call(wait_s=0, outcomes=[returned(task, 2)])
    assert await second == 2


async def test_a_worker_that_never_joined_may_go_at_once(stub: Stub) -> None:
    worker = CallingWorker(stub, hello())
    assert (await worker.call(closing=True)).goodbye.reason == "closed"
    assert await names(stub) == []


async def test_an_operator_retires_it(
    scheduler: Scheduler, client: AsyncClient, ann: CallingWorker
) -> None:
    waiting = await waiting_call(scheduler, ann)
    retired = await ann.stub.RetireWorkers(pb.RetireWorkersRequest(workers=["ann"]))
    assert list(retired.retired) == [f"{client.scheduler_address}/ann"]
    assert (await waiting).goodbye.reason == "retired"


async def test_a_scheduler_that_stops_says_goodbye(scheduler: Scheduler, stub: Stub) -> None:
    waiting = await waiting_call(scheduler, CallingWorker(stub, hello()))
    bob = await joined(stub, "bob")
    assert await names(stub) == ["ann", "bob"]
    await scheduler.stop()
    assert (await waiting).goodbye.reason == "the scheduler was closed"
    with pytest.raises(grpc.aio.AioRpcError):
        await bob.call()


async def test_a_worker_that_is_given_up_while_it_waits_is_told_to_call_again(
    scheduler: Scheduler, ann: CallingWorker
) -> None:
    waiting = await waiting_call(scheduler, ann)
    brain = scheduler.brain
    scheduler.service._shell.call(lambda now: brain.worker_lost("ann-1", "of a sudden", now))
    with pytest.raises(grpc.aio.AioRpcError, match="call again") as caught:
        await waiting
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert not (await ann.call(wait_s=0)).run
    assert await names(ann.stub) == ["ann", "py"]
