"""States are exchanged, and can be said again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gdistributed import AsyncClient, CancelledError, Scheduler
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import scheduler_pb2_grpc
from tests.services.stand_in.calling import (
    DOUBLE,
    CallingWorker,
    returned,
    waiting_call,
)

if TYPE_CHECKING:
    Stub = scheduler_pb2_grpc.SchedulerAsyncStub


async def test_a_call_whose_answer_was_lost_is_made_again(
    client: AsyncClient, ann: CallingWorker
) -> None:
    first, second = client.submit(DOUBLE, 1, key="one"), client.submit(DOUBLE, 2, key="two")
    task = await ann.next_task()
    assert await ann.next_task() == task
    report = returned(task, 2)
    answers = [await ann.call(outcomes=[report]) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    [other] = answers[0].run
    assert {task.key, other.key} == {"one", "two"}
    assert [each.key for each in answers[0].acknowledged] == [task.key]
    await ann.call(wait_s=0, outcomes=[report, returned(other, 4)])
    assert {await first, await second} == {2, 4}


async def test_what_it_runs_already_is_named_only(client: AsyncClient, ann: CallingWorker) -> None:
    future = client.submit(DOUBLE, "long")
    task = await ann.next_task()
    [named] = (await ann.call(wait_s=0, running=[task])).run
    assert named == pb.SynchronizedTask(key=task.key, attempt=task.attempt)
    future.release()


async def test_a_call_waits_for_work(
    scheduler: Scheduler, client: AsyncClient, ann: CallingWorker
) -> None:
    waiting = await waiting_call(scheduler, ann)
    future = client.submit(DOUBLE, 1)
    [task] = (await waiting).run
    await ann.call(wait_s=0, outcomes=[returned(task, 2)])
    assert await future == 2


async def test_a_call_waits_for_a_cancellation(
    scheduler: Scheduler, client: AsyncClient, ann: CallingWorker
) -> None:
    future = client.submit(DOUBLE, 1)
    task = await ann.next_task()
    waiting = await waiting_call(scheduler, ann, task)
    future.cancel()
    assert not (await waiting).run
    other = client.submit(DOUBLE, 2)
    newer = await ann.next_task([returned(task, "late")])
    await ann.call(wait_s=0, outcomes=[returned(newer, "new")])
    assert await other == "new"
    with pytest.raises(CancelledError):
        await future


async def test_a_task_that_runs_into_its_timeout_is_to_stop(
    client: AsyncClient, ann: CallingWorker
) -> None:
    future = client.submit(DOUBLE, 1, timeout=0.05)
    task = await ann.next_task()
    assert not (await ann.call(running=[task])).run
    with pytest.raises(TimeoutError, match="timeout"):
        await future


async def test_outcomes_of_tasks_that_it_never_got_are_ignored(
    client: AsyncClient, ann: CallingWorker, caplog: pytest.LogCaptureFixture
) -> None:
    future = client.submit(DOUBLE, 1)
    task = await ann.next_task()
    stranger = pb.SynchronizedTask(key="stranger", attempt=7)
    older = pb.SynchronizedTask(key=task.key, attempt=task.attempt - 1)
    caplog.set_level("INFO", "gdistributed.scheduler")
    await ann.call(wait_s=0, outcomes=[returned(stranger, 1), returned(older, 1)])
    ignored = [each for each in caplog.records if "nobody waits" in each.message]
    assert [each.__dict__["task"] for each in ignored] == ["stranger", task.key]
    assert not future.done()
    await ann.call(wait_s=0, outcomes=[returned(task, 2)])
    assert await future == 2
