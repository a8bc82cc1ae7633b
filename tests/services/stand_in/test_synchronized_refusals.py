"""What is refused of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest

from gdistributed import AsyncClient, Scheduler, Worker
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import scheduler_pb2_grpc, server_pb2, worker_pb2
from gdistributed.wire.status import reason_of_call
from tests.services.stand_in.calling import (
    hello,
    joined,
    names,
)

if TYPE_CHECKING:
    Stub = scheduler_pb2_grpc.SchedulerAsyncStub


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        (None, "INVALID_ARGUMENT", "BAD_HELLO"),
        ({"worker_id": ""}, "INVALID_ARGUMENT", "BAD_HELLO"),
        ({"nthreads": 0}, "INVALID_ARGUMENT", "BAD_HELLO"),
        ({"runtimes": []}, "INVALID_ARGUMENT", "BAD_HELLO"),
        ({"runtimes": [worker_pb2.RuntimeOffer()]}, "INVALID_ARGUMENT", "BAD_HELLO"),
        (
            {"runtimes": [worker_pb2.RuntimeOffer(runtime="python")]},
            "INVALID_ARGUMENT",
            "BAD_HELLO",
        ),
        ({"software": None}, "FAILED_PRECONDITION", "PROTOCOL_VERSION"),
        (
            {"software": server_pb2.Software(protocol_major=2)},
            "FAILED_PRECONDITION",
            "PROTOCOL_VERSION",
        ),
        (
            {"software": server_pb2.Software(protocol_major=1, required=["wings"])},
            "FAILED_PRECONDITION",
            "CAPABILITY_MISSING",
        ),
        ({"name": "py"}, "ALREADY_EXISTS", "NAME_TAKEN"),
    ],
)
async def test_a_hello_that_cannot_be_taken(
    client: AsyncClient, stub: Stub, fields: dict[str, object] | None, code: str, reason: str
) -> None:
    request = pb.SynchronizeRequest(hello=None if fields is None else hello(**fields))  # type: ignore[arg-type]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Synchronize(request)
    assert (caught.value.code().name, reason_of_call(caught.value)) == (code, reason)
    assert await names(stub) == ["py"]


@pytest.mark.parametrize("field", ["wait", "lease"])
@pytest.mark.parametrize("seconds", [-1, 301])
async def test_a_wait_must_make_sense(stub: Stub, field: str, seconds: int) -> None:
    request = pb.SynchronizeRequest(hello=hello(), **{field: {"seconds": seconds}})  # type: ignore[arg-type]
    with pytest.raises(grpc.aio.AioRpcError, match=f"{field} is {seconds} s") as caught:
        await stub.Synchronize(request)
    assert reason_of_call(caught.value) == "BAD_WAIT"


async def test_the_id_of_a_worker_with_a_stream_is_taken(scheduler: Scheduler, stub: Stub) -> None:
    async with Worker(scheduler.address, nthreads=1) as worker:
        await worker.wait_connected()
        said = hello(worker_id=worker.id)
        with pytest.raises(grpc.aio.AioRpcError, match="by a stream") as caught:
            await stub.Synchronize(pb.SynchronizeRequest(hello=said))
        assert reason_of_call(caught.value) == "NAME_TAKEN"


async def test_a_scheduler_that_another_has_followed_is_told_apart(stub: Stub) -> None:
    ann = await joined(stub)
    answer = await ann.call(wait_s=0)
    ann.hello.cluster_id, ann.hello.epoch = answer.cluster_id, answer.epoch + 1
    with pytest.raises(grpc.aio.AioRpcError, match="epoch 2") as caught:
        await ann.call()
    assert reason_of_call(caught.value) == "STALE_EPOCH"
    ann.hello.cluster_id = "another"
    assert not (await ann.call(wait_s=0)).run
