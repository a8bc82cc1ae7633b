"""Tables and columns come back from an Arrow stream as what they were, or Arrow says why not."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdistributed.data.codecs import decode, encode, encode_parts
from gdistributed.errors import CodecUnsupported, SerializationError
from gdistributed.v1 import value_pb2 as pb


def over_the_wire(value: object) -> object:
    return decode(pb.Payload.FromString(encode_parts(value, ["arrow"]).serialise()))


# ---- pandas


moments = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1))
words = st.none() | st.text(st.characters(codec="utf-8"), max_size=5)
zones = st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Chatham", "-03:30"])
columns: dict[str, Callable[[int], st.SearchStrategy[object]]] = {
    name: lambda size, elements=elements, made=made: st.lists(
        elements, min_size=size, max_size=size
    ).map(made)
    for name, elements, made in [
        ("float", st.floats(width=32), lambda items: np.array(items, "f4")),
        ("int", st.integers(-(2**63), 2**63 - 1), lambda items: np.array(items, "i8")),
        ("bool", st.booleans(), lambda items: np.array(items, "?")),
        ("text", words, lambda items: pd.array(items, "str")),
        ("Int16", st.none() | st.integers(-9, 9), lambda items: pd.array(items, "Int16")),
        ("boolean", st.none() | st.booleans(), lambda items: pd.array(items, "boolean")),
        ("Float64", st.none() | st.floats(0, 1), lambda items: pd.array(items, "Float64")),
        ("string", words, lambda items: pd.array(items, "string[pyarrow]")),
        ("time", moments, lambda items: pd.array(items, "datetime64[us]")),
        ("period", moments, lambda items: pd.PeriodIndex(items, freq="D")),
        ("arrow", st.none() | st.integers(0, 9), lambda items: pd.array(items, "int8[pyarrow]")),
        (
            "kind",
            st.none() | st.sampled_from("abc"),
            lambda items: pd.Categorical(items, categories=["c", "a", "b"], ordered=True),
        ),
        (
            "interval",
            st.integers(0, 9),
            lambda items: pd.arrays.IntervalArray.from_breaks([-1, *np.cumsum(items)]),
        ),
    ]
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    size = draw(st.integers(0, 5))
    chosen = draw(st.lists(st.sampled_from(list(columns)), unique=True))
    frame = pd.DataFrame({name: draw(columns[name](size)) for name in chosen}, index=range(size))
    if "time" in frame:
        frame["zone"] = frame["time"].dt.tz_localize("UTC").dt.tz_convert(draw(zones))
    index = draw(st.sampled_from([None, "word", "moment", "two"]))
    if index == "word":
        frame.index = pd.Index([f"row {n}" for n in range(size)], name="name", dtype="str")
    elif index == "moment":
        frame.index = pd.DatetimeIndex(
            pd.date_range("2026-03-29", periods=size, freq="h", tz="Europe/Berlin"), freq=None
        )
    elif index == "two":
        frame.index = pd.MultiIndex.from_product([range(size), ["x"]], names=["one", None])
    return frame


@settings(max_examples=60)
@given(frames())
def test_frames_come_back(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(over_the_wire(frame), frame, check_column_type=False)


@settings(max_examples=60)
@given(frames())
def test_pickled_frames_come_back(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(decode(encode(frame)), frame)


@pytest.mark.parametrize("name", [None, "a", 3, ("a", "b")])
def test_series_keep_their_names(name: object) -> None:
    series = pd.Series([1.5, 2.5], name=name, index=pd.Index(["x", "y"], name="row"))
    pd.testing.assert_series_equal(over_the_wire(series), series)


def test_frames_can_be_written_to_where_they_arrive() -> None:
    frame = over_the_wire(pd.DataFrame({"a": np.arange(100_000.0)}))
    frame.loc[0, "a"] = 7
    frame["a"] += 1
    assert frame["a"].iloc[0] == 8


class OurFrame(pd.DataFrame):
    """More than a frame."""


# ---- pyarrow and polars


TABLE = pa.table({"a": [1, 2, None], "b": ["x", None, "y"], "c": [[1], [], None]})


@pytest.mark.parametrize(
    "value",
    [
        TABLE,
        TABLE.slice(1),
        TABLE.slice(0, 0),
        pa.concat_tables([TABLE, TABLE.slice(2)]),
        TABLE.replace_schema_metadata({"said": "by the user"}),
        pa.table({}),
        TABLE.to_batches()[0],
        TABLE.to_batches()[0].slice(3),
        pa.array([1, None, 3], pa.int8()),
        pa.array([], pa.string()),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.array([datetime.datetime(2026, 1, 1)], pa.timestamp("s", "Asia/Tokyo")),
        pa.chunked_array([[1, 2], [], [3]]),
        pa.chunked_array([], pa.float32()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_tables_and_columns_of_arrow_come_back(value: pa.Table | pa.Array) -> None:
    arrived = over_the_wire(value)
    assert type(arrived) is type(value)
    assert arrived.equals(value)
    if isinstance(value, pa.Table):
        assert arrived.schema.equals(value.schema, check_metadata=True)


@pytest.mark.parametrize(
    "series",
    [
        pl.Series("a", [1, None, 3]),
        pl.Series([1.5]),
        pl.Series("a", ["x", None]),
        pl.Series("a", ["x", "y", "x"], pl.Categorical),
        pl.Series("a", ["x", "y"], pl.Enum(["y", "x"])),
        pl.Series("a", [[1], [], None]),
        pl.Series("a", [{"b": 1, "c": "x"}]),
        pl.Series("a", [datetime.datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))]),
        pl.Series("a", [b"\0\xff"]),
        pl.Series("a", [], pl.Date),
    ],
    ids=repr,
)
def test_columns_and_frames_of_polars_come_back(series: pl.Series) -> None:
    arrived = over_the_wire(series)
    assert arrived.dtype == series.dtype
    assert arrived.name == series.name
    assert arrived.equals(series, null_equal=True)
    frame = pl.DataFrame({"one": series, "two": series})
    assert over_the_wire(frame).equals(frame)
    assert over_the_wire(frame).schema == frame.schema


# ---- The stream


def test_the_columns_are_not_copied_and_their_pieces_are_the_stream() -> None:
    numbers = np.arange(100_000)
    frame = pd.DataFrame({"a": numbers, "b": ["x"] * len(numbers)}, copy=False)
    encoded = encode_parts(frame, ["arrow"])
    assert any(np.shares_memory(np.frombuffer(each, np.uint8), numbers) for each in encoded.buffers)
    stream = b"".join([encoded.data, *encoded.buffers])
    assert pa.ipc.open_stream(stream).read_all().equals(pa.Table.from_pandas(frame))
    assert len(encoded.buffers) < 10


def test_a_stream_that_others_wrote_is_a_table() -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    assert decode(pb.Payload(codec="arrow", data=sink.getvalue().to_pybytes())).equals(TABLE)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (pd.DataFrame({"a": [1, "x"]}), "column a"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Duplicate"),
        (pd.DataFrame({"a": [object()]}), "object"),
        (pl.DataFrame({"a": [object()]}), "Python objects"),
        (pl.DataFrame({"": [1]}), "would be the same"),
        (OurFrame({"a": [1]}), "OurFrame"),
        ([1, 2], "list"),
        (pa.int8(), "DataType"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_what_a_stream_cannot_say_is_refused(value: object, why: str) -> None:
    with pytest.raises(CodecUnsupported, match=why):
        encode(value, ["arrow"])


@pytest.mark.filterwarnings("ignore:The DataFrame has")
@pytest.mark.parametrize(
    "frame", [pd.DataFrame({"a": [1], 1: [2]}), pd.DataFrame(index=pd.Index([1, 2], name=7))]
)
def test_names_that_would_become_text_are_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(CodecUnsupported, match="would become text"):
        encode(frame, ["arrow"])


@settings(max_examples=30)
@given(st.binary())
def test_rubbish_is_an_error_and_never_a_crash(data: bytes) -> None:
    with pytest.raises(SerializationError, match="arrow"):
        decode(pb.Payload(codec="arrow", data=data))


@given(st.integers(0, 10))
def test_a_stream_that_was_cut_is_an_error(length: int) -> None:
    whole = encode(TABLE, ["arrow"]).data
    with pytest.raises(SerializationError, match="arrow"):
        decode(pb.Payload(codec="arrow", data=whole[: len(whole) * length // 20]))
