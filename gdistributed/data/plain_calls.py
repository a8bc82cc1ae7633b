"""The arguments of a call that are nothing but plain scalars: the same bytes, for a quarter."""

from __future__ import annotations

import pickle
from typing import Any, Final

from gdistributed.data.codecs.pickled import PICKLE, PROTOCOL
from gdistributed.v1 import value_pb2

# The fields of the messages as they lie on the wire, so that no message object need be made.
CODEC_FIELD: Final = value_pb2.Payload(codec=PICKLE).SerializeToString()
DATA_TAG: Final = b"\x7a"  # Payload.data, field 15, length-delimited
PACKED_TAG: Final = b"\x12"  # Arguments.packed, field 2, length-delimited
ONE_BYTE_MAX: Final = 0x80


def pack_plain_call(args: tuple[Any, ...]) -> bytes:
    """Pack positional arguments, all of them numbers, strings, bytes or None.

    Returns
    -------
    arguments
        A serialised `Arguments` message, as `pack_call` would make it.
    """
    data = pickle.dumps((args, {}), PROTOCOL)
    size = len(data)
    inner = len(CODEC_FIELD) + 1 + size
    if inner < ONE_BYTE_MAX - 1:
        return b"".join(
            (PACKED_TAG, bytes((inner + 1,)), CODEC_FIELD, DATA_TAG, bytes((size,)), data)
        )
    packed = value_pb2.Payload(codec=PICKLE, data=data)
    return value_pb2.Arguments(packed=packed).SerializeToString()
