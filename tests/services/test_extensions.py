"""The services Extensions, Extensible and Runner, as a peer in another language sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from gdistributed import AsyncClient, Center
from gdistributed.data.codecs import encode
from gdistributed.data.functions import pack_function
from gdistributed.errors import NotAllowed
from gdistributed.services.scheduler.server import Scheduler
from gdistributed.services.worker.server import Worker
from gdistributed.v1 import (
    center_pb2,
    center_pb2_grpc,
    extensions_pb2_grpc,
    scheduler_pb2_grpc,
    worker_pb2,
)
from gdistributed.v1 import extensions_pb2 as pb
from gdistributed.wire.software import own_software
from gdistributed.wire.status import reason_of_call
from tests.services.stage import Stage

Code = grpc.StatusCode


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    async with Scheduler() as scheduler:
        yield scheduler


@pytest.fixture
async def channel(scheduler: Scheduler) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(scheduler.address) as channel:
        yield channel


@pytest.fixture
def extensions(channel: grpc.aio.Channel) -> extensions_pb2_grpc.ExtensionsAsyncStub:
    return extensions_pb2_grpc.ExtensionsStub(channel)


def foreign(name: str = "x", **fields: object) -> pb.Extension:
    """An extension that nobody here can read."""
    file = pb.CodeFile(name="x.go", data=b"\x80 no Python")
    return pb.Extension(**{"name": name, "role": "worker", "runtime": "go", "file": file, **fields})


async def listed(
    extensions: extensions_pb2_grpc.ExtensionsAsyncStub, *known: str
) -> tuple[int, list[pb.Extension]]:
    request = pb.ListExtensionsRequest(role="worker", known=known)
    first, *others = [message async for message in extensions.ListExtensions(request)]
    return first.revision, [message.extension for message in others]


def hello(revision: int) -> worker_pb2.FromWorker:
    return worker_pb2.FromWorker(
        hello=worker_pb2.WorkerHello(
            software=own_software(["extensions"]), worker_id="w", name="w", address="127.0.0.1:1",
            nthreads=1, extensions=revision,
        )
    )  # fmt: skip


async def test_the_scheduler_keeps_what_it_cannot_read(
    extensions: extensions_pb2_grpc.ExtensionsAsyncStub,
) -> None:
    assert await listed(extensions) == (0, [])
    await extensions.AddExtension(pb.AddExtensionRequest(extension=foreign("a")))
    await extensions.AddExtension(pb.AddExtensionRequest(extension=foreign("b")))
    revision, [a, b] = await listed(extensions)
    assert (revision, a.name, b.name) == (2, "a", "b")
    assert a.id != b.id
    assert a.file.data == b"\x80 no Python"
    _, [a_again, b_again] = await listed(extensions, a.id)
    assert (a_again.id, a_again.WhichOneof("content")) == (a.id, None)
    assert b_again == b

    await extensions.RemoveExtension(pb.RemoveExtensionRequest(role="worker", name="a"))
    assert await listed(extensions) == (3, [b])
    with pytest.raises(grpc.aio.AioRpcError, match="there are: b") as raised:
        await extensions.RemoveExtension(pb.RemoveExtensionRequest(role="worker", name="a"))
    assert reason_of_call(raised.value) == "UNKNOWN_EXTENSION"


@pytest.mark.parametrize(
    "extension", [foreign(""), foreign(role="cook"), pb.Extension(name="x", role="worker")]
)
async def test_what_is_no_extension(
    extensions: extensions_pb2_grpc.ExtensionsAsyncStub, extension: pb.Extension
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await extensions.AddExtension(pb.AddExtensionRequest(extension=extension))
    assert raised.value.code() is Code.INVALID_ARGUMENT
    assert reason_of_call(raised.value) == "BAD_EXTENSION"


async def test_a_scheduler_reads_nothing_unless_told_to(
    channel: grpc.aio.Channel, extensions: extensions_pb2_grpc.ExtensionsAsyncStub
) -> None:
    runner = extensions_pb2_grpc.RunnerStub(channel)
    bad = foreign(role="scheduler")
    for call in (
        extensions.AddExtension(pb.AddExtensionRequest(extension=bad)),
        runner.RunFunction(pb.RunFunctionRequest(function=pack_function(exit))),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() is Code.PERMISSION_DENIED
        assert reason_of_call(raised.value) == "RUN_NOT_ALLOWED"


async def test_a_worker_that_is_behind_is_not_let_in(
    channel: grpc.aio.Channel, extensions: extensions_pb2_grpc.ExtensionsAsyncStub
) -> None:
    await extensions.AddExtension(pb.AddExtensionRequest(extension=foreign()))
    scheduler = scheduler_pb2_grpc.SchedulerStub(channel)
    stream = scheduler.ConnectWorker()
    await stream.write(hello(revision=0))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stream.read()
    assert raised.value.code() is Code.FAILED_PRECONDITION
    assert reason_of_call(raised.value) == "EXTENSIONS_CHANGED"
    stream = scheduler.ConnectWorker()
    await stream.write(hello(revision=1))
    assert (await stream.read()).HasField("welcome")
    stream.cancel()


async def test_a_worker_that_cannot_be_reached_is_an_outcome(
    channel: grpc.aio.Channel, extensions: extensions_pb2_grpc.ExtensionsAsyncStub
) -> None:
    stream = scheduler_pb2_grpc.SchedulerStub(channel).ConnectWorker()
    await stream.write(hello(revision=0))
    await stream.read()
    added = await extensions.AddExtension(pb.AddExtensionRequest(extension=foreign()))
    [outcome] = added.outcomes
    assert (outcome.name, outcome.error.reason) == ("w", "CONNECTION_LOST")
    assert (await listed(extensions))[1] == []
    stream.cancel()


async def test_extensions_of_other_runtimes_are_passed_over(
    scheduler: Scheduler, extensions: extensions_pb2_grpc.ExtensionsAsyncStub
) -> None:
    await extensions.AddExtension(pb.AddExtensionRequest(extension=foreign("early")))
    async with Worker(scheduler.address) as worker:
        await worker.wait_connected()
        added = await extensions.AddExtension(pb.AddExtensionRequest(extension=foreign("late")))
        assert [outcome.HasField("error") for outcome in added.outcomes] == [False]
        assert worker.plugins == {}


async def test_a_plugin_that_cannot_be_read_is_an_outcome(
    scheduler: Scheduler, extensions: extensions_pb2_grpc.ExtensionsAsyncStub
) -> None:
    async with Worker(scheduler.address) as worker:
        await worker.wait_connected()
        broken = encode(object())
        broken.data = b"no pickle"
        plugin = pb.Extension(name="x", role="worker", runtime="python", plugin=broken)
        added = await extensions.AddExtension(pb.AddExtensionRequest(extension=plugin))
        [outcome] = added.outcomes
        assert outcome.error.reason == "SERIALIZATION_FAILED"


async def test_a_worker_serves_a_scheduler_without_extensions(stage: Stage) -> None:
    async with Worker(stage.address) as worker:
        await worker.wait_connected()
        assert (await stage.line()).hello.extensions == 0


async def test_metadata_is_that_of_the_center_wherever_it_is() -> None:
    async with Center() as center, Scheduler(center=center.address) as scheduler:
        async with grpc.aio.insecure_channel(scheduler.address) as channel:
            stub = center_pb2_grpc.CenterStub(channel)
            entry = center_pb2.MetadataEntry(value=encode(5))
            await stub.SetMetadata(center_pb2.SetMetadataRequest(path=["x"], entries=[entry]))
        async with AsyncClient(center.address, set_as_default=False) as client:
            assert await client.get_metadata("x") == 5
            assert (await client.get_versions())["scheduler"]["packages"]["pickle"] == "5"
            with pytest.raises(NotAllowed):
                await client.run_on_scheduler(exit)
            await client.shutdown()
        await scheduler.wait_stopped()
