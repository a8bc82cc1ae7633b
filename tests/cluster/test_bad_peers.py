"""Peers that break the protocol: refused or skipped; the server and the others live on."""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
from collections.abc import AsyncIterator

import grpc.aio
import pytest

from gdistributed.v1 import (
    scheduler_pb2,
    scheduler_pb2_grpc,
    server_pb2,
    worker_pb2,
)
from tests.cluster.conftest import Grpcurl
from tests.processes import Cluster

pytestmark = pytest.mark.usefixtures("others_live")


@pytest.fixture
def others_live(call: Grpcurl) -> AsyncIterator[None]:
    """After each test the cluster still computes."""
    yield
    task = {"key": "alive", "function": "operator.add", "arguments": [{"json": 1}, {"json": 1}]}
    graph = call("Scheduler/Submit", tasks=[task])["graph_id"]
    assert call("Scheduler/GetResult", key="alive")["json"] == 2
    call("Scheduler/ReleaseTasks", graph_ids=[graph])


def worker_hello(**software: object) -> worker_pb2.FromWorker:
    peer = server_pb2.Software(
        **{"protocol_major": 1, "name": "handmade", "version": "0", **software}
    )
    hello = worker_pb2.WorkerHello(
        software=peer, worker_id="handmade-1", name="handmade", address="127.0.0.1:9", nthreads=1
    )
    return worker_pb2.FromWorker(hello=hello)


def client_hello(**software: object) -> scheduler_pb2.FromClient:
    peer = server_pb2.Software(
        **{"protocol_major": 1, "name": "handmade", "version": "0", **software}
    )
    hello = scheduler_pb2.ClientHello(software=peer, client_id="handmade-1", name="handmade")
    return scheduler_pb2.FromClient(hello=hello)


async def refusal(call: grpc.aio.StreamStreamCall) -> grpc.aio.AioRpcError:
    async def read_all() -> None:
        while await call.read() is not grpc.aio.EOF:
            pass

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(read_all(), timeout=30)
    return caught.value


def reason_of(error: grpc.aio.AioRpcError) -> str:
    return dict(error.trailing_metadata() or ())["gdistributed-reason"]


async def test_a_worker_of_another_major_version_is_refused(cluster: Cluster) -> None:
    async with grpc.aio.insecure_channel(cluster.address) as channel:
        call = scheduler_pb2_grpc.SchedulerStub(channel).ConnectWorker()
        await call.write(worker_hello(protocol_major=99))
        error = await refusal(call)
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(error) == "PROTOCOL_VERSION"
    assert "99" in error.details()
    assert "upgrade" in error.details()


async def test_a_client_of_another_major_version_is_refused(cluster: Cluster) -> None:
    async with grpc.aio.insecure_channel(cluster.address) as channel:
        call = scheduler_pb2_grpc.SchedulerStub(channel).ConnectClient()
        await call.write(client_hello(protocol_major=2))
        error = await refusal(call)
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "2" in error.details()


async def test_a_peer_that_needs_what_we_lack_is_refused(cluster: Cluster) -> None:
    async with grpc.aio.insecure_channel(cluster.address) as channel:
        call = scheduler_pb2_grpc.SchedulerStub(channel).ConnectWorker()
        await call.write(worker_hello(required=["telepathy"]))
        error = await refusal(call)
    assert reason_of(error) == "CAPABILITY_MISSING"
    assert "telepathy" in error.details()


@pytest.mark.parametrize("method", ["ConnectWorker", "ConnectClient"])
async def test_a_stream_without_a_hello_is_refused(cluster: Cluster, method: str) -> None:
    message = {"ConnectWorker": worker_pb2.FromWorker, "ConnectClient": scheduler_pb2.FromClient}
    async with grpc.aio.insecure_channel(cluster.address) as channel:
        call = getattr(scheduler_pb2_grpc.SchedulerStub(channel), method)()
        await call.write(message[method](sequence=1))
        error = await refusal(call)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(error) == "BAD_HELLO"


@pytest.mark.parametrize("method", ["ConnectWorker", "ConnectClient"])
@pytest.mark.parametrize("first", [True, False])
async def test_bytes_that_are_no_message_end_that_stream_only(
    cluster: Cluster, method: str, first: bool
) -> None:
    hello = {"ConnectWorker": worker_hello, "ConnectClient": client_hello}[method]()
    async with grpc.aio.insecure_channel(cluster.address) as channel:
        call = channel.stream_stream(f"/gdistributed.v1.Scheduler/{method}")()
        if not first:
            await call.write(hello.SerializeToString())
            assert await call.read()
        await call.write(b"\xff\xff\xff\xff these are no fields")
        error = await refusal(call)
    assert error.code() != grpc.StatusCode.OK


async def test_unknown_fields_are_skipped(cluster: Cluster) -> None:
    unknown_field = struct.pack("<BBB", 0xFA, 0x3F, 3) + b"new"  # field 1023, three bytes
    async with grpc.aio.insecure_channel(cluster.address) as channel:
        call = channel.stream_stream("/gdistributed.v1.Scheduler/ConnectClient")()
        await call.write(client_hello().SerializeToString() + unknown_field)
        welcome = scheduler_pb2.ToClient.FromString(await call.read()).welcome
        assert welcome.software.protocol_major == 1
        goodbye = scheduler_pb2.FromClient(sequence=1, goodbye=server_pb2.Goodbye(reason="done"))
        await call.write(goodbye.SerializeToString())
        await call.done_writing()


def test_a_wrong_field_is_an_error_of_the_caller(cluster: Cluster, grpcurl: str) -> None:
    request = json.dumps({"page_token": "made up"})
    arguments = [
        "-plaintext",
        "-d",
        request,
        cluster.address,
        "gdistributed.v1.Scheduler/ListTasks",
    ]
    done = subprocess.run(
        [grpcurl, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "InvalidArgument" in done.stderr
