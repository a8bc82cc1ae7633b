"""Segments of shared memory, and values in them, between processes and within one."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gdistributed.data.codecs import encode_parts
from gdistributed.data.shared_memory import SharedMemory, held_nbytes, same_host
from gdistributed.data.shared_memory.segment import borrow, copy_on_write, make_segment
from gdistributed.v1 import worker_pb2
from tests.data.holder import Holder, read
from tests.segments import living_segments, until_nothing_is_held
from tests.waiting import until

MIB = 2**20


@pytest.fixture(autouse=True)
def _nothing_is_held() -> Iterator[None]:
    """What a test leaves behind is no other's."""
    yield
    until_nothing_is_held()


def frame() -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(300_000.0), "y": np.arange(300_000)})


VALUES: dict[str, Callable[[], object]] = {
    "array": lambda: np.random.default_rng(0).random((1000, 300)),
    "fortran": lambda: np.asfortranarray(np.arange(300_000.0).reshape(1000, 300)),
    "structured": lambda: np.zeros(200_000, [("a", "i8"), ("b", "f4")]),
    "frame": frame,
    "table": lambda: pa.table({"x": np.arange(300_000), "y": ["text"] * 300_000}),
    "arrays": lambda: {"a": np.arange(200_000), "b": [np.ones(5), np.ones(200_000)]},
    "many": lambda: {str(n): np.full(1280, n) for n in range(200)},
    "bytes": lambda: bytes(range(256)) * 8192,
    "bytearray": lambda: bytearray(bytes(range(256)) * 8192),
    "text": lambda: "wörd" * MIB,
}


def assert_equal(found: object, expected: object) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    elif isinstance(expected, dict):
        np.testing.assert_equal(found, expected)
    else:
        assert found == expected


@pytest.mark.parametrize("kind", VALUES)
async def test_a_value_comes_out_as_it_went_in(kind: str) -> None:
    holder = Holder(x=VALUES[kind]())
    shared = await holder.lend("x")
    assert shared is not None
    assert shared.ByteSize() < 64_000
    for receiver in (Holder(), Holder()):
        assert_equal(receiver.take(shared), VALUES[kind]())
    assert_equal(holder.values["x"], VALUES[kind]())


async def test_memory_holds_an_array_once_however_many_have_it() -> None:
    ada, bob, cyd = Holder(x=np.ones(MIB)), Holder(), Holder()
    shared = await ada.lend("x")
    assert held_nbytes()[0] == 8 * MIB
    assert (await ada.lend("x")) == shared  # her own value is a view by now
    bob.take(shared)
    again = await bob.lend("x")  # what he hands on is the very same segment
    assert [each.name for each in again.segments] == [each.name for each in shared.segments]
    ada.values.clear()
    ada.lending = None  # type: ignore[assignment]
    gc.collect()
    value = cyd.take(again)  # although she who made it has let go
    bob.values.clear()
    assert value.sum() == MIB
    until(lambda: held_nbytes()[0] == 0, "that nothing of its own is held")


async def test_a_value_of_a_worker_is_read_only_and_that_of_a_client_its_own() -> None:
    holder, worker, client = Holder(x=np.ones(MIB)), Holder(), SharedMemory(same_host())
    shared = await holder.lend("x")
    received = worker.take(shared)
    with pytest.raises(ValueError, match="read-only"):
        received[0] = 2
    opened = client.open(shared)
    mine = read(shared, opened.parts)
    mine[0] = 3
    holder.values["x"][0] = 4  # as it could be before it was shared
    assert (received[0], mine[0], holder.values["x"][0]) == (1, 3, 4)
    again = client.open(await worker.lend("x"))
    another = read(shared, again.parts)
    another[1] = 5  # also at second hand
    assert (another[0], received[1]) == (1, 1)


async def test_a_result_that_is_the_argument_changed_is_sent_as_it_is() -> None:
    holder = Holder(x=np.ones(MIB))
    await holder.lend("x")
    holder.values["x"][0] = 7
    holder.values["y"] = holder.values["x"]
    assert Holder().take(await holder.lend("y"))[0] == 7


async def test_many_who_ask_at_once_are_told_of_one_segment() -> None:
    holder = Holder(x=[np.ones(MIB)])  # a list is not replaced by a view
    lending = [holder.memory.with_host(same_host()) for _ in range(5)]
    value = holder.values["x"]
    told = await asyncio.gather(*(each.lend("x", value, encode_parts(value)) for each in lending))
    assert len({shared.segments[0].name for shared in told}) == 1
    assert held_nbytes()[0] == 8 * MIB
    del lending, told
    until_nothing_is_held()


