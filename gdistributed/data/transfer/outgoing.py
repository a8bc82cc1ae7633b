"""Values made ready to be sent: encoded, lent by shared memory, or told why not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from gdistributed.data.chunks import Outgoing
from gdistributed.data.codecs import encode_parts
from gdistributed.data.codecs.pickled import qualified_name
from gdistributed.data.failures import failure_from_exception
from gdistributed.data.shared_memory import Lending
from gdistributed.data.sizes import sizeof
from gdistributed.data.spilled import Spilled
from gdistributed.data.transfer.threads import in_thread_if_large
from gdistributed.errors import SerializationError

Lookup = Callable[[str], Awaitable[object]]


class Crowded(Exception):
    """A value goes out to as many others now as it may."""


async def outgoing(
    keys: Sequence[str],
    lookup: Lookup,
    codecs_of: Callable[[str], Sequence[str]],
    lending: Lending | None,
) -> AsyncIterator[Outgoing]:
    """Yield values ready to be sent, in the order of their keys.

    Parameters
    ----------
    keys
        What is wanted.
    lookup
        Returns a value, or where it is on disk; or raises KeyError or Crowded.
    codecs_of
        Returns the codecs in which a value may travel, best first; none for Python's own choice.
    lending
        Shares memory with the receiver; None if that is on another host.
    """
    for index, key in enumerate(keys):
        try:
            value = await lookup(key)
        except KeyError:
            yield Outgoing(index)
            continue
        except Crowded:
            yield Outgoing(index, is_crowded=True)
            continue
        except Exception as error:  # a mapping of the user's
            yield Outgoing(index, error=failure_from_exception(error, key=key))
            continue
        if isinstance(value, Spilled):
            yield _outgoing_from_disk(index, key, value)
            continue
        nbytes, codecs = sizeof(value), codecs_of(key)
        try:
            encoded = await in_thread_if_large(nbytes, encode_parts, value, codecs)
        except SerializationError as error:
            yield Outgoing(index, error=failure_from_exception(error, key=key))
            continue
        shared = None
        if lending is not None and encoded.nbytes >= lending.nbytes_min:
            shared = await lending.lend(key, value, encoded)
        kind = qualified_name(type(value))
        if shared is not None:
            yield Outgoing(index, nbytes=nbytes, type=kind, shared=shared)
        else:
            yield Outgoing(index, encoded, nbytes, kind)


def _outgoing_from_disk(index: int, key: str, spilled: Spilled) -> Outgoing:
    try:
        return Outgoing(index, spilled.encoded(), spilled.nbytes, spilled.type)
    except OSError as error:
        return Outgoing(index, error=failure_from_exception(error, key=key))
