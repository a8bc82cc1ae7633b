"""A worker over real gRPC, with a scheduler that is written by hand from the protocol."""

from __future__ import annotations

import asyncio
import operator
import os
import sys
import threading
from collections import UserDict
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import numpy as np
import pytest

from gdistributed.data.arguments import KeyReference, pack_call
from gdistributed.data.codecs import decode, encode
from gdistributed.data.functions import pack_function
from gdistributed.data.transfer import fetch, store
from gdistributed.errors import AddressInUse, ConnectionLost, NameTaken, SerializationError
from gdistributed.runtime.context import current_task
from gdistributed.services.scheduler.server import Scheduler
from gdistributed.services.worker.server import Worker
from gdistributed.v1 import task_pb2, value_pb2, worker_pb2, worker_pb2_grpc
from gdistributed.wire.channel import open_channel
from gdistributed.wire.status import reason_of_call
from tests.services.stage import Line, Stage, payload, peer

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


def depend(key: str, *holders: int, value: bytes = b"") -> worker_pb2.Dependency:
    return worker_pb2.Dependency(key=key, holders=holders, nbytes=100, value=value)


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


async def test_it_comes_back_when_the_stream_breaks(stage: Stage, worker: Worker) -> None:
    first = await stage.line()
    await first.run("x", operator.add, 1, 2)
    await first.finished("x")
    first.break_off()
    second = await stage.line()
    assert second.hello.worker_id == worker.id
    await second.run("y", operator.add, 3, 4)
    assert (await second.finished("y")).value
    assert list(worker.data) == ["y"]
    assert [report.key for report in second.said.finished] == ["y"]


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


def fail(x: int) -> None:
    raise ValueError(f"bad {x}")


async def test_an_exception_is_data(line: Line, worker: Worker) -> None:
    await line.run("x", fail, 7)
    error = (await line.erred("x")).error
    assert (error.type, error.message, error.key) == ("builtins.ValueError", "bad 7", "x")
    assert (error.worker_id, error.worker_name, error.attempt) == (worker.id, "alice", 1)
    assert error.frames[-1].function == "fail"
    assert [frame.function for frame in error.frames] == ["fail"]


@pytest.mark.parametrize(
    ("function", "type_name"),
    [
        (sys.exit, "builtins.SystemExit"),
        (threading.Lock, "gdistributed.errors.SerializationError"),
        (fail, "builtins.TypeError"),  # an argument is missing
    ],
)
async def test_it_lives_whatever_a_task_does(line: Line, function: type, type_name: str) -> None:
    await line.run("x", function)
    assert (await line.erred("x")).error.type == type_name
    await line.run("y", operator.add, 1, 2)
    await line.finished("y")


async def test_a_result_that_cannot_be_pickled_names_its_type(line: Line) -> None:
    await line.run("x", threading.Lock)
    error = (await line.erred("x")).error
    assert error.reason == "SERIALIZATION_FAILED"
    assert "_thread.lock" in error.message


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
    for n in range(3):
        await line.run(f"x{n}", pass_gate, "revoke")
    named = [worker_pb2.TaskAttempt(key=f"x{n}", attempt=1) for n in (0, 2)]
    await line.say(revoke=named)
    await line.until(lambda said: len(said.revoked) == 2)
    assert [(answer.key, answer.given_back) for answer in line.said.revoked] == [
        ("x0", False),
        ("x2", True),
    ]
    gate.set()
    await line.finished("x0")
    await line.finished("x1")


GATES: dict[str, threading.Event] = {}


def pass_gate(name: str) -> None:
    from tests.services import test_worker

    test_worker.GATES[name].wait(30)


# ---- Data


async def test_a_dependency_is_fetched_from_a_peer(
    stage: Stage, worker: Worker, line: Line
) -> None:
    async with Worker(stage.address, nthreads=1, name="bob") as other:
        second = await stage.line()
        await line.run("x", np.arange, 500_000)
        await line.finished("x")
        await second.run(
            "y",
            np.sum,
            KeyReference("x"),
            dependencies=(depend("x", 1),),
            peers=[peer(worker)],
        )
        report = await second.finished("y")
        assert decode(payload(report.value)) == sum(range(500_000))
        [stored] = second.said.stored
        assert (stored.key, stored.type) == ("x", "numpy.ndarray")
        assert stored.nbytes >= 4_000_000
        await second.say(free=["x"])
        await second.run("z", operator.add, 1, 2)
        await second.finished("z")
        assert sorted(other.data) == ["y", "z"]


async def test_a_peer_that_lacks_the_value_is_reported(
    stage: Stage, worker: Worker, line: Line
) -> None:
    async with Worker(stage.address) as other:
        await stage.line()
        await line.run(
            "y", int, KeyReference("x"), dependencies=(depend("x", 2),), peers=[peer(other, 2)]
        )
        [missing] = await line.until(lambda said: said.missing)
        assert (missing.key, missing.worker_id) == ("x", other.id)
        assert not missing.unreachable


