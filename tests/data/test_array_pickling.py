"""Arrays are pickled as what they are made of, wherever they stand in a value."""

from __future__ import annotations

import collections
import copyreg
from typing import Any

import numpy as np
import pytest

from gdistributed.data.codecs import decode_parts, encode_parts
from gdistributed.data.codecs.pickled import PICKLE

Array = np.ndarray[Any, Any]
WHOLE = np.arange(40_000, dtype=np.int64).reshape(200, 200)


def there_and_back(value: object) -> tuple[Any, int, int]:
    """Return a value as it comes, how long its pickle is, and what goes apart from it."""
    encoded = encode_parts(value)
    assert encoded.codec == PICKLE
    again = decode_parts(PICKLE, encoded.data, encoded.buffers)
    return again, len(encoded.data), sum(memoryview(each).nbytes for each in encoded.buffers)


@pytest.mark.parametrize(
    "array",
    [WHOLE, WHOLE.T, WHOLE[:, :100], WHOLE[::2], WHOLE[::-1], WHOLE[50:60, ::3], WHOLE.T[::2]],
)
def test_what_arrays_hold_travels_once_and_apart(array: Array) -> None:
    again, inside, apart = there_and_back(array)
    assert np.array_equal(again, array)
    assert again.dtype == array.dtype
    assert (inside < 300, apart) == (True, array.nbytes)


@pytest.mark.parametrize(
    "array",
    [
        np.broadcast_to(np.int64(7), (1000, 1000)),
        np.broadcast_to(np.arange(50.0), (1000, 50)),
        np.broadcast_to(np.arange(50.0)[:, None], (50, 1000)),
        np.broadcast_to(np.array("word"), (3, 1, 5000)),
        np.broadcast_to(np.datetime64("2026-11-22"), 9000),
    ],
)
def test_arrays_that_repeat_their_numbers_stay_small(array: Array) -> None:
    again, inside, apart = there_and_back(array)
    assert np.array_equal(again, array)
    assert (again.dtype, again.strides) == (array.dtype, array.strides)
    assert inside + apart < 1000


def test_arrays_that_may_be_written_to_stay_so() -> None:
    once = np.zeros(1)
    writable = np.lib.stride_tricks.as_strided(once, (1000,), (0,), writeable=True)
    again, _, _ = there_and_back(writable)
    again[0] = 1.0
    assert again.sum() == 1.0


def test_within_other_values() -> None:
    value = {"a": [WHOLE[:, :100], (np.broadcast_to(1.0, (100, 100)),)], "b": WHOLE[0]}
    again, inside, apart = there_and_back(value)
    assert np.array_equal(again["a"][0], WHOLE[:, :100])
    assert again["a"][1][0].sum() == 10_000
    assert inside < 3000  # the row of 1,600 bytes is in it
    assert apart == WHOLE.nbytes // 2


@pytest.mark.parametrize(
    "array",
    [
        np.empty((0, 3)),
        np.array(5),
        np.broadcast_to(np.empty((0, 1)), (0, 100)),
        np.array([None, {}, "x"], dtype=object)[::2],
        np.broadcast_to(np.array({"a": 1}, dtype=object), (2, 2)),
    ],
)
def test_odd_arrays_come_as_they_were(array: Array) -> None:
    again, _, _ = there_and_back(array)
    assert (again.shape, again.dtype) == (array.shape, array.dtype)
    assert again.tolist() == array.tolist()


class Kept(np.ndarray):  # type: ignore[type-arg]
    """A class of arrays of its own."""


def test_subclasses_are_left_alone() -> None:
    again, _, _ = there_and_back((WHOLE[::2].view(Kept), np.ma.masked_equal(WHOLE[::2], 0)))
    assert type(again[0]) is Kept
    assert again[1].mask[0, 0]


def test_what_others_have_registered_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {**copyreg.dispatch_table, collections.Counter: lambda kept: (list, (list(kept),))}
    monkeypatch.setattr(copyreg, "dispatch_table", table)
    again, _, _ = there_and_back([WHOLE[:1], collections.Counter("a")])
    assert again[1] == ["a"]
