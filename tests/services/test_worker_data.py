"""What a worker holds, fetches and gives away, over real gRPC."""

from __future__ import annotations

import io
import operator
import os
import threading
from collections import UserDict
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gdistributed.data.arguments import KeyReference, pack_call
from gdistributed.data.codecs import decode, encode
from gdistributed.data.codecs.compression import ALL
from gdistributed.data.functions import pack_function
from gdistributed.data.transfer import fetch, store
from gdistributed.errors import ConnectionLost, SerializationError
from gdistributed.services.worker.server import Worker
from gdistributed.settings import WorkerSettings
from gdistributed.v1 import task_pb2, value_pb2, worker_pb2, worker_pb2_grpc
from gdistributed.wire.channel import open_channel
from gdistributed.wire.status import reason_of_call
from tests.services.stage import GATES, Line, Stage, fail, pass_gate, payload, peer

if TYPE_CHECKING:
    Stub = worker_pb2_grpc.WorkerAsyncStub


def depend(key: str, *holders: int, value: bytes = b"") -> worker_pb2.Dependency:
    return worker_pb2.Dependency(key=key, holders=holders, nbytes=100, value=value)


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

    def __getitem__(self, key: str) -> object:
        value = super().__getitem__(key)
        if value == "unreadable":
            raise OSError("the disk is broken")
        return value

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


async def test_a_mapping_that_cannot_be_read_errs_what_needs_it(stage: Stage) -> None:
    async with Worker(stage.address, data=Fussy()) as worker:
        line = await stage.line()
        await line.run("x", str, "unreadable")
        await line.finished("x")
        await line.run("y", len, KeyReference("x"), dependencies=(depend("x", 1),))
        assert (await line.erred("y")).error.message == "the disk is broken"
        async with open_channel(worker.address) as channel:
            with pytest.raises(OSError, match="the disk is broken"):
                await fetch(channel, worker.id, ["x"])


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
    assert all(stored.put for stored in line.said.stored)  # the client is to speak of them


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


async def test_arrays_and_tables_go_out_to_readers_of_other_languages(
    worker: Worker, stub: Stub
) -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    worker.data.update({"array": np.arange(3), "frame": frame, "objects": np.array([object()])})
    request = worker_pb2.GetDataRequest(keys=["array", "frame", "objects"], accept_runtime="go")
    items = [item async for response in stub.GetData(request) for item in response.items]
    array, table = (item.value.data + b"".join(item.value.buffers) for item in items[:2])
    assert np.load(io.BytesIO(array)).tolist() == [0, 1, 2]
    assert pa.ipc.open_stream(table).read_all().to_pydict() == {"a": [1, 2]}
    assert items[2].error.reason == "CODEC_UNSUPPORTED"


async def test_a_result_travels_in_the_codec_that_its_task_asked_for(
    line: Line, worker: Worker, channel: grpc.aio.Channel, stub: Stub
) -> None:
    async def codec_of(key: str, **accepts: object) -> str:
        request = worker_pb2.GetDataRequest(keys=[key], **accepts)  # type: ignore[arg-type]
        [first, *_] = [response async for response in stub.GetData(request)]
        header = first.items[0].value if first.items else first.chunk.header.value
        return header.codec

    await line.run("large", np.zeros, 100_000, codecs=("arrow", "npy"))
    await line.run("small", np.zeros, 3, codecs=("npy",))
    assert (await line.finished("large")).value == b""
    assert payload((await line.finished("small")).value).codec == "npy"
    assert await codec_of("large") == "npy"
    assert await codec_of("large", accept_runtime="python") == "npy"
    assert await codec_of("small", accept_runtime="go") == "npy"
    assert await codec_of("large", accept_codecs=["text", "python/pickle5"]) == "python/pickle5"
    assert (await fetch(channel, worker.id, ["large"]))["large"].shape == (100_000,)
    await line.say(free=["large"])
    await line.run("large", np.ones, 100_000, attempt=2)
    await line.until(lambda said: any(each.attempt == 2 for each in said.finished))
    assert await codec_of("large") == "python/pickle5"


class Quiet:
    """Does not say how much it holds."""

    def __init__(self) -> None:
        self.numbers = np.zeros(100_000)


async def test_a_value_counts_the_memory_that_it_came_in(
    stage: Stage, worker: Worker, line: Line, channel: grpc.aio.Channel
) -> None:
    [stored] = await store(channel, worker.id, {"put": Quiet()})
    assert 800_000 <= stored.nbytes < 802_000
    async with Worker(stage.address) as other:
        second = await stage.line()
        await second.say(peers=[peer(worker)], fetch=[depend("put", 1)])
        await second.until(lambda said: said.stored)
        assert other.data["put"].numbers.shape == (100_000,)  # type: ignore[attr-defined]
        assert 800_000 <= second.said.stored[0].nbytes < 802_000


TEXT = "compress me " * 100_000


@pytest.mark.parametrize(
    ("setting", "accepts", "said"),
    [
        ("auto", ["lz4", "zstd"], {""}),  # it is this host that asks
        ("zstd", ["lz4", "zstd"], {"zstd"}),
        ("zstd", ["lz4"], {""}),
        ("none", ["lz4"], {""}),
    ],
)
async def test_data_is_compressed_where_that_helps(
    stage: Stage, setting: str, accepts: list[str], said: set[str]
) -> None:
    noise = np.random.default_rng(0).random(200_000)
    settings = WorkerSettings(compression=setting)
    async with Worker(stage.address, settings=settings) as worker:
        worker.data.update({"text": TEXT, "noise": noise})
        request = worker_pb2.GetDataRequest(accept_compressions=accepts)
        async with open_channel(worker.address) as channel:
            stub: Stub = worker_pb2_grpc.WorkerStub(channel)
            used = {}
            for key in ("text", "noise"):
                request.keys[:] = [key]
                used[key] = {each.chunk.compression async for each in stub.GetData(request)}
            assert used == {"text": said, "noise": {""}}
            found = await fetch(channel, worker.id, ["text", "noise"])
    assert found["text"] == TEXT
    np.testing.assert_array_equal(found["noise"], noise)


@pytest.mark.parametrize("name", ["lz4", "zstd", "gzip"])
async def test_data_that_is_put_may_be_compressed(
    line: Line, worker: Worker, channel: grpc.aio.Channel, name: str
) -> None:
    assert f"compression-{name}" in line.hello.software.capabilities
    frame = pd.DataFrame({"a": np.arange(300_000), "b": "text"})
    await store(channel, worker.id, {"x": frame, "y": 1}, ALL[name])
    pd.testing.assert_frame_equal(worker.data["x"], frame)
    assert worker.data["y"] == 1


async def test_an_unknown_compression_is_refused(stage: Stage) -> None:
    with pytest.raises(ValueError, match="'brotli'"):
        Worker(stage.address, settings=WorkerSettings(compression="brotli"))


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