async def test_a_peer_that_is_gone_is_reported(line: Line) -> None:
    gone = task_pb2.Peer(number=2, worker_id="gone", address="127.0.0.1:1")
    await line.run("y", int, KeyReference("x"), dependencies=(depend("x", 2),), peers=[gone])
    [missing] = await line.until(lambda said: said.missing)
    assert (missing.key, missing.worker_id, missing.unreachable) == ("x", "gone", True)


async def test_another_process_at_the_address_of_a_peer_is_not_taken_for_it(
    line: Line, worker: Worker
) -> None:
    await line.run("x", operator.add, 1, 2)
    await line.finished("x")
    former = task_pb2.Peer(number=2, worker_id="former", address=worker.address)
    await line.run("y", int, KeyReference("z"), dependencies=(depend("z", 2),), peers=[former])
    [missing] = await line.until(lambda said: said.missing)
    assert missing.worker_id == "former"


async def test_a_value_that_cannot_be_sent_fails_what_needs_it(
    stage: Stage, worker: Worker, line: Line
) -> None:
    worker.data["x"] = threading.Lock()
    async with Worker(stage.address) as other:
        second = await stage.line()
        await second.run(
            "y", id, KeyReference("x"), dependencies=(depend("x", 1),), peers=[peer(worker)]
        )
        error = (await second.erred("y")).error
        assert error.reason == "SERIALIZATION_FAILED"
        assert "_thread.lock" in error.message
        assert other.data == {}


async def test_values_that_ride_along_are_used_and_larger_ones_kept(
    line: Line, worker: Worker
) -> None:
    small = encode(5).SerializeToString()
    large = encode(b"x" * 5000).SerializeToString()
    await line.run("a", operator.neg, KeyReference("s"), dependencies=(depend("s", value=small),))
    await line.run("b", len, KeyReference("l"), dependencies=(depend("l", value=large),))
    assert decode(payload((await line.finished("a")).value)) == -5
    assert decode(payload((await line.finished("b")).value)) == 5000
    assert [stored.key for stored in line.said.stored] == ["l"]
    assert sorted(worker.data) == ["a", "b", "l"]


async def test_a_value_that_rides_along_and_is_rubbish_fails_the_task(line: Line) -> None:
    rubbish = value_pb2.Payload(codec="python/pickle5", data=b"r" * 2000).SerializeToString()
    await line.run("y", int, KeyReference("x"), dependencies=(depend("x", value=rubbish),))
    assert (await line.erred("y")).error.reason == "SERIALIZATION_FAILED"


async def test_freed_values_are_dropped(line: Line, worker: Worker) -> None:
    await line.run("x", operator.add, 1, 2)
    await line.finished("x")
    await line.say(free=["x"])
    await line.run("y", operator.add, 1, 2)
    await line.finished("y")
    assert list(worker.data) == ["y"]


async def test_a_copy_is_made_when_the_scheduler_says_so(
    stage: Stage, worker: Worker, line: Line
) -> None:
    await line.run("x", operator.add, 1, 2)
    await line.finished("x")
    async with Worker(stage.address) as other:
        second = await stage.line()
        await second.say(peers=[peer(worker)], fetch=[depend("x", 1)])
        await second.until(lambda said: said.stored)
        assert other.data == {"x": 3}


class Fussy(UserDict[str, object]):
    """Does not take everything, and notes who comes by."""

    def __init__(self) -> None:
        super().__init__()
        self.visitors: set[str] = set()

    def __setitem__(self, key: str, value: object) -> None:
        self.visitors.add(threading.current_thread().name)
        if value == "too much":
            raise OSError("no room left")
        if value != "forget me":
            super().__setitem__(key, value)


async def test_values_live_in_the_mapping_given(stage: Stage) -> None:
    mapping = Fussy()
    async with Worker(stage.address, nthreads=2, data=mapping):
        line = await stage.line()
        await line.run("x", operator.add, 1, 2)
        await line.finished("x")
        await line.run("y", operator.neg, KeyReference("x"), dependencies=(depend("x", 1),))
        assert decode(payload((await line.finished("y")).value)) == -3
        assert dict(mapping) == {"x": 3, "y": -3}
        assert mapping.visitors == {"gd-store_0"}


async def test_a_mapping_that_fails_errs_the_task(stage: Stage) -> None:
    async with Worker(stage.address, data=Fussy()):
        line = await stage.line()
        await line.run("x", str, "too much")
        error = (await line.erred("x")).error
        assert (error.type, error.message) == ("builtins.OSError", "no room left")
        assert "The mapping of this worker's values did not take 'x'." in error.traceback
        await line.run("y", operator.add, 1, 2)
        await line.finished("y")


async def test_a_mapping_that_forgets_is_reported(stage: Stage) -> None:
    async with Worker(stage.address, data=Fussy()):
        line = await stage.line()
        await line.run("x", str, "forget me")
        await line.finished("x")
        await line.run("y", len, KeyReference("x"), dependencies=(depend("x", 1),))
        assert (await line.erred("y")).error.reason == "DATA_LOST"
        await line.until(lambda said: list(said.dropped) == ["x"])


# ---- What peers, clients and people ask


