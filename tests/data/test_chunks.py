"""Values are cut into messages and put together again, or the receiver says what does not fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdistributed.data.chunks import WHOLE_NBYTES, Assembler, Incoming, Outgoing, cut
from gdistributed.data.codecs import Encoded, decode_parts, encode_parts
from gdistributed.errors import MalformedMessage
from gdistributed.v1 import error_pb2, worker_pb2


async def each(values: Sequence[Outgoing]) -> AsyncIterator[Outgoing]:
    for value in values:
        yield value


def messages(
    values: Sequence[Outgoing], chunk_nbytes: int = 0, start: int = 0
) -> list[worker_pb2.GetDataResponse]:
    async def collect() -> list[worker_pb2.GetDataResponse]:
        return [
            worker_pb2.GetDataResponse(items=piece)
            if isinstance(piece, list)
            else worker_pb2.GetDataResponse(chunk=piece)
            async for piece in cut(each(values), chunk_nbytes, start)
        ]

    return asyncio.run(collect())


def assembled(sent: Sequence[worker_pb2.GetDataResponse]) -> list[Incoming]:
    assembler = Assembler()
    whole = [value for message in sent for value in assembler.add(message)]
    assembler.end()
    return whole


parts = st.binary(max_size=300) | st.integers(1, 300_000).map(lambda n: bytes([n % 251]) * n)


@given(st.lists(st.lists(parts, min_size=1, max_size=4), max_size=5), st.integers(1000, 100_000))
def test_values_of_any_size_come_through(values: list[list[bytes]], chunk_nbytes: int) -> None:
    sent = [
        Outgoing(index, Encoded("test", data, buffers), nbytes=7, type="t")
        for index, (data, *buffers) in enumerate(values)
    ]
    come = assembled(messages(sent, chunk_nbytes))
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
