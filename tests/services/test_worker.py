"""A worker over real gRPC, with a scheduler that is written by hand from the protocol."""

from __future__ import annotations

import asyncio
import operator
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from gdistributed.data.arguments import pack_call
from gdistributed.data.codecs import decode
from gdistributed.data.functions import pack_function
from gdistributed.errors import AddressInUse, NameTaken
from gdistributed.runtime.context import current_task
from gdistributed.services.scheduler.server import Scheduler
from gdistributed.services.worker.server import Worker
from gdistributed.v1 import task_pb2, value_pb2, worker_pb2, worker_pb2_grpc
from tests.services.stage import GATES, REACHED, Line, Stage, fail, pass_gate, payload

if TYPE_CHECKING:
    Stub = worker_pb2_grpc.WorkerAsyncStub


# ---- Life


async def test_the_hello_says_who_it_is(line: Line, worker: Worker) -> None:
    hello = line.hello
    assert hello.software.protocol_major == 1
    assert (hello.worker_id, hello.name, hello.address) == (worker.id, "alice", worker.address)
    assert (hello.nthreads, hello.process_id) == (2, os.getpid())
    [offer] = hello.runtimes
    assert (offer.runtime, offer.runs_code, offer.any_name) == ("python", True, True)
    assert "json" in offer.decodes


async def test_heartbeats_tell_how_it_is(line: Line) -> None:
    heartbeat = await line.until(lambda said: said.HasField("heartbeat") and said.heartbeat)
    assert heartbeat.status == worker_pb2.WORKER_STATUS_RUNNING
    assert heartbeat.metrics.memory_nbytes > 1_000_000
    assert heartbeat.metrics.open_files > 0


async def test_it_may_be_started_before_its_scheduler() -> None:
    async with Stage() as stage:
        port = int(stage.address.rpartition(":")[2])
    async with Worker(f"127.0.0.1:{port}") as worker, Stage(port) as stage:
        line = await stage.line()
        assert line.hello.worker_id == worker.id


@pytest.mark.timeout(20)  # were each pause longer than the one before, it would take half a minute
async def test_its_pauses_are_short_again_after_each_welcome(stage: Stage, worker: Worker) -> None:
    for _ in range(12):
        (await stage.line()).break_off()


async def test_it_comes_back_when_the_stream_breaks(stage: Stage, worker: Worker) -> None:
    first = await stage.line()
    await first.run("x", operator.add, 1, 2)
    await first.finished("x")
    first.break_off()
    second = await stage.line()
    assert second.hello.worker_id == worker.id
    await second.run("y", operator.add, 3, 4)
    assert (await second.finished("y")).value
    assert list(worker.data) == ["x", "y"]
    assert [report.key for report in second.said.finished] == ["y"]
    assert [stored.key for stored in second.said.inventory.held] == ["x"]


async def test_it_ends_when_the_scheduler_says_goodbye(line: Line, worker: Worker) -> None:
    await line.say(goodbye={"reason": "enough"})
    await worker.wait_stopped()
    assert worker.failure is None


async def test_it_says_goodbye_when_it_is_closed(stage: Stage) -> None:
    worker = await Worker(stage.address)
    line = await stage.line()
    await worker.wait_connected()
    await worker.stop()
    await line.ended()
    assert line.said.goodbye.reason == "closed"
    assert stage.center.brain.members.worker_named(worker.name) is None


async def test_it_says_goodbye_also_when_it_is_closed_before_its_welcome_came(stage: Stage) -> None:
    stage.may_welcome.clear()
    worker = await Worker(stage.address)
    await stage.greeted.wait()
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0)
    stage.may_welcome.set()
    await stopping
    line = await stage.line()
    await line.ended()
    assert line.said.goodbye.reason == "closed"


async def test_a_refused_hello_ends_it_with_the_message(stage: Stage) -> None:
    stage.refusal = NameTaken("a worker named 'bob' is in the cluster already")
    worker = await Worker(stage.address, name="bob")
    await worker.wait_stopped()
    assert isinstance(worker.failure, NameTaken)
    assert "'bob' is in the cluster already" in str(worker.failure)


async def test_a_scheduler_of_another_version_ends_it(stage: Stage) -> None:
    stage.software.protocol_major = 2
    worker = await Worker(stage.address)
    await worker.wait_stopped()
    assert worker.failure is not None
    assert worker.failure.reason == "PROTOCOL_VERSION"
    assert "upgrade the worker" in str(worker.failure)


async def test_a_port_that_is_taken_is_named(worker: Worker) -> None:
    port = int(worker.address.rpartition(":")[2])
    with pytest.raises(AddressInUse, match=str(port)):
        await Worker("127.0.0.1:1", port=port)


def test_it_lives_in_plain_synchronous_code() -> None:
    with Scheduler() as scheduler, Worker(scheduler.address_to_workers, nthreads=1) as worker:
        assert worker.nthreads == 1
        assert worker.address.startswith("127.0.0.1:")


async def test_it_joins_the_real_scheduler() -> None:
    async with Scheduler() as scheduler, Worker(scheduler.address, name="w") as worker:
        await worker.wait_connected()
        assert worker.failure is None
        assert "w" in scheduler.brain.books.names


# ---- Tasks


