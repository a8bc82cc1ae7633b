"""Values for readers of any language: JSON where it says the value exactly, else Python's own."""

from __future__ import annotations

from typing import Final

from gdistributed.data.codecs.registry import encode
from gdistributed.errors import CodecUnsupported
from gdistributed.v1 import value_pb2 as pb

EXACT: Final = frozenset({bool, int, float, str, type(None)})


def encode_readable(value: object) -> pb.Payload:
    """Encode a value so that others than Python can read it, if nothing is lost by that.

    Raises
    ------
    SerializationError
        If the value cannot be written; the message names its type.
    """
    if type(value) is str:
        return encode(value, ("text",))
    if value is not None and is_plain(value):
        try:
            return encode(value, ("json",))
        except CodecUnsupported:
            return encode(value)  # NaN, for instance
    return encode(value)


def is_plain(value: object) -> bool:
    """Say whether JSON gives back the very same value."""
    kind = type(value)
    if kind is list:
        return all(map(is_plain, value))  # type: ignore[call-overload]
    if kind is dict:
        return all(
            type(key) is str and is_plain(item)
            for key, item in value.items()  # type: ignore[attr-defined]
        )
    return kind in EXACT
