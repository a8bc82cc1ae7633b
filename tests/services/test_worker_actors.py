"""Actors over real gRPC, by a caller that knows the protocol and no Python object."""

from __future__ import annotations

import asyncio
import collections
import threading
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest

from gdistributed.data.actor_references import ActorReference
from gdistributed.services.worker.server import Worker
from gdistributed.v1 import value_pb2, worker_pb2, worker_pb2_grpc
from tests.services.stage import GATES, REACHED, Line, pass_gate

if TYPE_CHECKING:
    Stub = worker_pb2_grpc.WorkerAsyncStub

Stream = grpc.aio.StreamStreamCall[worker_pb2.CallActorRequest, worker_pb2.CallActorResponse]


@pytest.fixture
async def counter(line: Line) -> str:
    """The key of an actor: a `collections.Counter`."""
    await line.run("k", collections.Counter, "aab", actor=True)
    assert (await line.finished("k")).type == "collections.Counter"
    return "k"


def request(number: int, name: str, *args: str, key: str = "k", reads: bool = False) -> object:
    literals = [value_pb2.Payload(codec="json", data=each.encode()) for each in args]
    return worker_pb2.CallActorRequest(
        number=number,
        key=key,
        name=name,
        reads=reads,
        accept_codecs=["json"],
        arguments=value_pb2.Arguments(
            arguments=[value_pb2.Argument(literal=each) for each in literals]
        ),
    )


async def outcome(stream: Stream) -> tuple[int, str]:
    response = await stream.read()
    assert isinstance(response, worker_pb2.CallActorResponse)
    said = response.value.data.decode() if response.HasField("value") else response.error.reason
    return response.number, said or response.error.type


async def test_plain_data_is_enough_to_call_a_method(stub: Stub, counter: str) -> None:
    stream = stub.CallActor()
    await stream.write(request(1, "get", '"a"'))
    assert await outcome(stream) == (1, "2")
    await stream.write(request(2, "update", '"bbb"'))
    await stream.write(request(3, "get", '"b"'))
    assert [await outcome(stream) for _ in range(2)] == [(2, "null"), (3, "4")]
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF


async def test_errors_are_outcomes(stub: Stub, counter: str) -> None:
    stream = stub.CallActor()
    await stream.write(request(1, "get"))
    await stream.write(request(2, "no_such"))
    await stream.write(request(3, "get", key="nobody"))
    said = dict([await outcome(stream) for _ in range(3)])
    assert said == {1: "builtins.TypeError", 2: "builtins.AttributeError", 3: "ACTOR_LOST"}
    stream.cancel()


async def test_another_incarnation_is_refused(stub: Stub, counter: str) -> None:
    stream = stub.CallActor()
    await stream.write(worker_pb2.CallActorRequest(worker_id="somebody", number=1))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    metadata = dict(caught.value.trailing_metadata() or ())
    assert metadata["gdistributed-reason"] == "WRONG_WORKER"


async def test_a_stream_without_calls_ends(stub: Stub) -> None:
    stream = stub.CallActor()
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF


async def test_a_worker_that_stops_hangs_up(worker: Worker, stub: Stub, counter: str) -> None:
    stream = stub.CallActor()
    await stream.write(request(1, "total"))
    assert await outcome(stream) == (1, "3")
    async with asyncio.timeout(30):
        await worker.stop(1000)  # the grace of a call that does not end
    assert await stream.read() is grpc.aio.EOF


async def test_a_value_that_is_too_large_is_an_outcome(
    stub: Stub, counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gdistributed.runtime.actors.MESSAGE_NBYTES", 10)
    stream = stub.CallActor()
    await stream.write(request(1, "most_common"))
    await stream.write(request(2, "total"))
    assert [await outcome(stream) for _ in range(2)] == [(1, "SERIALIZATION_FAILED"), (2, "3")]
    stream.cancel()


async def test_it_is_let_go_when_it_is_freed(
    line: Line, worker: Worker, stub: Stub, counter: str
) -> None:
    assert isinstance(worker.data["k"], ActorReference)
    await line.say(free=["k"])
    stream = stub.CallActor()
    number = 0
    said = (0, "")
    while said[1] != "ACTOR_LOST":
        number += 1
        await stream.write(request(number, "total"))
        said = await outcome(stream)
    assert worker.data == {}
    stream.cancel()


async def test_two_actors_run_beside_each_other_and_one_does_not(
    line: Line, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        monkeypatch.setitem(GATES, name, threading.Event())
        monkeypatch.setitem(REACHED, name, threading.Event())
    for key in "xy":
        await line.run(key, Gatekeeper, actor=True)
        await line.finished(key)
    stream = stub.CallActor()
    await stream.write(request(1, "wait", '"first"', key="x"))
    await stream.write(request(2, "count", key="x"))
    await stream.write(request(3, "wait", '"second"', key="y"))
    await stream.write(request(4, "count", key="nobody"))
    assert await outcome(stream) == (4, "ACTOR_LOST")
    GATES["second"].set()
    assert await outcome(stream) == (3, "null")
    GATES["first"].set()
    assert [await outcome(stream) for _ in range(2)] == [(1, "null"), (2, "1")]
    stream.cancel()


class Gatekeeper:
    """Waits at gates of the test."""

    def __init__(self) -> None:
        self.passed = 0

    def wait(self, gate: str) -> None:
        pass_gate(gate)
        self.passed += 1

    def count(self) -> int:
        return self.passed
