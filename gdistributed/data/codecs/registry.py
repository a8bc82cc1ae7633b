"""The codecs by name, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Final

from gdistributed.data.codecs.arrow import ArrowCodec
from gdistributed.data.codecs.compression import decompress
from gdistributed.data.codecs.encoded import Buffer, Codec, Encoded
from gdistributed.data.codecs.json_text import JsonCodec
from gdistributed.data.codecs.npy import NpyCodec
from gdistributed.data.codecs.pickled import CloudpickleCodec, PickleCodec, describe, qualified_name
from gdistributed.data.codecs.plain import NullCodec, RawCodec, TextCodec
from gdistributed.data.codecs.unread import Unread
from gdistributed.errors import CodecUnsupported, SerializationError
from gdistributed.settings import PYTHON
from gdistributed.v1 import value_pb2 as pb

_PICKLE: Final = PickleCodec()
_CLOUDPICKLE: Final = CloudpickleCodec()

_codecs: dict[str, Codec] = {}
_packages: dict[str, str] = {}
_native: dict[type, Codec] = {}

NEUTRAL_CODECS: Final = ("null", "raw", "text", "json", "npy", "arrow")


def register(codec: Codec, *, types: Iterable[type] = (), package: str = "") -> None:
    """Add a codec, or replace the one of the same name.

    Parameters
    ----------
    codec
        The codec.
    types
        Values of exactly these types are written by it for readers that are Python too; by default
        none, they are pickled.
    package
        The package that it needs; without it this process neither writes nor reads the codec.
    """
    _codecs[codec.name] = codec
    _packages[codec.name] = package
    _native.update(dict.fromkeys(types, codec))


register(NullCodec(), types=[type(None)])
register(RawCodec(), types=[bytes])
register(TextCodec())
register(JsonCodec())
register(NpyCodec(), package="numpy")
register(ArrowCodec(), package="pyarrow")
register(_PICKLE)
register(_CLOUDPICKLE)


def codec_names() -> list[str]:
    """Return the names of all codecs that this process writes and reads."""
    return [name for name in _codecs if not _lacks_package(name)]


def _lacks_package(name: str) -> bool:
    package = _packages[name]
    return bool(package) and find_spec(package) is None


def codecs_of_runtime(runtime: str) -> Sequence[str]:
    """Return what readers of a runtime accept, unless they say so themselves.

    An empty answer means: whatever Python likes best.
    """
    return () if runtime in ("", PYTHON) else NEUTRAL_CODECS


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
    if type(value) is Unread:
        return value.encoded(codecs)
    if not codecs:
        codec = _native.get(type(value), _PICKLE)
        return codec.encode(value) or _CLOUDPICKLE.encode(value)
    refusals: list[str] = []
    for name in codecs:
        try:
            encoded = _codecs[name].encode(value) if name in _codecs else None
        except SerializationError as error:
            refusals.append(f"{name} ({error})")
            continue
        if encoded is not None:
            return encoded
        refusals.append(name)
    raise CodecUnsupported(
        f"a value of type {qualified_name(type(value))} cannot be encoded in any of the codecs "
        f"that are asked for: {', '.join(refusals)}; it can be had in "
        f"{', '.join(_ways_to_say(value, codecs))}"
    )


def _ways_to_say(value: object, refused: Sequence[str]) -> Iterator[str]:
    """Yield the codecs that can say a value; Python's own are not tried, they say most."""
    for name, codec in _codecs.items():
        if name in refused:
            continue
        try:
            can_say = codec in (_PICKLE, _CLOUDPICKLE) or codec.encode(value) is not None
        except SerializationError:
            can_say = False
        if can_say:
            yield name


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
            f"this process does not read the codec {codec!r}; it reads {', '.join(codec_names())}"
        )
    try:
        return reader.decode(data, buffers, attributes or {})
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and _lacks_package(reader.name):
            raise CodecUnsupported(
                f"this process does not read the codec {codec!r}: it needs {_packages[reader.name]}"
            ) from error
        raise SerializationError(
            f"a value in {codec!r} cannot be read: {describe(error)}"
        ) from error


def decode_or_keep(
    codec: str,
    data: Buffer,
    buffers: Sequence[Buffer] = (),
    attributes: Mapping[str, str] | None = None,
) -> object:
    """Return the value that these bytes say; as it came, if this process does not know the codec.

    Raises
    ------
    SerializationError
        If the bytes cannot be read.
    """
    try:
        return decode_parts(codec, data, buffers, attributes)
    except CodecUnsupported:
        return Unread(codec, data, buffers, attributes or {})


def decode(payload: pb.Payload) -> object:
    """Return the value of a payload. Errors are those of `decode_parts`."""
    if payload.compression:
        return decode_compressed(payload, payload.data, payload.buffers)
    return decode_parts(payload.codec, payload.data, payload.buffers, payload.attributes)


def decode_compressed(header: pb.Payload, data: Buffer, buffers: Sequence[Buffer]) -> object:
    """Return the value of a payload that is compressed as a whole, its bytes given apart."""
    name = header.compression
    try:
        data, *buffers = [decompress(name, part) for part in (data, *buffers)]
    except ValueError as error:
        raise SerializationError(f"a value in {header.codec!r}: {error}") from error
    return decode_parts(header.codec, data, buffers, header.attributes)
