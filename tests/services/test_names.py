"""Names over real gRPC: of a Center, of a scheduler, and of a scheduler with a Center elsewhere."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration

from gdistributed.services.center.server import Center
from gdistributed.services.scheduler.server import Scheduler
from gdistributed.v1 import names_pb2 as pb
from gdistributed.v1 import names_pb2_grpc, value_pb2
from gdistributed.wire.channel import open_channel
from gdistributed.wire.status import reason_of_call

if TYPE_CHECKING:
    Stub = names_pb2_grpc.NamesAsyncStub

AT_ONCE = Duration()


@pytest.fixture(params=["center", "scheduler", "scheduler with a center elsewhere"])
async def address(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Each server that offers names."""
    if request.param == "scheduler":
        async with Scheduler() as scheduler:
            yield scheduler.address
        return
    async with Center() as center:
        if request.param == "center":
            yield center.address
            return
        async with Scheduler(center=center.address) as scheduler:
            yield scheduler.address


@pytest.fixture
async def stub(address: str) -> AsyncIterator[Stub]:
    async with open_channel(address) as channel:
        yield names_pb2_grpc.NamesStub(channel)


async def failure(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    """The status and the reason with which a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), reason_of_call(caught.value)


def text(word: str) -> pb.NamedValue:
    return pb.NamedValue(value=value_pb2.Payload(codec="text", data=word.encode()))


async def waiting(stub: Stub, name: str, count: int) -> None:
    """Wait until so many wait for a lock."""
    while (await stub.GetSemaphore(pb.GetSemaphoreRequest(name=name))).waiting != count:
        await asyncio.sleep(0.01)


async def test_a_lock_goes_from_hand_to_hand(stub: Stub) -> None:
    first = await stub.Acquire(pb.AcquireRequest(names=["x"], holder="ada"))
    assert first.lease == Duration(seconds=30)
    late = stub.Acquire(pb.AcquireRequest(names=["x"], timeout=AT_ONCE))
    assert await failure(late) == (grpc.StatusCode.DEADLINE_EXCEEDED, "ACQUIRE_TIMEOUT")
    second = asyncio.ensure_future(_acquire(stub))
    await waiting(stub, "x", 1)
    known = await stub.GetSemaphore(pb.GetSemaphoreRequest(name="x"))
    assert [lease.holder for lease in known.leases] == ["ada"]
    released = await stub.Release(pb.ReleaseRequest(lease_ids=first.lease_ids))
    assert released.released == first.lease_ids
    gone = await stub.Renew(
        pb.RenewRequest(lease_ids=[*first.lease_ids, *(await second).lease_ids])
    )
    assert gone.gone == first.lease_ids


async def _acquire(stub: Stub, **fields: object) -> pb.AcquireResponse:
    return await stub.Acquire(pb.AcquireRequest(names=["x"], **fields))  # type: ignore[arg-type]


async def test_a_caller_that_hangs_up_leaves_its_place(stub: Stub) -> None:
    held = await _acquire(stub)
    gone = asyncio.ensure_future(_acquire(stub))
    await waiting(stub, "x", 1)
    other = asyncio.ensure_future(_acquire(stub))
    await waiting(stub, "x", 2)
    gone.cancel()
    await waiting(stub, "x", 1)
    await stub.Release(pb.ReleaseRequest(lease_ids=held.lease_ids))
    assert len((await other).lease_ids) == 1


async def test_a_call_that_is_repeated_is_one_call(stub: Stub) -> None:
    held = await _acquire(stub)
    calls = [asyncio.ensure_future(_acquire(stub, request_id="once")) for _ in range(2)]
    await waiting(stub, "x", 1)
    calls.append(asyncio.ensure_future(_acquire(stub)))
    await waiting(stub, "x", 2)
    calls[0].cancel()
    await stub.Release(pb.ReleaseRequest(lease_ids=held.lease_ids))
    second = await calls[1]
    assert await _acquire(stub, request_id="once") == second
    await waiting(stub, "x", 1)
    calls[2].cancel()


async def test_a_lease_that_is_not_renewed_ends(stub: Stub) -> None:
    await _acquire(stub, lease=Duration(nanos=50_000_000))
    assert (await _acquire(stub)).lease_ids


async def test_what_cannot_be_is_refused(stub: Stub) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert await failure(stub.Acquire(pb.AcquireRequest())) == (invalid, "BAD_NAME")
    assert await failure(_acquire(stub, count=2)) == (invalid, "BAD_COUNT")
    await _acquire(stub)
    differs = grpc.StatusCode.FAILED_PRECONDITION, "LIMIT_DIFFERS"
    assert await failure(_acquire(stub, limit=2)) == differs
    for call in (
        stub.SetEvent(pb.SetEventRequest()),
        stub.GetQueue(pb.GetQueueRequest()),
        stub.SetVariable(pb.SetVariableRequest()),
        stub.GetSemaphore(pb.GetSemaphoreRequest()),
        stub.Publish(pb.PublishRequest()),
        stub.Subscribe(pb.SubscribeRequest()).read(),
    ):
        assert await failure(call) == (invalid, "BAD_NAME")


async def test_events_queues_and_variables(stub: Stub) -> None:
    deadline = grpc.StatusCode.DEADLINE_EXCEEDED
    wait = pb.WaitEventRequest(name="e", timeout=AT_ONCE)
    assert await failure(stub.WaitEvent(wait)) == (deadline, "EVENT_TIMEOUT")
    await stub.SetEvent(pb.SetEventRequest(name="e"))
    await stub.WaitEvent(wait)

    put = pb.PutQueueRequest(name="q", value=text("a"), max_size=1, timeout=AT_ONCE)
    assert (await stub.PutQueue(put)).size == 1
    assert await failure(stub.PutQueue(put)) == (deadline, "QUEUE_FULL")
    get = pb.GetQueueRequest(name="q", timeout=AT_ONCE)
    assert list((await stub.GetQueue(get)).values) == [text("a")]
    assert await failure(stub.GetQueue(get)) == (deadline, "QUEUE_EMPTY")

    read = pb.GetVariableRequest(name="v", timeout=AT_ONCE)
    assert await failure(stub.GetVariable(read)) == (deadline, "VARIABLE_UNSET")
    await stub.SetVariable(pb.SetVariableRequest(name="v", value=text("a")))
    assert (await stub.GetVariable(read)).value == text("a")


async def test_messages_of_a_topic_are_streamed(stub: Stub) -> None:
    stream = stub.Subscribe(pb.SubscribeRequest(topic="t"))
    await stream.initial_metadata()
    message = value_pb2.Payload(codec="text", data=b"hello")
    told = await stub.Publish(pb.PublishRequest(topics=["t", "u"], message=message))
    assert told.subscribers == 1
    heard = await stream.read()
    assert (heard.message.number, heard.message.message) == (1, message)
    assert heard.message.published.seconds > 0
    kept = await stub.ListMessages(pb.ListMessagesRequest(topic="t"))
    assert list(kept.messages) == [heard.message]
    again = stub.Subscribe(pb.SubscribeRequest(topic="t", after=0))
    assert await again.read() == heard
    stream.cancel()
    again.cancel()


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_server_that_stops_answers_all_who_wait(elsewhere: bool) -> None:
    async with Center() as center:
        address = center.address if elsewhere else None
        async with Scheduler(center=address) as server, open_channel(server.address) as channel:
            stub: Stub = names_pb2_grpc.NamesStub(channel)
            await _acquire(stub)
            waits = asyncio.ensure_future(_acquire(stub))
            await waiting(stub, "x", 1)
            await server.stop(grace_s=60)
            assert await failure(waits) == (grpc.StatusCode.UNAVAILABLE, "CONNECTION_LOST")


async def test_a_center_that_stops_ends_what_follows_a_topic() -> None:
    async with Center() as center, open_channel(center.address) as channel:
        stub: Stub = names_pb2_grpc.NamesStub(channel)
        stream = stub.Subscribe(pb.SubscribeRequest(topic="t"))
        await stream.initial_metadata()
        await center.stop(grace_s=60)
        unavailable = grpc.StatusCode.UNAVAILABLE, "CONNECTION_LOST"
        assert await failure(stream.read()) == unavailable


async def test_grpcurl_needs_nothing_of_ours(address: str, grpcurl: str) -> None:
    async def call(method: str, **request: object) -> dict[str, object]:
        command = [grpcurl, "-plaintext", "-d", json.dumps(request), address]
        done = await asyncio.to_thread(
            subprocess.run,
            [*command, f"gdistributed.v1.Names/{method}"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    held = await call("Acquire", names=["deploy"], holder="a person", lease="60s")
    assert held["lease"] == "60s"
    (lease,) = (await call("GetSemaphore", name="deploy"))["leases"]  # type: ignore[misc]
    assert lease["holder"] == "a person"
    assert await call("Release", names=["deploy"]) == {"released": held["lease_ids"]}