async def test_each_reader_is_told_of_it_in_a_codec_of_its_own() -> None:
    value = "text" * MIB
    lending = Holder().memory.with_host(same_host())
    for codec in ("text", "json", "text"):
        shared = await lending.lend("x", value, encode_parts(value, [codec]))
        assert shared.value.codec == codec
        assert read(shared, SharedMemory(same_host()).open(shared).parts) == value


def test_strangers_are_not_told() -> None:
    holder = Holder()
    assert holder.memory.with_host("") is None
    assert holder.memory.with_host("another machine") is None
    assert SharedMemory("").with_host("") is None


async def test_the_bound_on_segments_is_kept() -> None:
    memory = SharedMemory(same_host(), nbytes_max=20 * MIB)
    lending = memory.with_host(same_host())
    arrays = [np.ones(MIB) for _ in range(3)]
    told = [await lending.lend(str(n), x, encode_parts(x)) for n, x in enumerate(arrays)]
    assert [shared is not None for shared in told] == [True, True, False]
    del lending, told
    until_nothing_is_held()
    lending = memory.with_host(same_host())
    at_once = [lending.lend(str(n), x, encode_parts(x)) for n, x in enumerate(arrays)]
    told = await asyncio.gather(*at_once)
    assert [shared is not None for shared in told] == [True, True, False]


async def test_open_files_are_left_for_others() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    holder, client = Holder(x=np.ones(MIB)), SharedMemory(same_host())
    shared = await holder.lend("x")
    kept = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        while (opened := client.open(shared)) is not None:
            kept.append(opened)
        assert len(kept) == 7
        assert client.same_host == ""
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_room_the_value_is_sent() -> None:
    program = """
import asyncio, resource, numpy as np
from gdistributed.data.codecs import encode_parts
from gdistributed.data.shared_memory import SharedMemory, held_nbytes, same_host
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
array = np.ones(2**20)
lending = SharedMemory(same_host()).with_host(same_host())
print(asyncio.run(lending.lend("x", array, encode_parts(array))), held_nbytes())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "None (0, 0)\n"
    assert "no shared memory" in done.stderr


# ---- Segments


def test_a_segment_cannot_be_changed_by_whoever_has_it() -> None:
    segment, _ = make_segment([memoryview(b"x" * MIB)])
    path = f"/proc/self/fd/{segment.descriptor}"
    with open(path, "r+b") as file:
        with pytest.raises(PermissionError):
            file.truncate(0)
        with pytest.raises(PermissionError):
            os.pwrite(file.fileno(), b"y", 0)
    mine = copy_on_write(segment.reference())
    mine[0:1] = b"y"
    assert segment[0:1] == b"x"


def test_what_is_not_the_segment_that_was_meant_is_not_opened() -> None:
    segment, _ = make_segment([memoryview(b"x" * MIB)])
    right = segment.reference()
    other, _ = make_segment([memoryview(b"y" * MIB)])
    unsealed = os.memfd_create("gdistributed-unsealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(unsealed, MIB)
    read_end, write_end = os.pipe()
    wrong = [
        {"name": "gdistributed-0"},
        {"descriptor": other.descriptor},
        {"descriptor": read_end},  # whose opening would wait for a writer
        {"descriptor": 9999},
        {"process_id": 2**22 + 1},
        {"nbytes": 2 * MIB},
        {"descriptor": unsealed, "name": "gdistributed-unsealed"},
    ]
    for fields in wrong:
        reference = worker_pb2.SharedSegment()
        reference.CopyFrom(right)
        for name, value in fields.items():
            setattr(reference, name, value)
        with pytest.raises(OSError, match=r"segment|No such file"):
            borrow(reference)
    for descriptor in (unsealed, read_end, write_end):
        os.close(descriptor)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [{"range": {"segment": 1, "nbytes": 1}}],
        [{"range": {"offset": 8 * MIB, "nbytes": 1}}],
        [{"range": {"offset": 2**63, "nbytes": 2**63}}],
    ],
)
async def test_what_was_told_wrongly_is_not_read(parts: list[dict[str, object]]) -> None:
    holder = Holder(x=np.ones(MIB))
    shared = await holder.lend("x")
    told = worker_pb2.SharedValue(value=shared.value, segments=shared.segments, parts=parts)
    assert SharedMemory(same_host()).open(told) is None


def test_segments_are_seen_and_gone_with_the_last_view() -> None:
    segment, _ = make_segment([memoryview(b"x" * MIB)])
    name = segment.name
    view = np.frombuffer(segment, "u1")[1000:]
    del segment
    assert living_segments([os.getpid()]) == {name}
    del view
    assert living_segments([os.getpid()]) == set()