async def test_values_are_put_and_fetched(
    line: Line, worker: Worker, channel: grpc.aio.Channel
) -> None:
    array = np.random.default_rng(0).random(1_000_000)
    values = {"array": array, "small": {"a": 1}, "bytes": b"b" * 200_000, "none": None}
    stored = await store(channel, worker.id, values)
    assert [(each.key, each.type) for each in stored] == [
        ("array", "numpy.ndarray"),
        ("small", "dict"),
        ("bytes", "bytes"),
        ("none", "NoneType"),
    ]
    found = await fetch(channel, worker.id, [*values, "unknown"])
    np.testing.assert_array_equal(found.pop("array"), array)
    assert found == {"small": {"a": 1}, "bytes": b"b" * 200_000, "none": None}
    assert not line.said.stored  # the client that scatters tells the scheduler


async def test_another_incarnation_is_refused(channel: grpc.aio.Channel, stub: Stub) -> None:
    with pytest.raises(ConnectionLost, match="is meant"):
        await fetch(channel, "somebody else", ["x"])
    with pytest.raises(ConnectionLost, match="is meant"):
        await store(channel, "somebody else", {"x": 1})
    for call, request in (
        (stub.DeleteData, worker_pb2.DeleteDataRequest(worker_id="other")),
        (stub.Run, worker_pb2.RunRequest(worker_id="other")),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request)
        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert reason_of_call(caught.value) == "WRONG_WORKER"


async def test_a_value_that_cannot_be_put_is_an_error(
    worker: Worker, channel: grpc.aio.Channel
) -> None:
    with pytest.raises(SerializationError, match=r"_thread\.lock"):
        await store(channel, worker.id, {"x": 1, "y": threading.Lock()})


async def test_values_go_out_in_the_codecs_that_the_caller_reads(
    worker: Worker, stub: Stub
) -> None:
    worker.data.update({"plain": [1, 2], "raw": b"abc", "object": object()})
    request = worker_pb2.GetDataRequest(keys=["plain", "raw", "object"], accept_runtime="go")
    items = [item async for response in stub.GetData(request) for item in response.items]
    assert [(item.value.codec, item.value.data) for item in items[:2]] == [
        ("json", b"[1,2]"),
        ("raw", b"abc"),
    ]
    assert items[2].error.reason == "CODEC_UNSUPPORTED"
    assert "object" in items[2].error.message


async def test_bad_requests_for_data_are_refused(stub: Stub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetData(worker_pb2.GetDataRequest(keys=["a", "b"], offset=7)).read()
    assert reason_of_call(caught.value) == "BAD_OFFSET"
    call = stub.PutData()
    await call.write(worker_pb2.PutDataRequest(keys=["x"], chunk={"offset": 9}))
    await call.done_writing()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert reason_of_call(caught.value) == "BAD_CHUNK"


async def test_data_is_listed_in_pages_and_deleted(
    line: Line, worker: Worker, channel: grpc.aio.Channel, stub: Stub
) -> None:
    await store(channel, worker.id, {f"x{n}": n for n in range(5)} | {"y": 1})
    request = worker_pb2.ListDataRequest(page_size=3, key_prefix="x")
    first = await stub.ListData(request)
    request.page_token = first.next_page_token
    second = await stub.ListData(request)
    keys = [each.key for page in (first, second) for each in page.data]
    assert keys == ["x0", "x1", "x2", "x3", "x4"]
    assert second.next_page_token == ""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListData(worker_pb2.ListDataRequest(page_token="rubbish"))
    assert reason_of_call(caught.value) == "BAD_PAGE_TOKEN"
    deleted = await stub.DeleteData(worker_pb2.DeleteDataRequest(keys=["x1", "unknown"]))
    assert list(deleted.deleted) == ["x1"]
    await line.until(lambda said: list(said.dropped) == ["x1"])
    assert "x1" not in worker.data


async def test_a_function_can_be_called_at_once(stub: Stub) -> None:
    def arguments(*args: object) -> value_pb2.Arguments:
        return value_pb2.Arguments.FromString(pack_call(args, {})[0])

    response = await stub.Run(
        worker_pb2.RunRequest(function=pack_function(os.getpid), arguments=arguments())
    )
    assert decode(response.value) == os.getpid()
    response = await stub.Run(
        worker_pb2.RunRequest(function=pack_function(fail), arguments=arguments(3))
    )
    assert response.error.message == "bad 3"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Run(worker_pb2.RunRequest(function=task_pb2.Function(name="no.such")))
    assert reason_of_call(caught.value) == "UNKNOWN_FUNCTION"


async def test_the_status_says_what_it_does(line: Line, worker: Worker, stub: Stub) -> None:
    GATES["status"] = threading.Event()
    await line.run("busy", pass_gate, "status")
    await line.until(lambda said: said.started)
    status = await stub.GetStatus(worker_pb2.GetStatusRequest())
    assert (status.worker_id, status.name, status.nthreads) == (worker.id, "alice", 2)
    assert list(status.executing) == ["busy"]
    assert status.status == worker_pb2.WORKER_STATUS_RUNNING
    assert status.metrics.executing == 1
    GATES["status"].set()
    await line.finished("busy")
