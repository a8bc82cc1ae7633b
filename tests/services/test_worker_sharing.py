"""Large values between workers and clients of one machine, over real gRPC: told, not sent."""

from __future__ import annotations

import gc
import operator
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import numpy as np

from gdistributed.data.arguments import KeyReference
from gdistributed.data.codecs import decode, encode
from gdistributed.data.shared_memory import SharedMemory, same_host
from gdistributed.data.transfer import fetch, store
from gdistributed.services.worker.server import Worker
from gdistributed.settings import WorkerSettings
from gdistributed.v1 import worker_pb2, worker_pb2_grpc
from gdistributed.wire.channel import open_channel
from gdistributed.wire.server import Server
from tests.segments import living_segments
from tests.services.stage import Line, Stage, payload, peer
from tests.waiting import until_async

if TYPE_CHECKING:
    Stub = worker_pb2_grpc.WorkerAsyncStub

Context = grpc.aio.ServicerContext[Any, Any]
NBYTES = 2**21
TIMEOUT_S = 10.0


def depend(key: str, *holders: int) -> worker_pb2.Dependency:
    return worker_pb2.Dependency(key=key, holders=holders, nbytes=NBYTES)


def segments() -> set[str]:
    gc.collect()
    return living_segments([os.getpid()])


async def segments_become(names: set[str]) -> None:
    """Wait until these are all: the end of a call takes a moment to arrive."""
    await until_async(lambda: segments() == names, TIMEOUT_S)


async def ask(stub: Stub, *keys: str, same_host: str) -> worker_pb2.GetDataResponse:
    """Ask for values and end the call at the first answer."""
    request = worker_pb2.GetDataRequest(keys=keys, accept_runtime="python", same_host=same_host)
    call = stub.GetData(request)
    response = await call.read()
    call.cancel()
    assert isinstance(response, worker_pb2.GetDataResponse)
    return response


async def test_a_worker_says_which_memory_it_shares(stage: Stage, line: Line) -> None:
    assert line.hello.same_host == same_host() != ""
    async with Worker(stage.address, settings=WorkerSettings(shared_memory=False)):
        assert (await stage.line()).hello.same_host == ""


async def test_a_dependency_comes_by_shared_memory_and_goes_with_its_key(
    stage: Stage, worker: Worker, line: Line
) -> None:
    async with Worker(stage.address, nthreads=1, name="bob") as other:
        second = await stage.line()
        await line.run("x", np.ones, NBYTES)
        await line.finished("x")
        await second.run(
            "y", np.sum, KeyReference("x"), dependencies=(depend("x", 1),), peers=[peer(worker)]
        )
        assert decode(payload((await second.finished("y")).value)) == NBYTES
        assert not other.data["x"].flags.writeable
        assert worker.data["x"].flags.writeable
        [name] = segments()
        await line.say(free=["x"])
        await line.run("z", operator.add, 1, 2)
        await line.finished("z")
        assert "x" not in worker.data
        await segments_become({name})  # bob has it
        await second.say(free=["x"])
        await second.run("z", operator.add, 1, 2)
        await second.finished("z")
        await segments_become(set())


async def test_a_client_puts_and_fetches_by_shared_memory(
    worker: Worker, channel: grpc.aio.Channel
) -> None:
    memory = SharedMemory(same_host())
    values = {"array": np.ones(NBYTES), "small": 1, "bytes": b"b" * NBYTES}
    lending = memory.with_host(same_host())
    stored = await store(channel, worker.id, values, lending=lending)
    assert [each.key for each in stored] == ["array", "small", "bytes"]
    del lending
    await until_async(lambda: len(segments()) == 1, TIMEOUT_S)  # bytes are copied out of theirs
    [name] = segments()
    assert not worker.data["array"].flags.writeable
    found = await fetch(
        channel, worker.id, ["array", "small", "bytes", "unknown"], shared_memory=memory
    )
    found["array"][:] = 2
    assert found["array"].sum() == 2 * NBYTES
    assert worker.data["array"].sum() == NBYTES
    assert found["bytes"] == values["bytes"]
    assert found["small"] == 1
    del worker.data["array"]
    await segments_become({name})  # the array at hand lies in it
    del found
    await segments_become(set())


async def test_strangers_are_sent_what_they_ask_for(worker: Worker, stub: Stub) -> None:
    worker.data.update({"x": b"x" * NBYTES, "small": b"x" * 1000})
    for word in ("", "another machine"):
        response = await ask(stub, "x", same_host=word)
        assert response.chunk.header.data_nbytes == NBYTES
    large, small = (await ask(stub, "x", "small", same_host=same_host())).items
    assert large.shared.parts
    assert small.value.data == b"x" * 1000


async def test_a_worker_that_is_not_to_share_does_not(stage: Stage) -> None:
    settings = WorkerSettings(shared_memory=False)
    async with Worker(stage.address, settings=settings) as worker:
        worker.data["x"] = np.ones(NBYTES)
        async with open_channel(worker.address) as channel:
            found = await fetch(channel, worker.id, ["x"], shared_memory=SharedMemory(same_host()))
            assert found["x"].sum() == NBYTES
            lending = SharedMemory(same_host()).with_host(same_host())
            await store(channel, worker.id, {"y": found["x"]}, lending=lending)  # told all the same
            assert worker.data["y"].sum() == NBYTES


