"""Lists of texts in JSON, made fast."""

from __future__ import annotations

from collections.abc import Collection
from json.encoder import encode_basestring_ascii
from typing import Final

# Characters that JSON has as they are.
PLAIN: Final = bytes(number for number in range(0x20, 0x7F) if chr(number) not in '"\\')


def are_plain(words: Collection[str]) -> bool:
    """Say whether JSON has all words as they are; found out for all at once."""
    joined = "".join(words)
    return joined.isascii() and not joined.encode().translate(None, PLAIN)


def quoted(words: Collection[str]) -> str:
    """Return plain words as a list in JSON."""
    joined = '","'.join(words)
    return f'["{joined}"]' if words else "[]"


def texts(words: Collection[str]) -> str:
    """Return words as a list in JSON."""
    if are_plain(words):
        return quoted(words)
    return f"[{','.join(map(encode_basestring_ascii, words))}]"
