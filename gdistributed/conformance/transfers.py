"""Values that travel in chunks: cut as a peer cuts them, and put together with every check made."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from typing import Final
from zlib import crc32

from gdistributed.conformance.rule import Violation, expect, expect_equal
from gdistributed.v1 import value_pb2, worker_pb2

CHUNK_NBYTES: Final = 1024 * 1024


class Answer:
    """What came by one call of GetData.

    Attributes
    ----------
    items
        Whole values and bad news, by index of the key.
    chunks
        Pieces of large values, by index of the key.
    """

    def __init__(self) -> None:
        self.items: dict[int, worker_pb2.DataItem] = {}
        self.chunks: dict[int, list[worker_pb2.DataChunk]] = {}

    async def take(self, responses: AsyncIterable[worker_pb2.GetDataResponse]) -> None:
        """Read a call to its end."""
        async for response in responses:
            for item in response.items:
                expect(item.index not in self.items, "each value once", f"key {item.index} again")
                self.items[item.index] = item
            if response.HasField("chunk"):
                self.chunks.setdefault(response.chunk.index, []).append(response.chunk)

    def outcome(self, index: int = 0) -> str:
        """Say what came for a key: "value", "missing", "error", ...; a value in chunks is one."""
        if index in self.chunks:
            return "value"
        if index not in self.items:
            return "nothing"
        return self.items[index].WhichOneof("outcome") or "nothing"

    def pieces(self, index: int = 0) -> list[worker_pb2.DataChunk]:
        """Return the chunks of a large value.

        Raises
        ------
        Violation
            If it did not come in chunks.
        """
        expect(index in self.chunks, f"chunks of key {index} of the request", self.outcome(index))
        return self.chunks[index]

    def payload(self, index: int = 0, start: int = 0) -> value_pb2.Payload:
        """Return a value with its bytes, from an offset on.

        Raises
        ------
        Violation
            If there is none, or its chunks do not fit together.
        """
        expect_equal(self.outcome(index), "value", f"for key {index} of the request a")
        if index in self.items:
            return self.items[index].value
        return put_together(self.chunks[index], start)


def put_together(chunks: list[worker_pb2.DataChunk], start: int = 0) -> value_pb2.Payload:
    """Put the chunks of a value together; all that lies before `start` is left out."""
    header = chunks[0].header
    expect(chunks[0].HasField("header"), "the header of the value in its first chunk", "none")
    expect_equal(chunks[0].offset, start, "the first chunk at the offset")
    expect(bool(header.fingerprint), "a fingerprint in the header", "none")
    reached = start
    for number, chunk in enumerate(chunks):
        expect(not number or not chunk.HasField("header"), "one header", f"one in chunk {number}")
        expect_equal(chunk.compression, "", "with nothing accepted, the compression")
        expect_equal(chunk.offset, reached, f"chunk {number} at the offset")
        if chunk.crc32 != crc32(chunk.data):
            raise Violation(f"the checksum {crc32(chunk.data)} of chunk {number}", chunk.crc32)
        reached += len(chunk.data)
    total = header.data_nbytes + sum(header.buffer_nbytes)
    expect_equal(reached, total, "bytes up to the length that the header states:")
    whole = value_pb2.Payload()
    whole.CopyFrom(header.value)
    whole.data = b"".join(chunk.data for chunk in chunks)
    return whole


def cut(
    payload: value_pb2.Payload, index: int = 0, nbytes: int = CHUNK_NBYTES
) -> Iterator[worker_pb2.DataChunk]:
    """Cut a value into chunks."""
    data = payload.data
    value = value_pb2.Payload(codec=payload.codec, attributes=payload.attributes)
    for offset in range(0, len(data), nbytes):
        piece = data[offset : offset + nbytes]
        chunk = worker_pb2.DataChunk(index=index, offset=offset, crc32=crc32(piece), data=piece)
        if not offset:
            chunk.header.value.CopyFrom(value)
            chunk.header.data_nbytes = chunk.header.nbytes = len(data)
            chunk.header.fingerprint = f"{crc32(data):08x}"
        yield chunk
