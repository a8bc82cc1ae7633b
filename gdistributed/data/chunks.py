"""Values cut into messages, and put together again.

Small values travel many to a message; a large one travels in pieces, its header in the first. The
pieces are copied once into memory that was set aside for them when the header came. Messages are
bytes here: `framing` spares the copies that a protobuf message would make of its bulk.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gdistributed.data.codecs import Buffer, Encoded
from gdistributed.data.framing import Framing
from gdistributed.data.shared_memory import Opened
from gdistributed.errors import MalformedMessage
from gdistributed.settings import KIB, MIB
from gdistributed.v1 import error_pb2, value_pb2, worker_pb2

WHOLE_NBYTES: Final = 64 * KIB
CHUNK_NBYTES: Final = 1 * MIB
CHUNK_NBYTES_MAX: Final = 4 * MIB
MAPPED_NBYTES: Final = 4 * MIB


@dataclass(slots=True, eq=False)
class Outgoing:
    """A value to be sent, or why it cannot be.

    One of `encoded`, `shared` and `error` is set, or none when the value is missing.

    Attributes
    ----------
    index
        Which of the keys of the request it is.
    nbytes, type
        Its size in memory, and its type for people.
    """

    index: int
    encoded: Encoded | None = None
    nbytes: int = 0
    type: str = ""
    error: error_pb2.TaskError | None = None
    shared: worker_pb2.SharedValue | None = None


@dataclass(slots=True, eq=False)
class Incoming:
    """A value that has come, still encoded, or why there is none.

    With `shared` it lies in memory that is to be opened; then it is `opened`.
    """

    index: int
    nbytes: int = 0
    type: str = ""
    header: value_pb2.Payload | None = None
    data: Buffer = b""
    buffers: Sequence[Buffer] = ()
    error: error_pb2.TaskError | None = None
    shared: worker_pb2.SharedValue | None = None
    opened: Opened | None = None

    @property
    def is_missing(self) -> bool:
        """Say whether the sender does not hold the value."""
        return self.header is None and self.error is None


async def cut(
    values: AsyncIterator[Outgoing],
    framing: Framing,
    chunk_nbytes: int = 0,
    start: int = 0,
) -> AsyncIterator[bytes]:
    """Cut values into serialised messages.

    Parameters
    ----------
    values
        What to send, in order.
    framing
        Of the messages in which they travel.
    chunk_nbytes
        Size of the pieces of large values; 0 means 1 MiB, at most 4 MiB.
    start
        Offset at which to go on with a single value.
    """
    size = min(chunk_nbytes or CHUNK_NBYTES, CHUNK_NBYTES_MAX)
    items: list[worker_pb2.DataItem] = []
    waiting_nbytes = 0
    async for value in values:
        encoded = value.encoded
        if encoded is not None and (encoded.nbytes > WHOLE_NBYTES or start):
            if items:
                yield framing.items(items)
                items, waiting_nbytes = [], 0
            for head, data in _chunks(value, encoded, size, start):
                yield framing.chunk(head, data)
            continue
        items.append(_item(value))
        waiting_nbytes += encoded.nbytes if encoded is not None else 0
        if waiting_nbytes >= size or len(items) >= 1000:
            yield framing.items(items)
            items, waiting_nbytes = [], 0
    if items:
        yield framing.items(items)


def _item(value: Outgoing) -> worker_pb2.DataItem:
    item = worker_pb2.DataItem(index=value.index, nbytes=value.nbytes, type=value.type)
    if value.encoded is not None:
        item.value.CopyFrom(value.encoded.payload())
    elif value.error is not None:
        item.error.CopyFrom(value.error)
    elif value.shared is not None:
        item.shared.CopyFrom(value.shared)
    else:
        item.missing = True
    return item


def _chunks(
    value: Outgoing, encoded: Encoded, size: int, start: int
) -> Iterator[tuple[worker_pb2.DataChunk, memoryview]]:
    parts = [memoryview(encoded.data).cast("B")]
    parts += [memoryview(buffer).cast("B") for buffer in encoded.buffers]
    header: worker_pb2.DataHeader | None = worker_pb2.DataHeader(
        value=encoded.header(),
        data_nbytes=len(parts[0]),
        buffer_nbytes=[len(part) for part in parts[1:]],
        nbytes=value.nbytes,
        type=value.type,
        fingerprint=fingerprint(encoded),
    )
    offset = 0
    for part in parts:
        for begin in range(0, len(part), size):
            data = part[begin : begin + size]
            if offset >= start:
                head = worker_pb2.DataChunk(
                    index=value.index, header=header, offset=offset, crc32=zlib.crc32(data)
                )
                yield head, data
                header = None
            offset += len(data)


def fingerprint(encoded: Encoded) -> str:
    """Name an encoding: pieces with the same name belong together."""
    sizes = ",".join(str(len(buffer)) for buffer in encoded.buffers)
    return f"{encoded.codec}:{zlib.crc32(encoded.data):08x}:{len(encoded.data)}:{sizes}"


class Assembler:
    """Puts values together from the messages of one call.

    Parameters
    ----------
    framing
        Of the messages.
    """

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._growing: _Growing | None = None

    def add(self, serialised: bytes) -> Iterator[Incoming]:
        """Take in a message, and yield the values that are complete by it.

        Raises
        ------
        MalformedMessage
            If a piece is out of order, its checksum is wrong (the reason is BAD_CHUNK), or the
            bytes are no message.
        """
        items, chunk, data = self._framing.parse(serialised)
        for item in items:
            yield _whole(item)
        if chunk is not None:
            growing = self._growing
            if chunk.HasField("header"):
                if growing is not None:
                    raise bad_chunk(chunk, "the value before it is not complete")
                growing = self._growing = _Growing(chunk)
            if growing is None or growing.value.index != chunk.index:
                raise bad_chunk(chunk, "it has no header")
            growing.add(chunk, data)
            if growing.is_complete:
                self._growing = None
                yield growing.value

    def end(self) -> None:
        """Say that no further message comes.

        Raises
        ------
        MalformedMessage
            If a value is not complete.
        """
        if self._growing is not None:
            raise MalformedMessage(
                f"the last value ends after {self._growing.offset} bytes, too early"
            ).with_reason("BAD_CHUNK")


class _Growing:
    """A value of which some pieces have come."""

    def __init__(self, chunk: worker_pb2.DataChunk) -> None:
        header = chunk.header
        parts = [set_aside(nbytes) for nbytes in (header.data_nbytes, *header.buffer_nbytes)]
        self.value = Incoming(
            chunk.index, header.nbytes, header.type, header.value, parts[0], parts[1:]
        )
        self.offset = 0
        self._views = [memoryview(part) for part in parts if part]

    @property
    def is_complete(self) -> bool:
        return not self._views

    def add(self, chunk: worker_pb2.DataChunk, data: memoryview) -> None:
        if chunk.offset != self.offset:
            raise bad_chunk(chunk, f"offset {self.offset} was expected")
        if zlib.crc32(data) != chunk.crc32:
            raise bad_chunk(chunk, "its checksum is wrong")
        self.offset += len(data)
        rest = data
        while rest:
            if not self._views:
                raise bad_chunk(chunk, "it reaches beyond the end of the value")
            view = self._views[0]
            count = min(len(view), len(rest))
            view[:count] = rest[:count]
            self._views[0], rest = view[count:], rest[count:]
            if not self._views[0]:
                del self._views[0]


def set_aside(nbytes: int) -> bytearray | memoryview:
    """Return memory for a value that is to come, which can be written to.

    A large piece is mapped in huge pages where the system has them: it is not cleared first, and
    its pages are had with fewer faults (40 ms instead of 140 ms for 256 MiB).
    """
    if nbytes < MAPPED_NBYTES:
        return bytearray(nbytes)
    memory = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def _whole(item: worker_pb2.DataItem) -> Incoming:
    value = Incoming(item.index, item.nbytes, item.type)
    outcome = item.WhichOneof("outcome")
    if outcome == "value":
        value.header = item.value
        value.data = item.value.data
        value.buffers = list(item.value.buffers)
    elif outcome == "shared":
        value.shared = item.shared
    elif outcome == "error":
        value.error = item.error
    return value


def bad_chunk(chunk: worker_pb2.DataChunk, why: str) -> MalformedMessage:
    """Return the error for a piece that does not fit."""
    return MalformedMessage(
        f"the piece at offset {chunk.offset} of value {chunk.index} does not fit: {why}"
    ).with_reason("BAD_CHUNK")
