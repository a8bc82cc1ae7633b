"""`rpc`: any server as an object, and plain functions as a server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

import grpc
import grpc.aio
import pytest

from gdistributed.errors import CapabilityMissing, ConnectTimeout, NotFound, UsageError
from gdistributed.services.center.server import Center
from gdistributed.v1 import center_pb2
from gdistributed.wire.remote import rpc
from gdistributed.wire.server import Server


def add(x: int, y: int) -> int:
    """Return a sum.

    And nothing else.
    """
    return x + y


async def add_later(x: int, y: int) -> int:
    return x + y


def count(n: int) -> Iterator[int]:
    yield from range(n)


async def count_later(n: int) -> AsyncIterator[int]:
    for value in range(n):
        yield value


def fail() -> None:
    raise ValueError("on purpose")


def nested() -> dict:
    return {"list": [1, 2.5, None, True], "tuple": (1, 2), "text": "x"}


def unsendable() -> object:
    return object()


def stop() -> None:
    next(iter([]))


CLOSED = threading.Event()


def endless() -> Iterator[int]:
    try:
        while True:
            yield 1
    finally:
        CLOSED.set()


FUNCTIONS = [add, add_later, count, count_later, fail, nested, unsendable, stop, endless]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    handlers = {function.__name__: function for function in FUNCTIONS}
    async with Server(handlers=handlers) as server:
        yield server


async def test_functions_are_called_by_name(server: Server) -> None:
    async with rpc(server.address) as remote:
        assert await remote.add(x=1, y=2) == 3
        assert type(await remote.add(x=1, y=2)) is int
        assert await remote.add_later(x=1.5, y=2) == 3.5
        assert [item async for item in remote.count(n=3)] == [0, 1, 2]
        assert [item async for item in remote.count_later(n=3)] == [0, 1, 2]


async def test_results_are_what_json_has(server: Server) -> None:
    async with rpc(server.address) as remote:
        with pytest.raises(Exception, match="object, is nothing that JSON has"):
            await remote.unsendable()


async def test_handlers_are_listed_with_their_signatures(server: Server) -> None:
    async with rpc(server.address) as remote:
        listed = {handler.name: handler for handler in (await remote.ListHandlers()).handlers}
    assert listed["add"].signature == "(x: 'int', y: 'int') -> 'int'"
    assert listed["add"].description == "Return a sum."
    assert [name for name, handler in listed.items() if handler.streams] == [
        "count",
        "count_later",
        "endless",
    ]


async def test_functions_that_fail_say_how(server: Server) -> None:
    async with rpc(server.address) as remote:
        with pytest.raises(Exception, match="ValueError: on purpose") as caught:
            await remote.fail()
        assert caught.value.reason == "HANDLER_RAISED"
        with pytest.raises(Exception, match="StopIteration"):
            await remote.stop()
        with pytest.raises(UsageError, match="missing a required argument: 'y'") as caught:
            await remote.add(x=1)
        assert caught.value.reason == "BAD_ARGUMENTS"
        with pytest.raises(NotFound, match="there are: add") as caught:
            await remote.Call(name="addd")
        assert caught.value.reason == "UNKNOWN_HANDLER"
        with pytest.raises(Exception, match="use CallStream") as caught:
            await remote.Call(name="count", arguments={"n": 3})
        assert caught.value.reason == "HANDLER_STREAMS"


async def test_a_generator_is_closed_when_the_caller_leaves(server: Server) -> None:
    async with rpc(server.address) as remote:
        stream = remote.endless()
        assert await anext(stream) == 1
        await stream.aclose()
        assert await asyncio.to_thread(CLOSED.wait, 10)


async def test_a_function_that_blocks_does_not_hold_up_the_others() -> None:
    handlers = {"sleep": time.sleep, "add": add}
    handlers["sleep"] = lambda s: time.sleep(s)
    async with Server(handlers=handlers) as server, rpc(server.address) as remote:
        sleeping = remote.sleep(s=0.3)
        assert await remote.add(x=1, y=2) == 3
        await sleeping


async def test_messages_of_other_services_are_made_from_fields() -> None:
    async with Center() as center, rpc(center.address) as remote:
        member = {"id": "1", "role": "worker", "address": "h:1", "nthreads": 2}
        software = (await remote.Identify()).software
        member["software"] = {"protocol_major": software.protocol_major}
        assert (await remote.Register(member=member)).cluster_id == center.cluster_id
        message = center_pb2.Member(id="2", role="worker", address="h:2")
        message.software.protocol_major = 1
        await remote.Register(member=message)
        members = (await remote.ListMembers(role="worker")).members
        assert [each.id for each in members] == ["1", "2"]
        await remote.ReportLocations(
            [{"snapshot": True}, {"added": [{"key": "x", "worker_id": "1", "nbytes": 8}]}]
        )
        assert (await remote.WhoHas(keys=["x"])).locations[0].addresses == ["h:1"]
        with pytest.raises(NotFound, match="no dataset") as caught:
            await remote.GetDataset(name="x")
        assert caught.value.reason == "UNKNOWN_DATASET"


async def test_a_method_that_several_services_have_must_be_said() -> None:
    async with Center() as center, rpc(center.address) as remote:
        with pytest.raises(UsageError, match=r"grpc\.health\.v1\.Health\.Watch"):
            _ = remote.Watch
        assert (await remote.Health.Check(service="")).status == 1
        assert (await remote["gdistributed.v1.Center"].NCores()).nthreads == {}
        async for change in remote.Health.Watch(service=""):
            assert change.status == 1
            break


async def test_names_that_are_not_there_are_answered_with_near_ones(server: Server) -> None:
    async with rpc(server.address) as remote:
        with pytest.raises(NotFound, match="it has: Identify"):
            _ = remote.Identifi
        with pytest.raises(NotFound, match="it has: Check"):
            _ = remote.Health.Chek
        with pytest.raises(UsageError, match="GetLogsRequest has the fields: count, level"):
            await remote.GetLogs(cuont=3)
        assert "add" in dir(remote)


def test_plain_code_calls_without_await() -> None:
    with Server(handlers={"add": add, "count": count}) as server, rpc(server.address) as remote:
        assert remote.add(x=1, y=2) == 3
        assert list(remote.count(n=3)) == [0, 1, 2]
        assert remote.Identify().id == server.id


async def test_a_server_without_reflection_is_named_so() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        with pytest.raises(CapabilityMissing, match="reflection"):
            await rpc(f"127.0.0.1:{port}").__aenter__()
    finally:
        await server.stop(0)


async def test_no_server_is_said_with_the_timeout() -> None:
    with pytest.raises(ConnectTimeout, match=r"within 0\.2 s"):
        await rpc("127.0.0.1:1", timeout_s=0.2).__aenter__()