async def test_who_does_not_open_what_it_was_told_of_loses_it(stage: Stage) -> None:
    settings = WorkerSettings(shared_lease_s=0.05)
    async with Worker(stage.address, settings=settings) as worker:
        worker.data["x"] = [np.ones(NBYTES)]
        async with open_channel(worker.address) as channel:
            stub: Any = worker_pb2_grpc.WorkerStub(channel)
            request = worker_pb2.GetDataRequest(
                keys=["x"], accept_runtime="python", same_host=same_host()
            )
            [response] = [each async for each in stub.GetData(request)]  # until it ends by itself
            shared = response.items[0].shared
            await segments_become(set())
            assert SharedMemory(same_host()).open(shared) is None


class Liar(Server, worker_pb2_grpc.WorkerServicer):
    """A worker that shares what is not there, with whoever announces memory."""

    def __init__(self) -> None:
        super().__init__(role="worker")
        self.asked: list[tuple[tuple[str, ...], bool]] = []
        self._begin()

    async def opening(self) -> None:
        self.add_servicer(worker_pb2_grpc.add_WorkerServicer_to_server, self)

    async def GetData(
        self, request: worker_pb2.GetDataRequest, context: Context
    ) -> AsyncIterator[worker_pb2.GetDataResponse]:
        self.asked.append((tuple(request.keys), bool(request.same_host)))
        gone = worker_pb2.SharedValue(
            segments=[{"process_id": os.getpid(), "descriptor": 9999, "name": "gdistributed-0"}],
            parts=[{"range": {"nbytes": 1}}],
        )
        for index, key in enumerate(request.keys):
            item = worker_pb2.DataItem(index=index)
            if key.startswith("shared") and request.same_host:
                item.shared.CopyFrom(gone)
            else:
                item.value.CopyFrom(encode(key))
            yield worker_pb2.GetDataResponse(items=[item])

    async def PutData(
        self, requests: AsyncIterator[worker_pb2.PutDataRequest], context: Context
    ) -> worker_pb2.PutDataResponse:
        response, keys = worker_pb2.PutDataResponse(), []
        async for request in requests:
            keys = list(request.keys) or keys
            self.asked += [((keys[item.index],), True) for item in request.items]
            if request.HasField("chunk") and request.chunk.HasField("header"):
                self.asked.append(((keys[request.chunk.index],), False))
            response.again.extend(
                keys[item.index] for item in request.items if item.HasField("shared")
            )
        response.stored.extend(
            worker_pb2.StoredData(key=key) for key in keys if key not in response.again
        )
        return response


async def test_what_cannot_be_opened_is_fetched_and_put_again_without() -> None:
    memory = SharedMemory(same_host())
    async with Liar() as liar, open_channel(liar.address) as channel:
        found = await fetch(channel, "", ["shared-a", "b", "shared-c"], shared_memory=memory)
        assert found == {"shared-a": "shared-a", "b": "b", "shared-c": "shared-c"}
        assert liar.asked == [
            (("shared-a", "b", "shared-c"), True),
            (("shared-a", "shared-c"), False),
        ]
        liar.asked.clear()
        values = {"small": 1, "large": np.ones(NBYTES)}
        lending = memory.with_host(same_host())
        stored = await store(channel, "", values, lending=lending)
        assert [each.key for each in stored] == ["small", "large"]
        assert liar.asked == [(("small",), True), (("large",), True), (("large",), False)]


async def test_small_values_come_together_and_are_written_to_as_if_they_had_been_sent(
    worker: Worker, channel: grpc.aio.Channel
) -> None:
    keys = [str(number) for number in range(40)]
    worker.data.update({key: np.full(2**17, int(key), "u1") for key in keys})
    worker.data["tiny"] = 7
    memory = SharedMemory(same_host(), replace=lambda *_: True)  # as another worker has it
    found = await fetch(channel, worker.id, [*keys, "tiny"], shared_memory=memory)
    assert found.pop("tiny") == 7
    assert len(segments()) == 2  # of 4 MiB, and of the 1 MiB that are left
    for key in keys:
        found[key][0] += 1
        assert found[key].sum() == int(key) * 2**17 + 1
        assert worker.data[key].sum() == int(key) * 2**17
    kept = found["0"]
    found.clear()
    await until_async(lambda: len(segments()) == 1, TIMEOUT_S)  # that in which it lies
    assert kept.sum() == 1
    del kept
    await segments_become(set())


async def test_a_few_small_values_are_sent(worker: Worker, channel: grpc.aio.Channel) -> None:
    worker.data.update({key: np.ones(2**17, "u1") for key in "abc"})
    found = await fetch(channel, worker.id, list("abc"), shared_memory=SharedMemory(same_host()))
    assert sum(array.sum() for array in found.values()) == 3 * 2**17
    assert segments() == set()
