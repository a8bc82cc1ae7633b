"""Every value that is encoded comes back the same, or the encoder says what is wrong with it."""

from __future__ import annotations

import pickle
import sys
import threading
import types
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from gdistributed.data.codecs import (
    Encoded,
    Unread,
    decode,
    decode_or_keep,
    encode,
    encode_parts,
    registry,
)
from gdistributed.data.codecs.pickled import unpickle
from gdistributed.errors import CodecUnsupported, SerializationError
from gdistributed.v1 import value_pb2 as pb

finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers() | finite | st.text()
plain_data = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
python_data = st.recursive(
    scalars
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.dates()
    | st.decimals(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers() | st.text(), inner)
        | st.frozensets(st.integers())
    ),
    max_leaves=20,
)


def over_the_wire(value: object, *codecs: str) -> object:
    serialised = encode_parts(value, codecs).serialise()
    assert pb.Payload.FromString(serialised) == encode(value, codecs)
    return decode(pb.Payload.FromString(serialised))


@given(python_data)
def test_python_data_comes_back(value: object) -> None:
    assert over_the_wire(value) == value
    assert type(over_the_wire(value)) is type(value)


@pytest.mark.parametrize("codec", ["python/pickle5", "python/cloudpickle"])
@given(python_data)
def test_pickles_carry_python_data(codec: str, value: object) -> None:
    assert over_the_wire(value, codec, "python/cloudpickle") == value


@given(plain_data)
def test_json_carries_plain_data(value: object) -> None:
    assert over_the_wire(value, "json") == value


@given(st.text())
def test_text_comes_back_or_is_refused(value: str) -> None:
    try:
        assert over_the_wire(value, "text") == value
    except CodecUnsupported:
        assert "\\ud" in ascii(value)


@given(st.binary())
def test_bytes_come_back_raw(value: bytes) -> None:
    assert encode(value).codec == "raw"
    for kind in (bytes, bytearray, memoryview):
        assert over_the_wire(kind(value), "raw") == value


@given(
    st_numpy.arrays(
        dtype=st_numpy.scalar_dtypes(),
        shape=st_numpy.array_shapes(min_dims=0, min_side=0),
    ),
    st.sampled_from(["C", "F"]),
)
def test_arrays_come_back(array: np.ndarray, order: str) -> None:
    array = np.asarray(array, order=order)
    np.testing.assert_array_equal(over_the_wire(array), array)


def test_large_arrays_stay_apart_and_are_not_copied() -> None:
    array = np.arange(10_000)
    encoded = encode_parts(array)
    assert len(encoded.data) < 1000
    [buffer] = encoded.buffers
    assert np.shares_memory(np.frombuffer(buffer, array.dtype), array)
    assert encoded.nbytes == len(encoded.data) + array.nbytes


@pytest.mark.parametrize("count", [3, 10_000])
def test_arrays_can_be_written_to_where_they_arrive(count: int) -> None:
    arrived = over_the_wire(np.zeros(count))
    arrived += 1
    assert arrived.sum() == count


def test_frames_come_back() -> None:
    frame = pd.DataFrame(
        {
            "number": np.arange(1000),
            "kind": pd.Categorical(["a", "b"] * 500),
            "time": pd.date_range("2026-01-01", periods=1000, tz="Europe/Berlin"),
        }
    )
    pd.testing.assert_frame_equal(over_the_wire(frame), frame)


class Reduced:
    """Has something to say about how it is written down."""

    def __init__(self, parts: object, made_by: str) -> None:
        self.parts = parts
        self.made_by = made_by

    def __reduce__(self) -> object:
        return Reduced._again, (self.parts,)

    @classmethod
    def _again(cls, parts: object) -> Reduced:
        return cls(parts, "its reducer")


class Apart:
    """Keeps its bulk out of the pickle, as arrays do."""

    def __init__(self, content: object) -> None:
        self.content = bytes(content)

    def __reduce_ex__(self, protocol: int) -> object:
        return Apart, (pickle.PickleBuffer(self.content),)


