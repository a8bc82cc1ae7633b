"""Values in queues and variables: plain ones, and results of tasks, which are held meanwhile.

Whoever puts a future somewhere has its key held in the name of that place, and waits until the
scheduler knows; only then can others find it. Whoever takes it away wants the key itself, and then
ends the holder.
"""

from __future__ import annotations

import uuid
from typing import Any

from gdistributed.client.base import key_names
from gdistributed.client.computing import futures_of
from gdistributed.client.connection import Connection
from gdistributed.client.current import binding_to
from gdistributed.client.future import Future, wanted_record
from gdistributed.client.heard import heard
from gdistributed.data.codecs import decode, encode, encode_readable
from gdistributed.v1 import names_pb2 as pb


async def hold_value(connection: Connection, value: Any, place: str) -> pb.NamedValue:  # noqa: ANN401
    """Return a value as a queue or a variable keeps it; the results that it needs are held.

    Raises
    ------
    ValueError
        If there is a future of another client inside.
    SerializationError
        If the value cannot be written.
    """
    futures = futures_of(value)
    for future in futures:
        if future.connection is not connection:
            raise ValueError(f"{future!r} is the future of another client: put it by that one")
    if not futures:
        return pb.NamedValue(value=encode_readable(value))
    holder = f"{place}:{uuid.uuid4().hex}"
    named = pb.NamedValue(keys=key_names(futures), holder=holder)
    if isinstance(value, Future) and isinstance(value.key, str):
        named.key = value.key  # as every language understands it
    else:
        named.value.CopyFrom(encode(value))
    with connection.locked() as brain:
        brain.hold(named.keys, holder)
    await heard(connection)
    return named


def let_go(connection: Connection, holder: str) -> None:
    """End a holder; an empty name is none."""
    if holder:
        with connection.locked() as brain:
            brain.unhold(holder)


def found_value(connection: Connection, named: pb.NamedValue) -> Any:  # noqa: ANN401
    """Return a value that was found; its futures are wanted by this client from now on."""
    with binding_to(connection):
        if named.WhichOneof("content") == "key":
            return Future(named.key, connection, wanted_record(connection, named.key))
        return decode(named.value)
