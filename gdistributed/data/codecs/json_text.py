"""Codec `json`: plain data that every language reads.

Tuples arrive as lists. What JSON cannot say without guessing (NaN, keys that are not text, objects)
is none of this codec's.
"""

from __future__ import annotations

import json
import numbers
from collections.abc import Mapping, Sequence
from typing import ClassVar

from gdistributed.data.codecs.encoded import Buffer, Encoded


class JsonCodec:
    """`json` by RFC 8259, written compactly as UTF-8."""

    name: ClassVar[str] = "json"

    def encode(self, value: object) -> Encoded | None:
        try:
            if not has_text_keys(value):
                return None
            text = json.dumps(value, allow_nan=False, separators=(",", ":"), default=plain_number)
            return Encoded(self.name, text.encode())
        except (TypeError, ValueError, RecursionError):
            return None

    def decode(
        self, data: Buffer, buffers: Sequence[Buffer], attributes: Mapping[str, str]
    ) -> object:
        return json.loads(bytes(data))


def has_text_keys(value: object) -> bool:
    """Say whether all keys of all dicts inside are text: json.dumps would turn 1 into "1"."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and has_text_keys(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(has_text_keys, value))
    return True


def plain_number(value: object) -> int | float:
    """Return a number of a library (NumPy's, for instance) as Python's own."""
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise TypeError(f"{type(value).__name__} is no plain data")
