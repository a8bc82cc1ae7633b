"""How large values are said to be is about what they take of memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from gdistributed.data.codecs import decode_parts, encode_parts
from gdistributed.data.sizes import UNKNOWN_NBYTES, sizeof

MEGA = 1_000_000
NUMBERS = np.arange(MEGA)
WORDS = [f"{number:0100}" for number in range(10_000)]  # about 150 bytes each as objects


@pytest.mark.parametrize(
    ("value", "nbytes"),
    [
        (NUMBERS, 8 * MEGA),
        (NUMBERS[:1000], 8000),
        (NUMBERS[::2], 4 * MEGA),
        (np.broadcast_to(np.int64(1), (1000, 1000)), 8),
        (pd.DataFrame({"a": NUMBERS}), 8 * MEGA),
        (pd.Series(WORDS, dtype=object), 10_000 * 150),
        (pd.DataFrame({"a": WORDS, "b": 1.5}).astype({"a": object}), 10_000 * 158),
        (pd.DataFrame({"a": WORDS}), 10_000 * 104),
        (pd.Series(["a", "b"] * 50_000, dtype="category"), 100_000),
        (pa.table({"a": NUMBERS}), 8 * MEGA),
        (pa.record_batch({"a": NUMBERS}), 8 * MEGA),
        (pa.array(NUMBERS), 8 * MEGA),
        (pa.chunked_array([NUMBERS, NUMBERS]), 16 * MEGA),
        (pa.table({"a": WORDS}), 10_000 * 104),
        (pl.DataFrame({"a": NUMBERS}), 8 * MEGA),
        (pl.Series(WORDS), 10_000 * 100),
        ([NUMBERS, NUMBERS], 16 * MEGA),
        ({"a": WORDS}, 10_000 * 157),
        (WORDS[0] * 1000, 100_000),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, int) else "",
)
def test_sizes_are_about_right(value: object, nbytes: int) -> None:
    assert sizeof(value) == pytest.approx(nbytes, rel=0.1, abs=2000)


def test_an_array_on_a_buffer_that_others_use_counts_as_itself() -> None:
    encoded = encode_parts(NUMBERS)
    memory = memoryview(bytearray(encoded.buffers[0])).toreadonly()
    arrived = decode_parts(encoded.codec, encoded.data, [memory])
    assert isinstance(arrived, np.ndarray)
    assert not arrived.flags.owndata
    assert sizeof(arrived) == 8 * MEGA
    assert sizeof(arrived[:10]) == 80


class Odd:
    """Gives a size that makes no sense."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def __sizeof__(self) -> int:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer  # type: ignore[return-value]


@pytest.mark.parametrize("answer", [ValueError("no"), -1, "large"])
def test_an_answer_that_makes_no_sense_counts_something(answer: object) -> None:
    assert sizeof(Odd(answer)) in (UNKNOWN_NBYTES, 0)