async def test_a_task_runs_and_its_result_rides_along(line: Line, worker: Worker) -> None:
    await line.run("x", operator.add, 1, 2)
    report = await line.finished("x")
    assert decode(payload(report.value)) == 3
    assert (report.attempt, report.type) == (1, "int")
    assert report.run_ns > 0
    assert worker.data == {"x": 3}


async def test_code_of_the_caller_runs(line: Line) -> None:
    await line.run("x", lambda a, b: a * b, 6, 7)
    assert decode(payload((await line.finished("x")).value)) == 42


async def test_long_tasks_are_announced(line: Line) -> None:
    await line.run("x", operator.add, 1, 2)
    await line.finished("x")
    assert [(task.key, task.attempt) for task in line.said.started] == [("x", 1)]


async def test_many_short_tasks_are_reported_in_few_messages(line: Line) -> None:
    function = pack_function(operator.neg)
    tasks = [
        worker_pb2.RunTask(
            key=f"x{n}", attempt=n, template=1, rank=n, expected_ns=1000,
            arguments=pack_call((n,), {})[0],
        )
        for n in range(2000)
    ]  # fmt: skip
    template = task_pb2.TaskTemplate(id=1, function_id=function.id)
    await line.say(functions=[function], templates=[template], run=tasks)
    await line.until(lambda said: len(said.finished) == 2000)
    assert line.said.sequence < 1000
    assert sorted(report.attempt for report in line.said.finished) == list(range(2000))
    assert not line.said.started


async def test_an_exception_is_data(line: Line, worker: Worker) -> None:
    await line.run("x", fail, 7)
    error = (await line.erred("x")).error
    assert (error.type, error.message, error.key) == ("builtins.ValueError", "bad 7", "x")
    assert (error.worker_id, error.worker_name, error.attempt) == (worker.id, "alice", 1)
    assert error.frames[-1].function == "fail"
    assert [frame.function for frame in error.frames] == ["fail"]
    assert [frame.function for frame in error.runtime_frames] == ["run"]


@pytest.mark.parametrize(
    ("function", "type_name"),
    [
        (sys.exit, "builtins.SystemExit"),
        (fail, "builtins.TypeError"),  # an argument is missing
    ],
)
async def test_it_lives_whatever_a_task_does(line: Line, function: type, type_name: str) -> None:
    await line.run("x", function)
    assert (await line.erred("x")).error.type == type_name
    await line.run("y", operator.add, 1, 2)
    await line.finished("y")


async def test_a_result_that_cannot_be_pickled_stays(line: Line) -> None:
    await line.run("x", threading.Lock)
    finished = await line.finished("x")
    assert (finished.type, finished.value) == ("_thread.lock", b"")


async def test_a_function_that_is_not_there_is_named(line: Line) -> None:
    function = task_pb2.Function(id="python:no.such", runtime="python", name="no.such")
    template = task_pb2.TaskTemplate(id=9, function_id=function.id)
    task = worker_pb2.RunTask(key="x", attempt=1, template=9)
    await line.say(functions=[function], templates=[template], run=[task])
    assert "no.such" in (await line.erred("x")).error.message


async def test_arguments_of_every_language_are_read(line: Line) -> None:
    message = value_pb2.Arguments()
    message.arguments.add().literal.CopyFrom(value_pb2.Payload(codec="json", data=b"[3,1,2]"))
    message.arguments.add(name="reverse", literal=value_pb2.Payload(codec="json", data=b"true"))
    function = pack_function(sorted)
    template = task_pb2.TaskTemplate(id=9, function_id=function.id, result_codecs=["json"])
    task = worker_pb2.RunTask(key="x", attempt=1, template=9, arguments=message.SerializeToString())
    await line.say(functions=[function], templates=[template], run=[task])
    result = payload((await line.finished("x")).value)
    assert (result.codec, result.data) == ("json", b"[3,2,1]")


async def test_coroutine_functions_run_on_the_loop(line: Line) -> None:
    async def which() -> tuple[str, str]:
        await asyncio.sleep(0)
        task = current_task()
        assert task is not None
        return task.key, threading.current_thread().name

    await line.run("x", which)
    key, thread = decode(payload((await line.finished("x")).value))  # type: ignore[misc]
    assert key == "x"
    assert not thread.startswith("gd-task")


async def test_a_cancelled_coroutine_ends_and_nothing_is_said(line: Line, stub: Stub) -> None:
    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    await line.run("x", wait_for_ever)
    await line.until(lambda said: said.started)
    await line.say(cancel=[worker_pb2.TaskAttempt(key="x", attempt=1)])
    while (await stub.GetStatus(worker_pb2.GetStatusRequest())).executing:
        await asyncio.sleep(0)
    await line.run("y", operator.add, 1, 2)
    await line.finished("y")
    assert not line.said.erred


async def test_what_has_not_begun_is_given_back(line: Line) -> None:
    gate = threading.Event()
    GATES["revoke"] = gate
    reached = REACHED["revoke"] = threading.Event()
    for n in range(3):
        await line.run(f"x{n}", pass_gate, "revoke")
    assert await asyncio.to_thread(reached.wait, 30)
    named = [worker_pb2.TaskAttempt(key=f"x{n}", attempt=1) for n in (0, 2)]
    await line.say(revoke=named)
    await line.until(lambda said: len(said.revoked) == 2)
    assert sorted((answer.key, answer.given_back) for answer in line.said.revoked) == [
        ("x0", False),
        ("x2", True),
    ]
    gate.set()
    await line.finished("x0")
    await line.finished("x1")
