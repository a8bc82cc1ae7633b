"""Arrays come back from .npy files the same, and NumPy itself reads and writes the same bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from gdistributed.data.codecs import decode, encode, encode_parts
from gdistributed.errors import CodecUnsupported, SerializationError
from gdistributed.v1 import value_pb2 as pb

dtypes = (
    st_numpy.scalar_dtypes()
    | st_numpy.byte_string_dtypes()
    | st_numpy.unicode_string_dtypes()
    | st_numpy.nested_dtypes(max_itemsize=200)
)
arrays = dtypes.flatmap(
    lambda dtype: st_numpy.arrays(dtype, st_numpy.array_shapes(min_dims=0, min_side=0, max_side=4))
)
# Steps that go on, skip and go back; the other way round; in Fortran's order; not to be written to.
views = st.sampled_from(
    [
        lambda array: array,
        lambda array: array[..., ::2] if array.ndim else array,
        lambda array: array[::-1] if array.ndim else array,
        lambda array: array.T,
        np.asfortranarray,
        lambda array: np.broadcast_to(array, (2, *array.shape)),
    ]
)


def file_of(payload: pb.Payload) -> bytes:
    """Put the data and the buffers together: that is the file."""
    return payload.data + b"".join(payload.buffers)


def same(left: np.ndarray, right: np.ndarray) -> bool:
    """Say whether two arrays are the same to the last bit."""
    assert left.dtype == right.dtype
    assert left.shape == right.shape
    return left.tobytes() == right.tobytes()


@given(arrays, views)
def test_arrays_come_back(array: np.ndarray, view: object) -> None:
    array = view(array)
    payload = encode(array, ["npy"])
    assert payload.codec == "npy"
    arrived = decode(pb.Payload.FromString(payload.SerializeToString()))
    assert same(arrived, array)
    assert arrived.flags.writeable
    assert same(np.load(io.BytesIO(file_of(payload))), array)


PADDED = np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [0, 8], "itemsize": 24})


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, "S0"),
        np.zeros((2, 0), "U5"),
        np.zeros(3, "V0"),
        np.zeros(3, "V7"),
        np.ones(3, np.longdouble),
        np.ones(3, np.clongdouble),
        np.ones((2, 3), PADDED),
        np.array(["NaT", "2026-01-01"], "M8[25s]"),
    ],
)
def test_unusual_elements_come_back(array: np.ndarray) -> None:
    assert same(decode(encode(array, ["npy"])), array)


@pytest.mark.filterwarnings("ignore:Stored array in format")
@given(arrays, views)
def test_files_of_numpy_are_read(array: np.ndarray, view: object) -> None:
    file = io.BytesIO()
    np.save(file, view(array))
    assert same(decode(pb.Payload(codec="npy", data=file.getvalue())), view(array))


@pytest.mark.parametrize("order", ["C", "F"])
def test_nothing_is_copied(order: str) -> None:
    array = np.asarray(np.arange(10_000.0).reshape(100, 100), order=order)
    array.flags.writeable = False
    encoded = encode_parts(array, ["npy"])
    [buffer] = encoded.buffers
    assert np.shares_memory(np.frombuffer(buffer), array)
    assert len(encoded.data) % 64 == 0
    memory = bytearray(buffer)
    arrived = decode(pb.Payload(codec="npy", data=encoded.data, buffers=[bytes(memory)]))
    assert arrived.flags[f"{order}_CONTIGUOUS"]


def test_names_that_are_not_latin_make_a_file_of_version_3() -> None:
    array = np.zeros(2, [("Größe", "f4"), ("число", "i2", (2,))])
    payload = encode(array, ["npy"])
    assert payload.data[6:8] == b"\x03\x00"
    assert same(decode(payload), array)
    assert same(np.load(io.BytesIO(file_of(payload))), array)


def test_a_long_header_makes_a_file_of_version_2() -> None:
    array = np.zeros(2, [(f"field number {n}", "i1") for n in range(3000)])
    payload = encode(array, ["npy"])
    assert payload.data[6:8] == b"\x02\x00"
    assert same(decode(payload), array)
    file = io.BytesIO(file_of(payload))
    assert same(np.lib.format.read_array(file, max_header_size=200_000), array)


@pytest.mark.parametrize(
    "array",
    [
        np.array([object()]),
        np.array(["a", "b"], dtype=np.dtypes.StringDType()),
        np.zeros(2, [("a", "i4"), ("b", "O")]),
        np.ma.array([1, 2], mask=[True, False]),
        np.float64(1.5),
    ],
)
def test_what_a_file_cannot_say_is_refused(array: object) -> None:
    with pytest.raises(CodecUnsupported, match="numpy"):
        encode(array, ["npy"])
    assert encode(array, ["npy", "python/pickle5"]).codec == "python/pickle5"


def test_a_mapped_file_is_an_array(tmp_path: object) -> None:
    mapped = np.memmap(tmp_path / "numbers", np.int32, "w+", shape=(3, 4))
    mapped[:] = 7
    assert same(decode(encode(mapped, ["npy"])), np.full((3, 4), 7, np.int32))


@given(st.binary() | st.binary().map(lambda data: b"\x93NUMPY\x01\x00" + data))
def test_rubbish_is_an_error_and_never_a_crash(data: bytes) -> None:
    with pytest.raises(SerializationError, match="npy"):
        decode(pb.Payload(codec="npy", data=data))


@given(st.integers(1, 200))
def test_a_file_that_was_cut_is_an_error(missing: int) -> None:
    file = file_of(encode(np.arange(50, dtype=np.int32), ["npy"]))
    with pytest.raises(SerializationError, match="npy"):
        decode(pb.Payload(codec="npy", data=file[:-missing]))
