"""Values as the suite says and reads them, in the four codecs that every worker should speak."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from google.protobuf.message import DecodeError

from gdistributed.conformance.rule import Violation, shortened
from gdistributed.v1 import value_pb2

CODECS: Final = ("null", "raw", "text", "json")
UNKNOWN_CODEC: Final = "conformance/unknown"


def payload_of(value: object, refs: Sequence[str] = ()) -> value_pb2.Payload:
    """Say a value; one with references inside is JSON."""
    if value is None:
        return value_pb2.Payload(codec="null")
    if isinstance(value, bytes):
        return value_pb2.Payload(codec="raw", data=value)
    if isinstance(value, str):
        return value_pb2.Payload(codec="text", data=value.encode())
    return value_pb2.Payload(codec="json", data=json.dumps(value).encode(), refs=refs)


def argument_of(value: object) -> value_pb2.Argument:
    """Make an argument of a value; one that is an argument already stays as it is."""
    if isinstance(value, value_pb2.Argument):
        return value
    return value_pb2.Argument(literal=payload_of(value))


def result_of(key: str) -> value_pb2.Argument:
    """Make an argument of the result of a task."""
    return value_pb2.Argument(key=key)


def value_in(payload: value_pb2.Payload) -> object:
    """Read a value.

    Raises
    ------
    Violation
        If its codec is none of the four, or the bytes are not what the codec says.
    """
    data = b"".join([payload.data, *payload.buffers])
    try:
        match payload.codec or "null":
            case "null":
                return None
            case "raw":
                return data
            case "text":
                return data.decode()
            case "json":
                return json.loads(data)
    except ValueError as error:
        raise Violation(f"bytes in the codec {payload.codec!r}", error) from None
    raise Violation(f"a value in one of the codecs {', '.join(CODECS)}", repr(payload.codec))


def value_in_bytes(data: bytes) -> object:
    """Read a serialised Payload. Errors are those of `value_in`."""
    try:
        return value_in(value_pb2.Payload.FromString(data))
    except DecodeError:
        raise Violation("a value that is a serialised Payload", shortened(data)) from None
