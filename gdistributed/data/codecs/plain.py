"""Codecs for nothing, for bytes and for text: what every language has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from gdistributed.data.codecs.encoded import Buffer, Encoded


class NullCodec:
    """`null`: no value at all, Python's None."""

    name: ClassVar[str] = "null"

    def encode(self, value: object) -> Encoded | None:
        return Encoded(self.name, b"") if value is None else None

    def decode(
        self, data: Buffer, buffers: Sequence[Buffer], attributes: Mapping[str, str]
    ) -> object:
        return None


class RawCodec:
    """`raw`: bytes as they are. A bytearray or memoryview arrives as bytes."""

    name: ClassVar[str] = "raw"

    def encode(self, value: object) -> Encoded | None:
        if isinstance(value, bytes | bytearray):
            return Encoded(self.name, value)
        if isinstance(value, memoryview) and value.contiguous:
            return Encoded(self.name, value.cast("B"))
        return None

    def decode(
        self, data: Buffer, buffers: Sequence[Buffer], attributes: Mapping[str, str]
    ) -> object:
        return bytes(data)


class TextCodec:
    """`text`: UTF-8. Text with lone surrogates is none of this codec's."""

    name: ClassVar[str] = "text"

    def encode(self, value: object) -> Encoded | None:
        if not isinstance(value, str):
            return None
        try:
            return Encoded(self.name, value.encode())
        except UnicodeEncodeError:
            return None

    def decode(
        self, data: Buffer, buffers: Sequence[Buffer], attributes: Mapping[str, str]
    ) -> object:
        return bytes(data).decode()
