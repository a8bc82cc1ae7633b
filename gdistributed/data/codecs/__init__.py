"""How values become bytes and values again. A codec is one small file and a line in `registry`."""

from __future__ import annotations

from gdistributed.data.codecs.encoded import Buffer, Codec, Encoded
from gdistributed.data.codecs.readable import encode_readable
from gdistributed.data.codecs.registry import (
    NEUTRAL_CODECS,
    codec_names,
    codecs_of_runtime,
    decode,
    decode_compressed,
    decode_or_keep,
    decode_parts,
    encode,
    encode_parts,
    register,
)
from gdistributed.data.codecs.unread import Unread

__all__ = [
    "NEUTRAL_CODECS",
    "Buffer",
    "Codec",
    "Encoded",
    "Unread",
    "codec_names",
    "codecs_of_runtime",
    "decode",
    "decode_compressed",
    "decode_or_keep",
    "decode_parts",
    "encode",
    "encode_parts",
    "encode_readable",
    "register",
]