def shape_of(value: object, met: dict[int, int] | None = None) -> object:
    """Describe a value so that two may be compared which contain themselves."""
    met = {} if met is None else met
    if id(value) in met:
        return "again", met[id(value)]
    if isinstance(value, list | dict | Reduced):
        met[id(value)] = len(met)
    if isinstance(value, list | tuple):
        return type(value), [shape_of(each, met) for each in value]
    if isinstance(value, dict):
        return dict, [(key, shape_of(each, met)) for key, each in value.items()]
    if isinstance(value, Reduced):
        return Reduced, shape_of(value.parts, met)
    if isinstance(value, Apart):
        return Apart, value.content
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    return value


@st.composite
def knots(draw: st.DrawFn) -> object:
    """Containers of which some contain themselves, or the same thing twice."""
    leaves = (
        st.integers()
        | st.text(max_size=3)
        | st.sampled_from([0, 3000]).map(lambda size: Apart(b"x" * size))
        | st.sampled_from([0, 1, 1000]).map(np.arange)
    )
    made: list[list[object] | dict[str, object]] = [[]]
    for _ in range(draw(st.integers(1, 6))):
        inside = draw(st.sampled_from(made))
        new = draw(st.sampled_from([list, dict]))()
        made.append(new)
        shell = draw(st.sampled_from([lambda each: each, lambda each: (each, each)]))
        wrap = draw(st.sampled_from([lambda each: each, lambda each: Reduced(each, "hand")]))
        for each in (wrap(shell(new)), draw(leaves), draw(st.sampled_from(made))):
            if isinstance(inside, list):
                inside.append(each)
            else:
                inside[str(len(inside))] = each
    return made[0]


@pytest.mark.parametrize("codecs", [(), ("python/cloudpickle",)])
@given(value=knots())
def test_recursive_structures_and_reduced_objects_come_back(
    codecs: tuple[str, ...], value: object
) -> None:
    assert shape_of(over_the_wire(value, *codecs)) == shape_of(value)


def test_a_reducer_decides_what_comes_back() -> None:
    assert over_the_wire(Reduced(1, "hand")).made_by == "its reducer"


def test_what_contains_itself_is_not_plain_data() -> None:
    value: list[object] = [1]
    value.append(value)
    arrived = over_the_wire(value)
    assert arrived[1] is arrived
    with pytest.raises(CodecUnsupported, match="json"):
        encode(value, ["json"])


class Degrees(float):
    """A type with a codec of its own."""


class DegreesCodec:
    name: ClassVar[str] = "degrees"

    def encode(self, value: object) -> Encoded | None:
        return Encoded(self.name, f"{value:g}°".encode()) if isinstance(value, Degrees) else None

    def decode(self, data: bytes, buffers: Sequence[bytes], attributes: object) -> object:
        return Degrees(bytes(data).decode().rstrip("°"))


def test_a_codec_can_be_added_for_a_type(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_codecs", "_packages", "_native"):
        monkeypatch.setattr(registry, name, dict(getattr(registry, name)))
    before = set(registry.codec_names())
    registry.register(DegreesCodec(), types=[Degrees])
    assert set(registry.codec_names()) - before == {"degrees"}
    assert encode(Degrees(21.5)).data == "21.5°".encode()
    assert over_the_wire(Degrees(21.5)) == 21.5
    assert encode(21.5).codec == "python/pickle5"


def test_a_codec_whose_package_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(np.arange(3), ["npy"])
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.setitem(registry._packages, "npy", "numpy_is_not_there")
    assert "npy" not in registry.codec_names()
    with pytest.raises(CodecUnsupported, match="it needs numpy_is_not_there"):
        decode(data)


def test_local_code_comes_back() -> None:
    assert over_the_wire(lambda x: x + 1)(1) == 2


@dataclass
class Point:
    x: int


def test_what_belongs_to_main_travels_as_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Point, "__module__", "__main__")
    assert encode(Point(1)).codec == "python/cloudpickle"


@pytest.mark.parametrize(
    ("value", "codecs"),
    [
        (float("nan"), ["json"]),
        (float("inf"), ["json"]),
        ({1: 2}, ["json"]),
        ([{(1, 2): 3}], ["json"]),
        (object(), ["null", "raw", "text", "json"]),
        (1, ["text", "raw"]),
        (1, ["arrow-from-the-future"]),
        (1, ["null"]),
    ],
)
def test_what_a_reader_cannot_have_is_named(value: object, codecs: list[str]) -> None:
    with pytest.raises(CodecUnsupported, match=type(value).__name__):
        encode(value, codecs)


