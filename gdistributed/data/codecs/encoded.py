"""What a codec is, and an encoded value before it is a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from gdistributed.v1 import value_pb2 as pb

Buffer = bytes | bytearray | memoryview


@dataclass(slots=True, eq=False)
class Encoded:
    """An encoded value whose bulk has not been copied yet.

    Attributes
    ----------
    codec
        Name of the codec.
    data
        The encoded value.
    buffers
        Bytes that the codec keeps apart from `data`: views of the live object's own memory.
    attributes
        What else a reader must know, as in `Payload.attributes`.
    """

    codec: str
    data: Buffer
    buffers: Sequence[Buffer] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Length of all bytes, as they lie on the wire."""
        return len(self.data) + sum(len(buffer) for buffer in self.buffers)

    def header(self) -> pb.Payload:
        """Return the payload without its bytes."""
        return pb.Payload(codec=self.codec, attributes=self.attributes)

    def payload(self) -> pb.Payload:
        """Return the whole payload. The bytes are copied: a message owns what it carries."""
        payload = pb.Payload(codec=self.codec, data=bytes(self.data))
        if self.buffers:
            payload.buffers.extend(map(bytes, self.buffers))
        if self.attributes:
            payload.attributes.update(self.attributes)
        return payload


class Codec(Protocol):
    """One way to write values down."""

    name: ClassVar[str]

    def encode(self, value: object) -> Encoded | None:
        """Encode a value, or return None when it is none of this codec's.

        Raises
        ------
        SerializationError
            If the value is of a kind that the codec writes, but cannot be written.
        """

    def decode(
        self, data: Buffer, buffers: Sequence[Buffer], attributes: Mapping[str, str]
    ) -> object:
        """Return the value. Any exception means that the bytes cannot be read."""
