"""The codecs by name, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gdistributed.data.codecs.encoded import Buffer, Codec, Encoded
from gdistributed.data.codecs.json_text import JsonCodec
from gdistributed.data.codecs.pickled import CloudpickleCodec, PickleCodec, describe, qualified_name
from gdistributed.data.codecs.plain import NullCodec, RawCodec, TextCodec
from gdistributed.errors import CodecUnsupported, SerializationError
from gdistributed.v1 import value_pb2 as pb

_PICKLE: Final = PickleCodec()
_CLOUDPICKLE: Final = CloudpickleCodec()
_NULL: Final = NullCodec()
_RAW: Final = RawCodec()
_NATIVE: Final[dict[type, Codec]] = {type(None): _NULL, bytes: _RAW}

_codecs: dict[str, Codec] = {}

NEUTRAL_CODECS: Final = ("null", "raw", "text", "json")


def register(codec: Codec) -> None:
    """Add a codec, or replace the one of the same name."""
    _codecs[codec.name] = codec


for _codec in (_NULL, _RAW, TextCodec(), JsonCodec(), _PICKLE, _CLOUDPICKLE):
    register(_codec)


def codec_names() -> list[str]:
    """Return the names of all codecs that this process writes and reads."""
    return list(_codecs)


def accepted_codecs(codecs: Sequence[str], runtime: str) -> Sequence[str]:
    """Return what a reader accepts: its list, or what its runtime is known to read.

    An empty answer means: whatever Python likes best.
    """
    if codecs or runtime in ("", "python"):
        return codecs
    return NEUTRAL_CODECS


def encode_parts(value: object, codecs: Sequence[str] = ()) -> Encoded:
    """Encode a value without copying its bulk.

    Parameters
    ----------
    value
        Any object.
    codecs
        Names of the codecs wanted, best first; empty means Python's own choice, which round-trips
        every value exactly.

    Raises
    ------
    SerializationError
        If the value cannot be written; the message names its type.
    CodecUnsupported
        If none of the codecs wanted can say this value.
    """
    if not codecs:
        codec = _NATIVE.get(type(value), _PICKLE)
        return codec.encode(value) or _CLOUDPICKLE.encode(value)
    known = [_codecs[name] for name in codecs if name in _codecs]
    for codec in known:
        encoded = codec.encode(value)
        if encoded is not None:
            return encoded
    raise CodecUnsupported(
        f"a value of type {qualified_name(type(value))} cannot be encoded in any of the codecs "
        f"that its reader accepts: {', '.join(codecs)}"
    )


def encode(value: object, codecs: Sequence[str] = ()) -> pb.Payload:
    """Encode a value into a message. Parameters and errors are those of `encode_parts`."""
    return encode_parts(value, codecs).payload()


def decode_parts(
    codec: str,
    data: Buffer,
    buffers: Sequence[Buffer] = (),
    attributes: Mapping[str, str] | None = None,
) -> object:
    """Return the value that these bytes say.

    Raises
    ------
    CodecUnsupported
        If this process does not know the codec.
    SerializationError
        If the bytes cannot be read.
    """
    reader = _codecs.get(codec or "null")
    if reader is None:
        raise CodecUnsupported(
            f"this process does not read the codec {codec!r}; it reads {', '.join(_codecs)}"
        )
    try:
        return reader.decode(data, buffers, attributes or {})
    except Exception as error:
        raise SerializationError(
            f"a value in {codec!r} cannot be read: {describe(error)}"
        ) from error


def decode(payload: pb.Payload) -> object:
    """Return the value of a payload. Errors are those of `decode_parts`."""
    if payload.compression:
        raise CodecUnsupported(
            f"the value is compressed with {payload.compression!r}, which was not agreed on"
        )
    return decode_parts(payload.codec, payload.data, payload.buffers, payload.attributes)
