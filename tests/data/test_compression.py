"""What is compressed comes back, as other programs would read and write it; what does not shrink is
left alone.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable

import lz4.frame
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gdistributed.data.codecs import compression, decode, encode
from gdistributed.errors import CodecUnsupported, SerializationError
from gdistributed.v1 import value_pb2 as pb

NAMES = ["lz4", "zstd", "gzip"]
# How other programs write, some of them without saying how long the data will be.
WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lambda data: lz4.frame.compress(data, store_size=False, block_linked=False),
    "zstd": lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data),
    "gzip": gzip.compress,
}
READERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.decompress,
    "zstd": zstandard.ZstdDecompressor().decompress,
    "gzip": gzip.decompress,
}
contents = st.binary() | st.builds(
    lambda data, times: data * times, st.binary(), st.integers(0, 99)
)


@pytest.mark.parametrize("name", NAMES)
@given(contents)
def test_data_comes_back(name: str, data: bytes) -> None:
    done = compression.ALL[name].compress(memoryview(data))
    assert compression.decompress(name, done, len(data)) == data
    assert compression.decompress(name, done) == data
    assert READERS[name](done) == data
    assert compression.decompress(name, WRITERS[name](data)) == data
    assert compression.decompress(name, WRITERS[name](data), len(data)) == data


@pytest.mark.parametrize("name", NAMES)
@given(st.integers(1, 1000))
def test_a_truncated_piece_is_an_error(name: str, missing: int) -> None:
    done = compression.ALL[name].compress(np.random.default_rng(0).bytes(2000))
    with pytest.raises(ValueError, match=name):
        compression.decompress(name, done[:-missing])


@pytest.mark.parametrize("name", NAMES)
def test_no_more_is_decompressed_than_was_announced(name: str) -> None:
    bomb = compression.ALL[name].compress(bytes(100_000_000))
    assert len(compression.decompress(name, bomb, 1000)) == 1000


@pytest.mark.parametrize("name", NAMES)
def test_values_that_others_have_compressed_are_read(name: str) -> None:
    payload = encode(np.arange(1000))
    array = decode(
        pb.Payload(
            codec=payload.codec,
            compression=name,
            data=WRITERS[name](payload.data),
            buffers=map(WRITERS[name], payload.buffers),
        )
    )
    assert array.tolist() == list(range(1000))
    array += 1
    with pytest.raises(SerializationError, match=name):
        decode(pb.Payload(codec="raw", compression=name, data=b"rubbish"))


def test_a_compression_from_the_future_is_named() -> None:
    with pytest.raises(CodecUnsupported, match=r"brotli.*undoes lz4, zstd, gzip"):
        decode(pb.Payload(codec="raw", compression="brotli", data=b"\0"))


@pytest.mark.parametrize(
    ("setting", "announced", "same_host", "chosen"),
    [
        ("auto", ["gzip", "zstd", "lz4"], False, "lz4"),
        ("auto", ["gzip", "zstd", "brotli"], False, "zstd"),
        ("auto", ["gzip"], False, None),  # too slow to be worth it
        ("auto", ["zstd", "lz4"], True, None),
        ("zstd", ["zstd", "lz4"], True, "zstd"),
        ("gzip", ["gzip"], False, "gzip"),
        ("zstd", ["lz4"], False, None),
        ("none", ["lz4"], False, None),
    ],
)
def test_how_a_compression_is_chosen(
    setting: str, announced: list[str], same_host: bool, chosen: str | None
) -> None:
    found = compression.agreed_on(setting, announced, same_host=same_host)
    assert (found.name if found else None) == chosen


def test_a_setting_that_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in ("auto", "none", *NAMES):
        compression.check_setting(setting)
    with pytest.raises(ValueError, match="'brotli'"):
        compression.check_setting("brotli")
    monkeypatch.setattr(compression, "compressions", lambda: ("gzip",))
    with pytest.raises(ValueError, match=r"pip install gdistributed\[lz4\]"):
        compression.check_setting("lz4")


def test_what_a_server_announces_is_understood() -> None:
    words = ["nanny", *compression.capabilities()]
    assert compression.announced_in(words) == tuple(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_samples_tell_what_shrinks(name: str) -> None:
    random = np.random.default_rng(0)
    worth = {
        "noise": random.bytes(1 << 20),
        "floats": random.random(1 << 17).tobytes(),
        "small numbers": random.integers(0, 1000, 1 << 17).tobytes(),
        "text": b" ".join(b"word %d" % number for number in random.integers(0, 500, 100_000)),
        "few bytes": bytes(1000),
        "begins well": bytes(400_000) + random.bytes(1_200_000),
    }
    found = {
        what for what, data in worth.items()
        if compression.Samples(compression.ALL[name]).say_it_shrinks(memoryview(data))
    }  # fmt: skip
    assert found == {"small numbers", "text"}


def test_samples_cost_little_of_the_data() -> None:
    taken = [sample.nbytes for sample in compression._samples(memoryview(bytes(1 << 20)))]
    assert sum(taken) < (1 << 20) / 20
