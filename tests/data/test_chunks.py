"""Values are cut into messages and put together again, or the receiver says what does not fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdistributed.data.chunks import WHOLE_NBYTES, Assembler, Incoming, Outgoing, cut
from gdistributed.data.codecs import Encoded, decode_parts, encode_parts
from gdistributed.data.codecs.compression import ALL, Compression
from gdistributed.data.framing import REQUESTS, RESPONSES, Framing
from gdistributed.errors import CodecUnsupported, MalformedMessage
from gdistributed.v1 import error_pb2, worker_pb2


async def each(values: Sequence[Outgoing]) -> AsyncIterator[Outgoing]:
    for value in values:
        yield value


def messages(
    values: Sequence[Outgoing],
    chunk_nbytes: int = 0,
    start: int = 0,
    framing: Framing = RESPONSES,
    compression: Compression | None = None,
) -> list[worker_pb2.GetDataResponse]:
    """Cut values, and read the messages as any other implementation would."""

    async def collect() -> list[bytes]:
        cutting = cut(each(values), framing, chunk_nbytes, start, compression)
        return [message async for message in cutting]

    kind = worker_pb2.GetDataResponse if framing is RESPONSES else worker_pb2.PutDataRequest
    return [kind.FromString(message) for message in asyncio.run(collect())]


def assembled(
    sent: Sequence[worker_pb2.GetDataResponse], framing: Framing = RESPONSES
) -> list[Incoming]:
    assembler = Assembler(framing)
    whole = [value for m in sent for value in assembler.add(m.SerializeToString())]
    assembler.end()
    return whole


lengths = st.integers(0, 300) | st.integers(1, 300_000)


def content(length: int) -> bytes:
    """Return bytes in which no two pieces are alike."""
    return b"".join(n.to_bytes(4, "big") for n in range(length // 4 + 1))[:length]


@pytest.mark.parametrize("framing", [RESPONSES, REQUESTS])
@given(st.lists(st.lists(lengths, min_size=1, max_size=4), max_size=5), st.integers(1000, 100_000))
def test_values_of_any_size_come_through(
    framing: Framing, sizes: list[list[int]], chunk_nbytes: int
) -> None:
    values = [[content(length) for length in parts] for parts in sizes]
    sent = [
        Outgoing(index, Encoded("test", data, buffers), nbytes=7, type="t")
        for index, (data, *buffers) in enumerate(values)
    ]
    come = assembled(messages(sent, chunk_nbytes, framing=framing), framing)
    assert [value.index for value in come] == list(range(len(values)))
    assert [[value.data, *value.buffers] for value in come] == values
    assert all(value.nbytes == 7 and value.type == "t" for value in come)


def test_an_array_comes_through_in_pieces_and_can_be_written_to() -> None:
    array = np.arange(1_000_000)
    sent = messages([Outgoing(0, encode_parts(array))])
    assert len(sent) == 9
    [value] = assembled(sent)
    assert value.header is not None
    arrived = decode_parts(value.header.codec, value.data, value.buffers)
    np.testing.assert_array_equal(arrived, array)
    arrived += 1


def test_small_values_share_a_message() -> None:
    sent = messages([Outgoing(n, Encoded("raw", b"x" * 100)) for n in range(500)])
    assert len(sent) == 1
    assert len(assembled(sent)) == 500


def test_bad_news_comes_through() -> None:
    failure = error_pb2.TaskError(type="TypeError")
    missing, broken = assembled(messages([Outgoing(0), Outgoing(1, error=failure)]))
    assert missing.is_missing
    assert not broken.is_missing
    assert broken.error == failure


def large() -> list[worker_pb2.GetDataResponse]:
    return messages([Outgoing(0, Encoded("raw", bytes(4 * WHOLE_NBYTES)))], WHOLE_NBYTES)


def test_a_value_goes_on_at_an_offset() -> None:
    rest = messages(
        [Outgoing(0, Encoded("raw", bytes(4 * WHOLE_NBYTES)))], WHOLE_NBYTES, 2 * WHOLE_NBYTES
    )
    assert [message.chunk.offset for message in rest] == [2 * WHOLE_NBYTES, 3 * WHOLE_NBYTES]
    assert rest[0].chunk.header.fingerprint == large()[0].chunk.header.fingerprint


def test_a_damaged_piece_is_found() -> None:
    sent = large()
    sent[1].chunk.data = b"\1" + sent[1].chunk.data[1:]
    with pytest.raises(MalformedMessage, match="checksum") as caught:
        assembled(sent)
    assert caught.value.reason == "BAD_CHUNK"


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ([0, 2, 3], "offset 65536 was expected"),
        ([1, 2, 3], "no header"),
        ([0, 0, 1, 2, 3], "not complete"),
        ([0, 1, 2], "too early"),
        ([0, 1, 2, 3, 3], "no header"),
    ],
)
def test_pieces_that_do_not_fit_are_found(order: list[int], complaint: str) -> None:
    sent = large()
    with pytest.raises(MalformedMessage, match=complaint):
        assembled([sent[index] for index in order])


def test_more_than_was_announced_is_found() -> None:
    sent = large()
    sent[0].chunk.header.data_nbytes = WHOLE_NBYTES // 2
    with pytest.raises(MalformedMessage, match="beyond the end"):
        assembled(sent)


def test_a_very_large_value_can_be_written_to() -> None:
    array = np.ones(1_000_000)
    [value] = assembled(messages([Outgoing(0, encode_parts(array))]))
    assert value.header is not None
    arrived = decode_parts(value.header.codec, value.data, value.buffers)
    arrived += 1
    assert arrived.sum() == 2_000_000


@pytest.mark.parametrize("name", ["lz4", "zstd", "gzip"])
def test_each_piece_is_compressed_by_itself_where_it_shrinks(name: str) -> None:
    size = 2 * WHOLE_NBYTES
    noise = np.random.default_rng(0).bytes(size)
    value = Encoded("test", bytes(3 * size), [b"few", noise * 8 + bytes(2 * size), noise])
    whole = messages([Outgoing(0, value)], size, compression=ALL[name])
    said = [(message.chunk.compression, message.chunk.nbytes) for message in whole]
    shrunk, left = (name, size), ("", 0)
    # After one that does not shrink the next seven are not looked at.
    assert said == 3 * [shrunk] + 9 * [left] + 2 * [shrunk] + [left]
    assert sum(len(message.chunk.data) for message in whole) < 10 * size + 5000
    [come] = assembled(whole)
    assert [come.data, *come.buffers] == [value.data, *value.buffers]
    offsets = [message.chunk.offset for message in whole]
    rest = messages([Outgoing(0, value)], size, offsets[2], compression=ALL[name])
    assert [message.chunk.data for message in rest] == [m.chunk.data for m in whole[2:]]


def compressed() -> list[worker_pb2.GetDataResponse]:
    value = Encoded("raw", bytes(4 * WHOLE_NBYTES))
    return messages([Outgoing(0, value)], 2 * WHOLE_NBYTES, compression=ALL["lz4"])


def test_a_damaged_compressed_piece_is_found() -> None:
    whole = compressed()
    for at in range(0, len(whole[1].chunk.data), 7):
        sent = compressed()
        data = bytearray(whole[1].chunk.data)
        data[at] ^= 0x55
        sent[1].chunk.data = bytes(data)
        with suppress(MalformedMessage):  # else the damage is in what does not matter
            [value] = assembled(sent)
            assert value.data == bytes(4 * WHOLE_NBYTES)
    sent[1].chunk.data = b"rubbish"
    with pytest.raises(MalformedMessage, match="cannot be decompressed") as caught:
        assembled(sent)
    assert caught.value.reason == "BAD_CHUNK"


def test_a_piece_that_would_be_too_large_is_refused() -> None:
    sent = compressed()
    sent[0].chunk.nbytes = 2**32 - 1
    with pytest.raises(MalformedMessage, match="too large"):
        assembled(sent)


def test_a_piece_in_an_unknown_compression_is_named() -> None:
    sent = compressed()
    sent[0].chunk.compression = "brotli"
    with pytest.raises(CodecUnsupported, match="brotli"):
        assembled(sent)


CHUNK = worker_pb2.DataChunk(index=3, offset=1 << 40, crc32=7, header={"fingerprint": "f"})


@given(st.binary())
def test_the_framing_writes_what_protobuf_reads(data: bytes) -> None:
    written = RESPONSES.chunk(CHUNK, memoryview(data))
    read = worker_pb2.GetDataResponse.FromString(written).chunk
    assert read.data == data
    read.ClearField("data")
    assert read == CHUNK
    items, head, rest = RESPONSES.parse(written)
    assert (list(items), head, bytes(rest)) == ([], CHUNK, data)


def test_the_framing_reads_fields_in_any_order() -> None:
    rest = CHUNK.SerializeToString()
    inner = b"\x7a\x03abc" + rest  # the data first
    message = b"\x12" + bytes([len(inner)]) + inner
    _, head, data = RESPONSES.parse(message)
    assert bytes(data) == b"abc"
    assert head is not None
    assert (head.index, head.offset, head.crc32) == (3, 1 << 40, 7)


@given(st.binary() | st.binary().map(lambda data: b"\x12" + data))
def test_rubbish_is_an_error_and_never_a_crash(data: bytes) -> None:
    try:
        expected = worker_pb2.GetDataResponse.FromString(data)
    except Exception:
        with pytest.raises(MalformedMessage):
            RESPONSES.parse(data)
    else:
        items, head, rest = RESPONSES.parse(data)
        assert list(items) == list(expected.items)
        assert (head is not None) == expected.HasField("chunk")
        assert bytes(rest) == expected.chunk.data
