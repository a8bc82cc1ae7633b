"""Transfers that break off, and pieces that come damaged: what has come is not fetched again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import AsyncExitStack

import grpc.aio
import numpy as np
import pytest

from gdistributed.data.arguments import KeyReference
from gdistributed.data.chunks import Growing
from gdistributed.data.codecs import decode
from gdistributed.data.transfer import fetch
from gdistributed.errors import ConnectionLost, MalformedMessage
from gdistributed.services.worker.server import Worker
from gdistributed.v1 import task_pb2, worker_pb2, worker_pb2_grpc
from gdistributed.wire.channel import open_channel
from tests.cluster.proxy import Proxy, proxy_to
from tests.services.stage import Line, Stage, payload

MIB = 2**20
FILL = 0xAB
RUN = bytes([FILL]) * 100


@pytest.fixture
def proxy(worker: Worker) -> Iterator[Proxy]:
    with proxy_to(worker.address) as proxy:
        yield proxy


def array(nbytes: int = 16 * MIB, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, nbytes, np.uint8)


def cut_after(proxy: Proxy, *places: int) -> None:
    """Cut all connections in the middle of a message, each time so much has passed in all."""
    left = list(places)

    def meddle(data: bytes) -> bytes:
        if left and proxy.passed_nbytes >= left[0]:
            left.pop(0)
            proxy.cut()
            return data[: len(data) // 2]
        return data

    proxy.meddle = meddle


def damage(proxy: Proxy, *, times: int) -> list[int]:
    """Change a byte of the first runs of equal bytes; the list grows with each."""
    done: list[int] = []

    def meddle(data: bytes) -> bytes:
        at = data.find(RUN)
        if at < 0 or len(done) >= times:
            return data
        done.append(at)
        return data[: at + 50] + b"\x00" + data[at + 51 :]

    proxy.meddle = meddle
    return done


async def test_a_transfer_that_is_cut_goes_on_where_it_was(worker: Worker, proxy: Proxy) -> None:
    value = array(64 * MIB)  # much more than what is under way, and lost, at each cut
    worker.data.update({"small": 1, "large": value, "other": 2})
    cut_after(proxy, 24 * MIB, 56 * MIB)
    async with open_channel(proxy.address, bulk=True) as channel:
        found = await fetch(channel, worker.id, ["small", "large", "other"])
    np.testing.assert_array_equal(found.pop("large"), value)
    assert found == {"small": 1, "other": 2}
    assert proxy.passed_nbytes < 1.5 * value.nbytes  # from the start again would be much more


async def test_a_damaged_piece_is_fetched_again(worker: Worker, proxy: Proxy) -> None:
    value = np.full(4 * MIB, FILL, np.uint8)
    worker.data["x"] = value
    done = damage(proxy, times=2)
    async with open_channel(proxy.address, bulk=True) as channel:
        found = await fetch(channel, worker.id, ["x"])
    np.testing.assert_array_equal(found["x"], value)
    assert len(done) == 2


async def test_a_piece_that_always_comes_damaged_is_given_up(worker: Worker, proxy: Proxy) -> None:
    value = array()
    value[10 * MIB : 10 * MIB + 80_000] = FILL
    worker.data["x"] = value
    damage(proxy, times=1000)
    parts: dict[str, Growing] = {}
    async with open_channel(proxy.address, bulk=True) as channel:
        with pytest.raises(MalformedMessage, match="checksum"):
            await fetch(channel, worker.id, ["x"], parts=parts)
    assert 9 * MIB < parts["x"].offset < 11 * MIB
    assert proxy.passed_nbytes < 2 * value.nbytes  # with what was on its way each time


async def broken_fetch(proxy: Proxy, worker: Worker) -> dict[str, Growing]:
    """Fetch "x" until half of it has come, and nobody answers any more."""
    parts: dict[str, Growing] = {}

    def meddle(data: bytes) -> bytes:
        if proxy.passed_nbytes >= 8 * MIB:
            raise OSError("cut")
        return data

    proxy.meddle = meddle
    async with open_channel(proxy.address, bulk=True) as channel:
        with pytest.raises(ConnectionLost):
            await fetch(channel, worker.id, ["x"], parts=parts)
    assert parts["x"].offset > MIB
    return parts


async def test_another_holder_goes_on_with_it(stage: Stage, worker: Worker, proxy: Proxy) -> None:
    value = array()
    worker.data["x"] = value
    async with Worker(stage.address) as other:
        other.data["x"] = value.copy()
        parts = await broken_fetch(proxy, worker)
        has = parts["x"].offset
        with proxy_to(other.address) as second:
            async with open_channel(second.address, bulk=True) as channel:
                found = await fetch(channel, other.id, ["x"], parts=parts)
            assert second.passed_nbytes < value.nbytes - has + MIB
        np.testing.assert_array_equal(found["x"], value)
        assert parts == {}


@pytest.mark.parametrize("place", [3 * MIB, 0, -1])
async def test_a_holder_of_another_value_starts_again(
    stage: Stage, worker: Worker, proxy: Proxy, place: int
) -> None:
    worker.data["x"] = array()
    async with Worker(stage.address) as other:
        value = array()
        value[place] += 1
        other.data["x"] = value
        parts = await broken_fetch(proxy, worker)
        async with open_channel(other.address, bulk=True) as channel:
            found = await fetch(channel, other.id, ["x"], parts=parts)
        np.testing.assert_array_equal(found["x"], value)


@pytest.mark.parametrize("value", [1, None])
async def test_a_holder_that_has_something_small_or_nothing_says_so(
    stage: Stage, worker: Worker, proxy: Proxy, value: object
) -> None:
    worker.data["x"] = array()
    async with Worker(stage.address) as other:
        if value is not None:
            other.data["x"] = value
        parts = await broken_fetch(proxy, worker)
        async with open_channel(other.address, bulk=True) as channel:
            found = await fetch(channel, other.id, ["x"], parts=parts)
        assert found == ({} if value is None else {"x": value})


async def test_a_worker_goes_on_at_the_next_holder(
    stage: Stage, worker: Worker, line: Line, proxy: Proxy
) -> None:
    value = array()
    value[10 * MIB : 10 * MIB + 80_000] = FILL
    worker.data["x"] = value
    damage(proxy, times=1000)
    async with Worker(stage.address) as other, AsyncExitStack() as later:
        await stage.line()
        reader = await later.enter_async_context(Worker(stage.address))
        ear = await stage.line()
        other.data["x"] = value
        with proxy_to(other.address) as second:
            spoilt = task_pb2.Peer(number=2, worker_id=worker.id, address=proxy.address)
            sound = task_pb2.Peer(number=3, worker_id=other.id, address=second.address)
            wanted = worker_pb2.Dependency(key="x", holders=[2, 3], nbytes=value.nbytes)
            await ear.run(
                "y", np.sum, KeyReference("x"), dependencies=(wanted,), peers=[spoilt, sound]
            )
            report = await ear.finished("y")
            assert decode(payload(report.value)) == value.sum()
            assert second.passed_nbytes < 7 * MIB
        assert len(reader.data) == 2


async def test_any_offset_in_any_piece_will_do(worker: Worker, channel: grpc.aio.Channel) -> None:
    """A worker in another language may cut as it likes."""
    value = array(300_000)
    worker.data["x"] = value
    stub = worker_pb2_grpc.WorkerStub(channel)
    whole = [answer.chunk async for answer in stub.GetData(worker_pb2.GetDataRequest(keys=["x"]))]
    data = b"".join(chunk.data for chunk in whole)
    fingerprint = whole[0].header.fingerprint
    for offset in (1, 1000, 200_000, len(data) - 1):
        request = worker_pb2.GetDataRequest(
            keys=["x"],
            offset=offset,
            fingerprint=fingerprint,
            received_crc32=zlib.crc32(data[:offset]),
        )
        rest = [answer.chunk async for answer in stub.GetData(request)]
        assert [chunk.HasField("header") for chunk in rest][:2] in ([True], [True, False])
        assert (rest[0].offset, b"".join(c.data for c in rest)) == (offset, data[offset:])
    for offset in (5, len(data), 1 << 40):  # the checksum is wrong, or it is beyond the end
        request = worker_pb2.GetDataRequest(keys=["x"], offset=offset, fingerprint=fingerprint)
        rest = [answer.chunk async for answer in stub.GetData(request)]
        assert (rest[0].offset, b"".join(c.data for c in rest)) == (0, data)
