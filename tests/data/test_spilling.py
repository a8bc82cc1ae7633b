"""The least recently used values go to disk and come back; a full disk loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit
from signal import SIG_IGN, SIGXFSZ, signal

import numpy as np
import pytest

from gdistributed.data.actor_references import ActorReference
from gdistributed.data.codecs import decode_or_keep, encode
from gdistributed.data.spilled import Spilled
from gdistributed.data.spilling import SpillingDict
from tests.disks import tiny_disk

KIB = 1024
MIB = 1024 * KIB


def block(number: int, kib: int = 100) -> np.ndarray:
    return np.full(kib * KIB // 8, number, np.int64)


def on_disk(data: SpillingDict) -> list[str]:
    return sorted(key for key in data if isinstance(data.peek(key), Spilled))


@pytest.fixture
def data(tmp_path: Path) -> Iterator[SpillingDict]:
    """Room for three blocks and a bit."""
    data = SpillingDict(tmp_path, 330 * KIB)
    yield data
    # whatever was done to it: the books agree with the memory and with the disk
    kept = [data.peek(key) for key in data]
    spilled = [value for value in kept if isinstance(value, Spilled)]
    assert data.spilled_nbytes == sum(each.nbytes for each in spilled)
    assert sorted(tmp_path.iterdir()) == sorted(each.path for each in spilled)
    for key in list(data):
        del data[key]
    assert (data.nbytes, data.spilled_nbytes, list(tmp_path.iterdir())) == (0, 0, [])


def test_the_least_recently_used_go_first(data: SpillingDict) -> None:
    for number in range(3):
        data[f"x{number}"] = block(number)
    assert on_disk(data) == []
    assert data["x0"] is not None
    data["x3"] = block(3)
    assert on_disk(data) == ["x1"]
    data["x4"] = block(4)
    assert on_disk(data) == ["x1", "x2"]
    assert sorted(data) == ["x0", "x1", "x2", "x3", "x4"]
    assert len(data) == 5


def test_what_is_read_comes_back_and_others_go(data: SpillingDict) -> None:
    for number in range(5):
        data[f"x{number}"] = block(number)
    for number in range(5):
        assert np.array_equal(data[f"x{number}"], block(number))
        assert data.nbytes <= data.target_nbytes
    assert on_disk(data) == ["x0", "x1"]
    data["x4"][0] = 7  # it is as it was, also in that it may be written to


def test_what_is_smaller_than_a_file_is_worth_stays(data: SpillingDict) -> None:
    for number in range(1000):
        data[f"small{number}"] = number
    for number in range(5):
        data[f"x{number}"] = block(number)
    assert on_disk(data) == ["x0", "x1"]


def test_a_value_that_never_has_room_goes_by_itself(data: SpillingDict) -> None:
    data["x"] = block(1)
    data["large"] = block(2, kib=1000)
    assert on_disk(data) == ["large"]
    assert data["large"].sum() == 2 * 128_000
    assert on_disk(data) == ["large"]


@pytest.mark.parametrize("kind", [bytes, list, np.asfortranarray, lambda x: x[::2], np.array])
def test_values_come_back_as_they_were(data: SpillingDict, kind: type) -> None:
    value = kind(np.arange(200 * KIB).reshape(100, -1).astype(np.uint8))
    data["x"] = value
    data["large"] = block(0, kib=300)
    assert on_disk(data) == ["x"]
    back = data["x"]
    assert type(back) is type(value)
    assert np.array_equal(back, value)


def test_a_value_in_place_of_another_leaves_no_file(data: SpillingDict) -> None:
    for number in range(5):
        data[f"x{number}"] = block(number)
    data["x0"] = 1
    data["x1"] = block(1, kib=3)
    assert data["x0"] == 1
    assert on_disk(data) == []


def test_what_cannot_be_written_down_stays(data: SpillingDict) -> None:
    locks = [threading.Lock() for _ in range(10_000)]
    data["locks"] = locks
    data["actor"] = ActorReference(("actor", "", "", "", ()), instance=block(0))
    for number in range(5):
        data[f"x{number}"] = block(number)
    assert data["locks"] is locks
    assert data["actor"].instance is not None
    assert "x4" in on_disk(data)
    data.bound_nbytes = 0
    data.make_room()
    assert set(data) - set(on_disk(data)) == {"actor", "locks"}


def test_the_bound_may_be_lower_than_the_target(data: SpillingDict) -> None:
    for number in range(3):
        data[f"x{number}"] = block(number)
    data.bound_nbytes = 150 * KIB
    assert data.is_over
    data.make_room()
    assert on_disk(data) == ["x0", "x1"]
    data.bound_nbytes = 0
    data.make_room()
    assert on_disk(data) == ["x0", "x1", "x2"]


class Slow:
    """A value that takes as long to be written down as the test likes."""

    begun = threading.Event()
    go_on = threading.Event()

    def __reduce__(self) -> tuple[type, tuple[()]]:
        Slow.begun.set()
        assert Slow.go_on.wait(30)
        return Slow, ()

    def __sizeof__(self) -> int:
        return 200 * KIB


@pytest.mark.parametrize("fate", ["dropped", "replaced", "read"])
def test_what_happens_while_a_value_is_written(data: SpillingDict, fate: str) -> None:
    Slow.begun.clear()
    Slow.go_on.clear()
    data["x"] = slow = Slow()
    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(data.__setitem__, "y", block(0, kib=200))
        assert Slow.begun.wait(30)
        assert data["x"] is slow
        if fate == "dropped":
            del data["x"]
        elif fate == "replaced":
            data.put("x", 1, 28)
        Slow.go_on.set()
        writing.result(30)
    assert (data.get("x") == 1) is (fate == "replaced")
    assert ("x" in data) is (fate != "dropped")


def test_several_threads_want_what_is_on_disk(data: SpillingDict) -> None:
    for number in range(8):
        data[f"x{number}"] = block(number)
    start = threading.Barrier(8)

    def read(thread: int) -> bool:
        start.wait(30)
        numbers = [(thread % 2 + step) % 8 for step in range(40)]
        return all(data[f"x{number}"][0] == number for number in numbers)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(8)))
    assert data.nbytes <= data.target_nbytes


def test_a_file_that_somebody_has_cut_off_is_a_lost_value(
    data: SpillingDict, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        data[f"x{number}"] = block(number)
    for key in on_disk(data):
        spilled = data.peek(key)
        assert isinstance(spilled, Spilled)
        spilled.path.write_bytes(b"")
        with pytest.raises(KeyError):
            data[key]
    assert sorted(data) == ["x2", "x3", "x4"]
    assert "lost" in caplog.text


# ---- Full disks


def test_a_full_disk(tmp_path: Path) -> None:
    changes = []
    with tiny_disk(tmp_path / "disk", 4 * MIB) as disk:
        data = SpillingDict(disk, 1 * MIB)
        data.disk_changed = lambda: changes.append(data.blocked)
        for number in range(10):
            data[f"x{number}"] = block(number, kib=1000)
        assert changes == ["No space left on device"]
        assert len(on_disk(data)) == 4
        data.try_again()
        assert len(on_disk(data)) == 4
        for number in range(4, 10):
            assert np.array_equal(data[f"x{number}"], block(number, kib=1000))
        del data["x0"], data["x1"]
        data.try_again()
        assert len(on_disk(data)) == 4
        for number in range(2, 5):
            del data[f"x{number}"]
        for number in range(5, 10):
            assert np.array_equal(data[f"x{number}"], block(number, kib=1000))
        data.try_again()
        assert changes[-1] == ""
        assert not data.is_over


def test_a_disk_that_refuses_in_the_middle_of_a_file(tmp_path: Path) -> None:
    data = SpillingDict(tmp_path, 1 * MIB)
    before, ignored = getrlimit(RLIMIT_FSIZE), signal(SIGXFSZ, SIG_IGN)
    setrlimit(RLIMIT_FSIZE, (500 * KIB, before[1]))
    try:
        data["x"] = block(1, kib=900)
        data["y"] = block(2, kib=900)
    finally:
        setrlimit(RLIMIT_FSIZE, before)
        signal(SIGXFSZ, ignored)
    assert data.blocked == "File too large"
    assert list(tmp_path.iterdir()) == []
    assert np.array_equal(data["x"], block(1, kib=900))
    data.try_again()
    assert (data.blocked, on_disk(data)) == ("", ["y"])


def test_a_bound_on_the_disk(tmp_path: Path) -> None:
    data = SpillingDict(tmp_path, 330 * KIB, spill_nbytes_max=250 * KIB)
    for number in range(7):
        data[f"x{number}"] = block(number)
    assert "bound of 256000 bytes" in data.blocked
    assert on_disk(data) == ["x0", "x1"]
    del data["x5"], data["x6"]
    data.try_again()
    assert data.blocked == ""
    assert all(np.array_equal(data[f"x{number}"], block(number)) for number in range(5))


def test_a_value_in_an_unknown_codec_is_spilled_as_it_came(data: SpillingDict) -> None:
    data["unread"] = decode_or_keep("r/rds", bytes(100_000), (), {"level": "3"})
    for number in range(10):
        data[f"x{number}"] = block(number)
    assert "unread" in on_disk(data)
    assert encode(data["unread"]).attributes == {"level": "3"}
    assert encode(data["unread"]).codec == "r/rds"