def test_numbers_of_numpy_are_plain_data() -> None:
    assert over_the_wire([np.int64(3), np.float32(0.5)], "json") == [3, 0.5]


def test_the_first_codec_that_fits_is_taken() -> None:
    assert encode("a", ["raw", "json", "text"]).codec == "json"
    assert encode("a", ["new", "text", "json"]).codec == "text"


def test_a_value_that_cannot_be_pickled_names_its_type() -> None:
    with pytest.raises(SerializationError, match=r"_thread\.lock"):
        encode(threading.Lock())
    with pytest.raises(SerializationError, match="generator"):
        encode(x for x in [])


class Deceitful:
    def __reduce__(self) -> object:
        raise ZeroDivisionError("ha")


def test_an_exception_of_the_value_itself_is_named() -> None:
    with pytest.raises(SerializationError, match=r"Deceitful.*ZeroDivisionError: ha"):
        encode(Deceitful())


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(CodecUnsupported, match="cbor"):
        decode(pb.Payload(codec="cbor", data=b"\0"))


@pytest.mark.parametrize("codec", ["json", "text"])
@given(data=st.binary())
def test_rubbish_is_an_error_and_never_a_crash(codec: str, data: bytes) -> None:
    try:
        value = decode(pb.Payload(codec=codec, data=data))
    except SerializationError:
        return
    assert over_the_wire(value, codec, "json", "python/pickle5") is not None or value is None


@given(st.integers(min_value=0, max_value=200))
def test_a_truncated_pickle_is_an_error(length: int) -> None:
    payload = encode({"a": [1, 2, 3], "b": "x" * 300})
    payload.data = payload.data[:length]
    with pytest.raises(SerializationError, match="python/pickle5"):
        decode(payload)


def test_the_reader_learns_that_the_writer_had_another_python() -> None:
    payload = pb.Payload(
        codec="python/cloudpickle", data=b"rubbish", attributes={"python_version": "2.7"}
    )
    with pytest.raises(SerializationError) as caught:
        decode(payload)
    assert "2.7" in "".join(caught.value.__cause__.__notes__)


MODULE_THAT_TAKES_A_WHILE = """
import sys, threading
counts = sys.modules["imports_at_once"].counts
counts.append(counts[-1] + 1)
threading.Event().wait(0.05)
counts.append(counts[-1] - 1)
thing = 1
"""


def test_threads_that_unpickle_import_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = types.ModuleType("imports_at_once")
    counted.counts = [0]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "imports_at_once", counted)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("imported_left", "imported_right"):
        (tmp_path / f"{name}.py").write_text(MODULE_THAT_TAKES_A_WHILE)
        monkeypatch.delitem(sys.modules, name, raising=False)
    pickles = [
        b"\x80\x05\x8c" + bytes([len(name)]) + name + b"\x8c\x05thing\x93."  # module, name, global
        for name in (b"imported_left", b"imported_right")
    ]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(unpickle, pickles)) == [1, 1]
    assert counted.counts == [0, 1, 0, 1, 0]


# ---- Codecs that nobody here reads


def test_a_value_in_an_unknown_codec_is_held_and_passed_on_as_it_came() -> None:
    held = decode_or_keep("r/rds", b"data", [b"buffer"], {"level": "3"})
    assert isinstance(held, Unread)
    sent = pb.Payload(codec="r/rds", data=b"data", buffers=[b"buffer"], attributes={"level": "3"})
    for codecs in ((), ("r/rds",), ("python/pickle5", "r/rds")):
        assert encode(held, codecs) == sent
    assert sys.getsizeof(held) > len(b"databuffer")


def test_it_is_said_in_no_other_codec() -> None:
    held = decode_or_keep("r/rds", b"data")
    with pytest.raises(CodecUnsupported, match=r"'r/rds'.* in any of python/pickle5, json"):
        encode(held, ("python/pickle5", "json"))


def test_bytes_that_a_known_codec_cannot_read_are_not_kept() -> None:
    with pytest.raises(SerializationError):
        decode_or_keep("json", b"{")
