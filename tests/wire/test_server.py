"""Servers on real gRPC: their two lives, what each answers, and how errors travel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from gdistributed.errors import AddressInUse, ConnectTimeout, GDistributedError, NameTaken
from gdistributed.v1 import server_pb2, server_pb2_grpc
from gdistributed.wire.addresses import normalise_address
from gdistributed.wire.channel import connect, open_channel
from gdistributed.wire.loop_thread import LoopThread
from gdistributed.wire.remote import rpc
from gdistributed.wire.server import Server
from gdistributed.wire.status import error_from_call, reason_of_call

SERVICE = "test.Failing"
KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream", "read_and_written")


def failing_handlers(error: Exception) -> grpc.GenericRpcHandler:
    """A service whose five methods, one of each kind, raise."""

    async def unary(_request: object, _context: object) -> bytes:
        raise error

    async def stream(_request: object, _context: object) -> AsyncIterator[bytes]:
        yield b"first"
        raise error

    async def read_and_written(_requests: object, context: grpc.aio.ServicerContext) -> None:
        await context.read()
        raise error

    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "unary_unary": grpc.unary_unary_rpc_method_handler(unary),
            "unary_stream": grpc.unary_stream_rpc_method_handler(stream),
            "stream_unary": grpc.stream_unary_rpc_method_handler(unary),
            "stream_stream": grpc.stream_stream_rpc_method_handler(stream),
            "read_and_written": grpc.stream_stream_rpc_method_handler(read_and_written),
        },
    )


class Failing(Server):
    def __init__(self, error: Exception) -> None:
        super().__init__(role="failing")
        self.error = error
        self._begin()

    async def opening(self) -> None:
        handlers = failing_handlers(self.error)
        self.add_servicer(lambda _, server: server.add_generic_rpc_handlers((handlers,)), None)


async def call(channel: grpc.aio.Channel, kind: str) -> None:
    """Call a method of the failing service to its end."""
    path = f"/{SERVICE}/{kind}"
    if kind == "unary_unary":
        await channel.unary_unary(path)(b"")
    elif kind == "stream_unary":
        await channel.stream_unary(path)(iter([b""]))
    elif kind == "unary_stream":
        async for _ in channel.unary_stream(path)(b""):
            pass
    else:
        async for _ in channel.stream_stream(path)(iter([b""])):
            pass


async def failure(channel: grpc.aio.Channel, kind: str) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, kind)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
async def test_our_errors_arrive_as_what_they_are(kind: str) -> None:
    error = NameTaken("the name is taken").with_reason("DATASET_EXISTS")
    async with Failing(error) as server, open_channel(server.address) as channel:
        status = await failure(channel, kind)
    assert status.code() == grpc.StatusCode.ALREADY_EXISTS
    raised = error_from_call(status)
    assert isinstance(raised, NameTaken)
    assert (str(raised), raised.reason) == ("the name is taken", "DATASET_EXISTS")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_nobody_expected_is_internal_and_logged(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = Failing(ZeroDivisionError("by zero"))
    async with server, await connect((await server).address, 5) as channel:
        status = await failure(channel, kind)
    assert status.code() == grpc.StatusCode.INTERNAL
    assert status.details() == "ZeroDivisionError: by zero"
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert record.message == "call failed unexpectedly"
    assert record.exc_info is not None


async def test_long_messages_are_cut_to_fit_a_status() -> None:
    server = Failing(NameTaken("x" * 50_000))
    async with server, await connect((await server).address, 5) as channel:
        status = await failure(channel, "unary_unary")
    assert status.code() == grpc.StatusCode.ALREADY_EXISTS
    assert len(status.details() or "") == 1000


async def test_unknown_methods_and_malformed_bytes_leave_the_server_alive() -> None:
    async with Server(role="here") as server, open_channel(server.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/no.Service/Method")(b"")
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary("/gdistributed.v1.Server/GetLogs")(b"\xff\xff garbage")
        assert (await identity(channel)).role == "here"


async def identity(channel: grpc.aio.Channel) -> server_pb2.IdentifyResponse:
    return await server_pb2_grpc.ServerStub(channel).Identify(server_pb2.IdentifyRequest())


async def test_a_server_says_who_it_is() -> None:
    server = Server(role="tester", name="bob")
    async with server, await connect((await server).address, 5) as channel:
        found = await identity(channel)
    assert (found.role, found.name, found.id) == ("tester", "bob", server.id)
    assert list(found.addresses) == server.addresses
    assert found.software.protocol_major == 1
    assert "gdistributed.v1.Server" in found.services


async def test_it_keeps_what_it_logged() -> None:
    async with Server() as server, open_channel(server.address) as channel:
        logging.getLogger("gdistributed.test").warning("something odd")
        logging.getLogger("gdistributed.test").error("something bad")
        stub = server_pb2_grpc.ServerStub(channel)
        lines = (await stub.GetLogs(server_pb2.GetLogsRequest(count=2))).lines
        assert [line.text for line in lines] == ["something odd", "something bad"]
        errors = (await stub.GetLogs(server_pb2.GetLogsRequest(level="ERROR", count=1))).lines
        assert [(line.level, line.logger) for line in errors] == [("ERROR", "gdistributed.test")]


async def test_health_of_the_server_and_of_each_service() -> None:
    async with Server() as server, open_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "gdistributed.v1.Server"):
            request = health_pb2.HealthCheckRequest(service=service)
            status = (await stub.Check(request)).status
            assert status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_in_both_versions(version: str) -> None:
    async with Server() as server, open_channel(server.address) as channel:
        talk = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        async for answer in talk(iter([question])):
            names = {each.name for each in answer.list_services_response.service}
    assert {"gdistributed.v1.Server", "grpc.health.v1.Health"} <= names


async def test_several_addresses_and_a_socket_file(tmp_path: Path) -> None:
    path = f"unix:{tmp_path}/socket"
    async with Server(addresses=["127.0.0.1:0", path]) as server:
        assert server.addresses[1] == path
        for address in server.addresses:
            async with await connect(address, 5) as channel:
                assert (await identity(channel)).id == server.id


async def test_a_port_that_is_taken_is_named() -> None:
    async with Server() as server:
        port = int(server.address.rpartition(":")[2])
        with pytest.raises(AddressInUse, match=server.address):
            await Server(port=port)


async def test_calls_get_a_grace_when_the_server_stops() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        began.set()
        await go_on.wait()
        return "done"

    server = await Server(handlers={"slow": slow})
    async with rpc(server.address) as remote:
        result = asyncio.ensure_future(remote.slow())
        await began.wait()
        stopping = asyncio.ensure_future(server.stop(grace_s=30))
        go_on.set()
        assert await result == "done"
        await stopping
    await server.stop()  # again, to no harm
    await server.wait_stopped()


def test_plain_code_starts_and_stops_it_without_a_loop() -> None:
    with Server() as server:
        assert LoopThread.shared().run(connect(server.address, 5)) is not None
    with pytest.raises(ConnectTimeout):
        LoopThread.shared().run(connect(server.address, 0.2))


async def test_where_a_loop_runs_it_is_entered_by_async_with() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        Server().__enter__()


async def test_nobody_at_an_address_is_said_with_the_timeout() -> None:
    with pytest.raises(ConnectTimeout, match=r"127\.0\.0\.1:1 within 0\.2 s: nothing listens"):
        await connect("127.0.0.1:1", 0.2)


async def test_somebody_who_speaks_no_grpc_is_told_apart() -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as other:
        host, port = other.sockets[0].getsockname()
        with pytest.raises(ConnectTimeout, match="does not speak gRPC"):
            await connect(f"{host}:{port}", 0.3)


async def test_a_proxy_in_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with Server() as server, await connect(server.address, 5) as channel:
        assert (await identity(channel)).id == server.id


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("127.0.0.1:5", "127.0.0.1:5"),
        ("tcp://host:5", "host:5"),
        ("grpc://host", "host:8786"),
        ("unix:/run/s", "unix:/run/s"),
        ("[::1]:5", "[::1]:5"),
        ("::1", "[::1]:8786"),
    ],
)
def test_addresses_are_understood_as_people_write_them(given: str, meant: str) -> None:
    assert normalise_address(given) == meant


def test_an_error_without_our_reason_is_told_by_its_code() -> None:
    nothing = grpc.aio.Metadata()
    status = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, details="down")
    raised = error_from_call(status, "h:1", "asking")
    assert reason_of_call(status) == ""
    assert isinstance(raised, GDistributedError)
    assert isinstance(raised, ConnectionError)
    assert str(raised) == "asking at h:1: down"


async def test_a_socket_file_in_use_or_out_of_reach_is_refused(tmp_path: Path) -> None:
    path = f"unix:{tmp_path}/socket"
    async with Server(addresses=[path]):
        with pytest.raises(AddressInUse, match="another server listens there"):
            await Server(addresses=[path])
    async with Server(addresses=[path]):  # what is left of a server that is gone does no harm
        pass
    with pytest.raises(AddressInUse, match="nowhere"):
        await Server(addresses=[f"unix:{tmp_path}/nowhere/socket"])


def test_a_subclass_starts_when_it_is_entered() -> None:
    class Mine(Server):
        opened_at = ""

        async def opened(self) -> None:
            self.opened_at = self.address

    with Mine() as server:
        assert server.opened_at == server.address
        assert not server.address.endswith(":0")
