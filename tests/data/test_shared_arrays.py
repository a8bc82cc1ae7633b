"""Arrays that are made in shared memory: handed over without a copy, once."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from gdistributed import shared_array
from gdistributed.data.codecs import encode_parts
from gdistributed.data.shared_memory import SharedMemory, held_nbytes, same_host
from gdistributed.services.process_memory import measure_memory
from gdistributed.v1 import worker_pb2
from tests.data.holder import Holder, read
from tests.segments import living_segments, until_nothing_is_held

MIB = 2**20


@pytest.fixture(autouse=True)
def _nothing_is_held() -> Iterator[None]:
    """What a test leaves behind is no other's."""
    yield
    until_nothing_is_held()
    assert living_segments([os.getpid()]) == set()


def ones(n: int = MIB) -> np.ndarray:
    array = shared_array(n)
    assert not array.any()
    array[:] = 1
    return array


def names(shared: worker_pb2.SharedValue) -> list[str]:
    return [each.name for each in shared.segments]


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )


async def test_it_is_handed_over_where_it_lies() -> None:
    array = ones()
    (name,) = living_segments([os.getpid()])
    holder = Holder(x=array)
    before = measure_memory(os.getpid())
    shared = await holder.lend("x")
    assert names(shared) == [name]
    received = Holder().take(shared)
    after = measure_memory(os.getpid())
    assert received.sum() == MIB
    assert after.in_use - before.in_use < 4 * MIB  # the array has eight
    assert held_nbytes() == (8 * MIB, 8 * MIB)


async def test_what_is_written_later_nobody_else_sees() -> None:
    array = ones()
    holder = Holder(x=array)
    shared = await holder.lend("x")
    received = Holder().take(shared)
    array[0] = 2
    assert (array[0], received[0]) == (2, 1)
    again = Holder().take(await holder.lend("x"))
    assert again[0] == 1  # the value of this key, as it was
    holder.values["y"] = array  # and what it has become, under another
    assert Holder().take(await holder.lend("y"))[0] == 2


async def test_the_memory_is_sealed_for_all_once_it_is_handed_over() -> None:
    array = ones()
    shared = await Holder(x=array).lend("x")
    (segment,) = shared.segments
    path = f"/proc/self/fd/{segment.descriptor}"
    with open(path, "r+b") as file, pytest.raises(PermissionError):
        mmap.mmap(file.fileno(), 0)
    assert array[0] == 1


@pytest.mark.parametrize("order", ["C", "F"])
async def test_arrays_of_any_shape_lie_in_it(order: str) -> None:
    array = shared_array((500, 1000), "i4", order)
    array[:] = np.arange(500_000).reshape(500, 1000)
    (name,) = living_segments([os.getpid()])
    shared = await Holder(x=array).lend("x")
    assert names(shared) == [name]
    received = Holder().take(shared)
    np.testing.assert_array_equal(received, np.arange(500_000).reshape(500, 1000))
    assert received.flags.f_contiguous is (order == "F")


async def test_what_is_made_of_several_is_several_segments_and_a_copy_of_the_rest() -> None:
    one, other = ones(), shared_array(2 * MIB, "u1")
    made = living_segments([os.getpid()])
    other[:] = 3
    value = {"half": one[MIB // 2 :], "all": other, "own": np.full(MIB, 4.0), "few": one[:3]}
    holder = Holder(x=value)
    shared = await holder.lend("x")
    assert len(shared.segments) == 3
    assert made < set(names(shared))
    received = Holder().take(shared)
    for name, part in value.items():
        np.testing.assert_array_equal(received[name], part)


async def test_a_frame_of_its_columns_is_handed_over_without_a_copy() -> None:
    columns = shared_array((MIB, 2), order="F")
    columns[:, 0], columns[:, 1] = 1, 2
    frame = pd.DataFrame(columns, columns=["x", "y"], copy=False)
    (name,) = living_segments([os.getpid()])
    shared = await Holder(x=frame).lend("x")
    assert names(shared) == [name]
    pd.testing.assert_frame_equal(Holder().take(shared), frame)


async def test_it_needs_no_room_below_the_bound_on_segments() -> None:
    memory = SharedMemory(same_host(), nbytes_max=0, may_grow=lambda: False)
    lending = memory.with_host(same_host())
    array = ones()
    shared = await lending.lend("x", array, encode_parts(array))
    assert shared is not None
    assert read(shared, SharedMemory(same_host()).open(shared).parts).sum() == MIB
    ordinary = np.ones(MIB)
    assert await lending.lend("y", ordinary, encode_parts(ordinary)) is None


def test_while_a_child_process_may_write_to_it_it_is_copied() -> None:
    program = """
import asyncio, os
from gdistributed import shared_array
from gdistributed.data.codecs import encode_parts
from gdistributed.data.shared_memory import SharedMemory, same_host
array = shared_array(2**20)
array[:] = 1
mine, childs = os.pipe()
if os.fork() == 0:
    os.close(childs)
    os.read(mine, 1)  # until the parent ends
    os._exit(0)
lending = SharedMemory(same_host()).with_host(same_host())
shared = asyncio.run(lending.lend("x", array, encode_parts(array)))
print(shared.segments[0].name != array.base.name, array.sum() == 2**20)
"""
    done = run(program)
    assert done.stdout == "True True\n"
    assert "is copied" in done.stderr


def test_small_arrays_and_those_of_no_elements_are_ordinary_ones() -> None:
    for shape, dtype in ((1000, float), ((), "i4"), ((0, MIB), float)):
        array = shared_array(shape, dtype)
        assert (array.shape, array.base) == (np.zeros(shape, dtype).shape, None)
    assert held_nbytes() == (0, 0)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="holds Python objects, which cannot be shared"):
        shared_array(MIB, object)
    with pytest.raises(ValueError, match="negative"):
        shared_array((-MIB, -8))
    with pytest.raises(MemoryError, match="no shared memory for an array of"):
        shared_array(2**62, "u1")


def test_it_is_an_ordinary_array_where_open_files_are_few() -> None:
    program = """
import resource
from gdistributed import shared_array
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
arrays = [shared_array(2**20, "u1") for _ in range(20)]
print(sum(array.base is not None for array in arrays))
"""
    assert run(program).stdout == "5\n"
