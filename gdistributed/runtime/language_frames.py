"""What goes over the pipes of a process of another language: see docs/subprocess-runtimes.md.

A message is one line: the length of its JSON in bytes, a space, the JSON, a newline. The bytes of
its attachments follow, if it has any, whose lengths the JSON says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

from gdistributed.data.codecs import Buffer, decode_parts, encode_parts
from gdistributed.errors import MalformedMessage, SerializationError

LENGTH_DIGITS_MAX: Final = 15
SHOWN_LENGTH: Final = 80
IN_LINE: Final = ("null", "text", "json")  # what JSON itself says

Message = dict[str, Any]


def write_message(pipe: IO[bytes], message: bytes, attachments: Sequence[Buffer] = ()) -> None:
    """Write a message, whose JSON has no newlines."""
    pipe.write(b"%d %b\n" % (len(message), message))
    for attachment in attachments:
        pipe.write(attachment)
    pipe.flush()


def read_message(pipe: IO[bytes]) -> tuple[Message, list[bytes]]:
    """Read a message and its attachments.

    Raises
    ------
    EOFError
        If there is no further message.
    MalformedMessage
        If what comes is none.
    """
    line = pipe.readline()
    if not line:
        raise EOFError
    digits, _, rest = line.partition(b" ")
    if not digits.isdigit() or len(digits) > LENGTH_DIGITS_MAX or not line.endswith(b"\n"):
        raise _no_message(line, "it does not begin with a length")
    if int(digits) != len(rest) - 1:
        raise _no_message(line, f"{int(digits)} bytes of JSON are announced, {len(rest) - 1} come")
    try:
        message = json.loads(rest)
        lengths = [int(length) for length in message.get("attachments", ())]
    except (ValueError, AttributeError, TypeError) as error:
        raise _no_message(line, str(error)) from error
    if min(lengths, default=0) < 0:
        raise _no_message(line, "a length below zero")
    return message, [_read_exactly(pipe, length) for length in lengths]


def _read_exactly(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _no_message(line: bytes, why: str) -> MalformedMessage:
    shown = line[:SHOWN_LENGTH].decode(errors="replace").rstrip("\n")
    return MalformedMessage(
        f"it wrote {shown!r} to its standard output, where only messages may stand ({why}): what "
        f"is for people belongs on standard error"
    )


class Arguments:
    """The arguments of a call, being written down.

    Parameters
    ----------
    codecs
        What the function reads beside JSON, best first.
    """

    def __init__(self, codecs: Sequence[str]) -> None:
        self._codecs = _with_json(codecs)
        self._words: list[bytes] = []
        self._lengths: list[int] = []
        self.attachments: list[Buffer] = []

    def add(self, value: object, name: str = "") -> None:
        """Add an argument.

        Raises
        ------
        CodecUnsupported
            If the function reads no codec that can say it.
        """
        named = b'"name":%b,' % json.dumps(name).encode() if name else b""
        encoded = encode_parts(value, self._codecs)
        if encoded.codec in IN_LINE:
            data = bytes(encoded.data) or b"null"
            data = json.dumps(value).encode() if encoded.codec == "text" else data
            self._words.append(b'{%b"value":%b}' % (named, data))
            return
        self._words.append(
            b'{%b"codec":%b,"attachment":%d,"attributes":%b}'
            % (
                named,
                json.dumps(encoded.codec).encode(),
                len(self._lengths),
                json.dumps(dict(encoded.attributes)).encode(),
            )
        )
        self._lengths.append(encoded.nbytes)
        self.attachments += [encoded.data, *encoded.buffers]

    def message(self, number: int, function: str, key: str) -> bytes:
        """Return the JSON of the call."""
        head = {"call": number, "function": function, "key": key, "attachments": self._lengths}
        words = json.dumps(head, separators=(",", ":")).encode()
        return b'%b,"arguments":[%b]}' % (words[:-1], b",".join(self._words))


def value_in(message: Mapping[str, Any], attachments: Sequence[bytes]) -> object:
    """Return the value that the answer to a call carries.

    Raises
    ------
    CodecUnsupported, SerializationError
        If its codec is not known here, or cannot be read.
    """
    codec = message.get("codec")
    if codec is None:
        return message.get("value")
    try:
        data = attachments[message["attachment"]]
    except (KeyError, IndexError, TypeError) as error:
        raise SerializationError(f"a value in {codec!r} came without its bytes") from error
    return decode_parts(codec, data, (), message.get("attributes"))


def _with_json(codecs: Sequence[str]) -> list[str]:
    """Return codecs in the order of preference, where "json" stands for all that JSON says."""
    named = list(codecs) if "json" in codecs else [*codecs, "json"]
    at = named.index("json")
    return [*(name for name in named[:at] if name not in IN_LINE), *IN_LINE, *named[at + 1 :]]
