"""Values that have come: opened where they lie in shared memory, and decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gdistributed.data.chunks import Incoming
from gdistributed.data.codecs import decode_compressed, decode_parts
from gdistributed.data.shared_memory import Mapped, SharedMemory
from gdistributed.data.transfer.threads import THREADED_NBYTES
from gdistributed.errors import SerializationError

Decode = Callable[..., object]


def opened(incoming: Incoming, shared_memory: SharedMemory | None, mapped: Mapped) -> bool:
    """Open the memory in which a value lies, if it does; say whether the value is there.

    Parameters
    ----------
    incoming
        The value.
    shared_memory
        Opens what is shared.
    mapped
        What was opened for values that came by the same call.
    """
    if incoming.shared is None:
        return True
    if shared_memory is not None:
        incoming.opened = shared_memory.open(incoming.shared, mapped)
    if incoming.opened is None:
        return False
    incoming.header = incoming.shared.value
    incoming.data, *incoming.buffers = incoming.opened.parts
    return True


def is_quick(incoming: Incoming) -> bool:
    """Say whether to decode a value takes so little time that it can be done at once."""
    header = incoming.header
    return header is not None and not header.compression and len(incoming.data) <= THREADED_NBYTES


def value_now(incoming: Incoming, decode: Decode = decode_parts) -> object:
    """Decode a value that is not compressed, here and now."""
    header = incoming.header
    assert header is not None
    return decode(header.codec, incoming.data, incoming.buffers, header.attributes)


async def value_of(incoming: Incoming, decode: Decode = decode_parts) -> object:
    """Decode a value that has come: a large one in a thread, since that may take long.

    Parameters
    ----------
    incoming
        The value.
    decode
        Makes a value of its bytes; `decode_or_keep` for whoever only holds it for others.

    Raises
    ------
    SerializationError
        If it cannot be read.
    """
    header = incoming.header
    if header is None:
        raise SerializationError("there is no value to decode")
    if header.compression:
        return await asyncio.to_thread(decode_compressed, header, incoming.data, incoming.buffers)
    if is_quick(incoming):
        return value_now(incoming, decode)
    return await asyncio.to_thread(value_now, incoming, decode)
