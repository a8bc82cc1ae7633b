"""From a finished key to its value: at hand when it is small, else fetched from a worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gdistributed.client.collecting import collected_rarely
from gdistributed.client.current import binding_to
from gdistributed.client.future import failure_of, settled
from gdistributed.core.client.futures import FINISHED, FutureRecord
from gdistributed.data.chunks import Growing
from gdistributed.data.codecs import decode
from gdistributed.data.transfer import fetch
from gdistributed.errors import ConnectionLost, DataLost, GDistributedError, TaskFailed
from gdistributed.v1 import center_pb2, value_pb2

if TYPE_CHECKING:
    from gdistributed.client.bridge import Bridge
    from gdistributed.client.connection import Connection

logger = logging.getLogger("gdistributed.client")

# A worker that may have died is given up by the scheduler after its grace: be more patient.
PATIENCE_S = 40.0
PAUSE_S = 0.05
PAUSE_S_MAX = 1.0

Values = dict[str, Any]
Place = tuple[str, str]  # address and worker id
Held = tuple[str, list[Place]]  # a key, and who holds it


async def value_of(connection: Connection, record: FutureRecord, bridge: Bridge) -> Any:  # noqa: ANN401
    """Return the value of a settled key, or raise its error."""
    if record.state is FINISHED and isinstance(record.outcome, bytes):
        with binding_to(connection):
            return decode(value_pb2.Payload.FromString(record.outcome))
    values = await values_of(connection, [record], bridge)
    return values[record.key]


async def values_of(
    connection: Connection,
    records: Iterable[FutureRecord],
    bridge: Bridge,
    skips_errors: bool = False,
    direct: bool | None = None,
) -> Values:
    """Return the values of settled keys; those that are lost meanwhile are waited for.

    Parameters
    ----------
    records
        The keys, each once.
    skips_errors
        Whether keys that erred are left out. Otherwise the first error is raised.
    direct
        As for `Client.gather`.

    Raises
    ------
    Exception
        What a task raised.
    DataLost
        If a value could not be had from any worker for a long time.
    """
    values: Values = {}
    missing: list[FutureRecord] = []
    with binding_to(connection):
        for record in records:
            outcome = record.outcome
            if record.state is FINISHED and isinstance(outcome, bytes):
                values[record.key] = decode(value_pb2.Payload.FromString(outcome))
            else:
                missing.append(record)
    fetches = _Fetches(connection, direct)
    tried_s, pause_s = 0.0, 0.0
    while tried_s < PATIENCE_S:
        missing = [
            record
            for record in missing
            if record.state is FINISHED or not _has_failed(record, skips_errors)
        ]
        if not missing:
            return values
        places = await fetches.places(missing, ask=tried_s > 0)
        with binding_to(connection), collected_rarely():
            values |= await bridge.on_loop(fetches.fetch(places), connection.loop)
        missing = [record for record in missing if record.key not in values]
        if missing:
            await bridge.on_loop(asyncio.sleep(pause_s), connection.loop)
            pause_s = min(2 * pause_s, PAUSE_S_MAX) or PAUSE_S
            tried_s += pause_s
            await settled(connection, missing, bridge)
    if not missing:
        return values
    named = ", ".join(repr(record.key) for record in missing[:5])
    raise DataLost(f"the values of {named} could not be had from any worker; see the log")


def _has_failed(record: FutureRecord, skips_errors: bool) -> bool:
    failure = failure_of(record)
    if failure is not None and not skips_errors:
        raise failure
    return failure is not None


class _Fetches:
    """Fetches values, try after try; what came in part and who was asked in vain is remembered.

    Parameters
    ----------
    connection
        Knows who holds what, and the routes there.
    direct
        As for `Client.gather`.
    """

    def __init__(self, connection: Connection, direct: bool | None) -> None:
        self._connection = connection
        self._direct = direct
        self._parts: dict[str, Growing] = {}
        self._vain: set[Place] = set()

    async def places(self, records: list[FutureRecord], ask: bool) -> dict[Place, list[str]]:
        """Choose a holder for each key: as was said when it finished, or as the Center says now.

        One that was asked in vain is asked again only if there is no other.
        """
        holders = await self._located(records) if ask else self._told(records)
        chosen: dict[Place, list[str]] = {}
        for key, candidates in holders:
            if not candidates:
                continue
            place = candidates[0]
            if len(candidates) > 1:  # the holder that was asked for the least so far
                place = min(
                    candidates, key=lambda each: (each in self._vain, len(chosen.get(each, ())))
                )
            chosen.setdefault(place, []).append(key)
        return chosen

    def _told(self, records: list[FutureRecord]) -> Iterator[Held]:
        known: dict[tuple[int, ...], list[Place]] = {}  # most results have the same few holders
        for record in records:
            numbers = record.outcome if isinstance(record.outcome, tuple) else ()
            places = known.get(numbers)
            if places is None:
                found = map(self._connection.peer, numbers)
                places = known[numbers] = [place for place in found if place is not None]
            yield record.key, places

    async def _located(self, records: list[FutureRecord]) -> list[Held]:
        connection = self._connection
        request = center_pb2.WhoHasRequest(keys=[record.key for record in records])
        answer = await connection.ask(connection.center.WhoHas, request, "asking who has keys")
        return [
            (location.key, list(zip(location.addresses, location.worker_ids, strict=True)))
            for location in answer.locations
        ]

    async def fetch(self, places: dict[Place, list[str]]) -> Values:
        """Fetch from all workers at once; what one does not give is left out."""
        found: Values = {}
        await asyncio.gather(
            *(self._fetch_from(place, keys, found) for place, keys in places.items())
        )
        return found

    async def _fetch_from(self, place: Place, keys: list[str], found: Values) -> None:
        """Fetch from one worker; of what comes in part, the beginning is kept for another one."""
        connection, (address, worker_id) = self._connection, place
        begun = {key: self._parts.pop(key) for key in keys if key in self._parts}
        try:
            way = await connection.routes.to(address, self._direct)
            await fetch(way, worker_id, keys, found, begun, connection.shared_memory)
        except TaskFailed:
            raise  # the value is there and cannot be sent or read: no other try will help
        except GDistributedError as error:
            self._vain.add(place)
            if isinstance(error, ConnectionLost):
                connection.routes.avoid(address)
            logger.info("fetching failed", extra={"address": address, "cause": str(error)})
        self._parts.update(begun)
