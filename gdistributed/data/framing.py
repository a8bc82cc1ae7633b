"""Messages with bulk data, written and read without the copies that protobuf would make.

A piece of a value is the last field of its message, so the message is a short head and then the
piece: it is written by joining the two, and read by looking where the piece lies. What does not
look so is read by protobuf in the ordinary way; on the wire there is no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import DecodeError

from gdistributed.data.codecs.encoded import varint
from gdistributed.errors import MalformedMessage
from gdistributed.v1 import worker_pb2

LENGTH_DELIMITED: Final = 2
DATA_TAG: Final = worker_pb2.DataChunk.DATA_FIELD_NUMBER << 3 | LENGTH_DELIMITED


DataMessage = worker_pb2.GetDataResponse | worker_pb2.PutDataRequest


class Framing:
    """How one kind of message is written and read.

    Parameters
    ----------
    kind
        `GetDataResponse` or `PutDataRequest`.
    """

    def __init__(self, kind: type[DataMessage]) -> None:
        self._kind = kind
        self._tag = bytes([kind.CHUNK_FIELD_NUMBER << 3 | LENGTH_DELIMITED])

    def message(self) -> DataMessage:
        """Return an empty message, to which whole values are added before it is serialised."""
        return self._kind()

    def chunk(self, head: worker_pb2.DataChunk, data: memoryview) -> bytes:
        """Write a message with a piece; `head` is the chunk without its data."""
        inner = head.SerializeToString() + bytes([DATA_TAG]) + varint(len(data))
        return b"".join((self._tag, varint(len(inner) + len(data)), inner, data))

    def parse(
        self, serialised: bytes
    ) -> tuple[Sequence[worker_pb2.DataItem], worker_pb2.DataChunk | None, memoryview]:
        """Read a message: its whole values, the head of its piece if it has one, and the piece.

        Raises
        ------
        MalformedMessage
            If it is none.
        """
        try:
            if serialised[:1] == self._tag:
                found = _look_for_data(serialised)
                if found is not None:
                    begin, head = found
                    chunk = worker_pb2.DataChunk.FromString(head)
                    return (), chunk, memoryview(serialised)[begin:]
            message = self._kind.FromString(serialised)
        except DecodeError as error:
            raise MalformedMessage(f"a message with data cannot be read: {error}") from error
        if not message.HasField("chunk"):
            return message.items, None, memoryview(b"")
        return message.items, message.chunk, memoryview(message.chunk.data)


RESPONSES: Final = Framing(worker_pb2.GetDataResponse)
REQUESTS: Final = Framing(worker_pb2.PutDataRequest)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number, and return it with the place behind it."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _look_for_data(message: bytes) -> tuple[int, bytes] | None:
    """Return where the data of a chunk begins that ends the message, and the chunk without it."""
    end = len(message)
    try:
        length, at = read_varint(message, 1)
        if at + length != end:
            return None
        start = at
        while at < end:
            tag_at = at
            tag, at = read_varint(message, at)
            if tag == DATA_TAG:
                length, at = read_varint(message, at)
                return (at, message[start:tag_at]) if at + length == end else None
            at = _behind_field(message, at, tag & 7)
    except (IndexError, ValueError):
        return None  # protobuf says what is wrong with it
    return None


def _behind_field(message: bytes, at: int, wire_type: int) -> int:
    if wire_type == 0:
        return read_varint(message, at)[1]
    if wire_type == 1:
        return at + 8
    if wire_type == LENGTH_DELIMITED:
        length, at = read_varint(message, at)
        return at + length
    if wire_type == 5:
        return at + 4
    raise ValueError(wire_type)
