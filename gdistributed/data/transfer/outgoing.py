"""Values made ready to be sent: encoded, lent by shared memory, or told why not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gdistributed.data.chunks import Outgoing
from gdistributed.data.codecs import Encoded, encode_parts
from gdistributed.data.codecs.pickled import qualified_name
from gdistributed.data.failures import failure_from_exception
from gdistributed.data.shared_memory import Lendable, Lending
from gdistributed.data.sizes import sizeof
from gdistributed.data.spilled import Spilled
from gdistributed.data.transfer.threads import THREADED_NBYTES
from gdistributed.errors import SerializationError
from gdistributed.settings import KIB, MIB
from gdistributed.v1 import error_pb2, worker_pb2

Lookup = Callable[[str], Awaitable[object]]

# Values of this size and more that are too small for a segment each go into one together, until it
# has so many bytes: the last of them that is in use keeps it all.
TOGETHER_NBYTES_MIN: Final = 64 * KIB
TOGETHER_NBYTES: Final = 4 * MIB


class Crowded(Exception):
    """A value goes out to as many others now as it may."""


@dataclass(slots=True, eq=False)
class _Ready:
    """A value that is ready to be sent, and the live object if it may be shared instead."""

    key: str
    outgoing: Outgoing
    value: object = None

    @property
    def shareable_nbytes(self) -> int:
        encoded = self.outgoing.encoded
        return 0 if self.value is None or encoded is None else encoded.nbytes

    def lendable(self) -> Lendable:
        assert self.outgoing.encoded is not None
        return self.key, self.value, self.outgoing.encoded

    def lent(self, shared: worker_pb2.SharedValue | None) -> Outgoing:
        """Return what is sent if the value was shared, or could not be."""
        sent = self.outgoing
        if shared is None:
            return sent
        return Outgoing(sent.index, nbytes=sent.nbytes, type=sent.type, shared=shared)


async def outgoing(
    keys: Sequence[str],
    lookup: Lookup,
    codecs_of: Callable[[str], Sequence[str]],
    lending: Lending | None,
) -> AsyncIterator[Outgoing]:
    """Yield values ready to be sent, in about the order of their keys.

    Parameters
    ----------
    keys
        What is wanted.
    lookup
        Returns a value, or where it is on disk, or how it is encoded; or raises KeyError or
        Crowded.
    codecs_of
        Returns the codecs in which a value may travel, best first; none for Python's own choice.
    lending
        Shares memory with the receiver; None if that is on another host.
    """
    together = None if lending is None else _Together(lending)
    for index, key in enumerate(keys):
        each = await _ready(index, key, lookup, codecs_of)
        nbytes = 0 if lending is None else each.shareable_nbytes
        if lending is not None and nbytes >= lending.nbytes_min:
            yield each.lent(await lending.lend(*each.lendable()))
        elif together is not None and nbytes >= TOGETHER_NBYTES_MIN:
            for done in await together.add(each):
                yield done
        else:
            yield each.outgoing
    if together is not None:
        for done in await together.end():
            yield done


class _Together:
    """Values that are too small to be shared each by itself: several go into one segment."""

    def __init__(self, lending: Lending) -> None:
        self._lending = lending
        self._waiting: list[_Ready] = []
        self._nbytes = 0

    async def add(self, each: _Ready) -> list[Outgoing]:
        """Take in a value; return those that are ready, once they are enough."""
        self._waiting.append(each)
        self._nbytes += each.shareable_nbytes
        return await self.end() if self._nbytes >= TOGETHER_NBYTES else []

    async def end(self) -> list[Outgoing]:
        """Return what is left."""
        values, nbytes = self._waiting, self._nbytes
        self._waiting, self._nbytes = [], 0
        if nbytes < self._lending.nbytes_min:
            return [each.outgoing for each in values]
        shared = await self._lending.lend_together([each.lendable() for each in values])
        return [each.lent(told) for each, told in zip(values, shared, strict=True)]


async def _ready(
    index: int, key: str, lookup: Lookup, codecs_of: Callable[[str], Sequence[str]]
) -> _Ready:
    try:
        value = await lookup(key)
    except KeyError:
        return _Ready(key, Outgoing(index))
    except Crowded:
        return _Ready(key, Outgoing(index, is_crowded=True))
    except Exception as error:  # a mapping of the user's
        return _Ready(key, Outgoing(index, error=failure_from_exception(error, key=key)))
    if isinstance(value, Spilled):
        return _Ready(key, _outgoing_from_disk(index, key, value))
    if isinstance(value, Encoded):
        return _Ready(key, Outgoing(index, value, value.nbytes, value.codec))
    nbytes, codecs = sizeof(value), codecs_of(key)
    try:
        if nbytes > THREADED_NBYTES:
            encoded = await asyncio.to_thread(encode_parts, value, codecs)
        else:
            encoded = encode_parts(value, codecs)
    except SerializationError as error:
        return _Ready(key, Outgoing(index, error=_cannot_leave(key, error)))
    return _Ready(key, Outgoing(index, encoded, nbytes, qualified_name(type(value))), value)


def _cannot_leave(key: str, error: SerializationError) -> error_pb2.TaskError:
    """Say that a value cannot be encoded: it is not lost, and the frames are of our code alone."""
    explained = type(error)(
        f"the value of {key!r} cannot leave its worker, where tasks can still use it: {error}"
    )
    return failure_from_exception(explained.with_reason(error.reason), key=key)


def _outgoing_from_disk(index: int, key: str, spilled: Spilled) -> Outgoing:
    try:
        return Outgoing(index, spilled.encoded(), spilled.nbytes, spilled.type)
    except OSError as error:
        return Outgoing(index, error=failure_from_exception(error, key=key))
