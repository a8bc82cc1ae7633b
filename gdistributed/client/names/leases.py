"""The leases that a client holds: renewed in the background, released when it closes.

A lease lives as long as the object that acquired it: what was dropped without being released is not
renewed any more, and ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Iterable
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc.aio

from gdistributed.v1 import names_pb2 as pb

if TYPE_CHECKING:
    from gdistributed.client.connection import Connection

logger = logging.getLogger("gdistributed.client")

RENEWALS: Final = 3  # in the length of a lease
CALL_TIMEOUT_S: Final = 5.0
CLOSE_TIMEOUT_S: Final = 1.0


@dataclass(slots=True, eq=False, weakref_slot=True)
class Lease:
    """A lease that this process holds.

    Attributes
    ----------
    name
        Of the lock or semaphore.
    length_s
        How long it lasts without being renewed.
    """

    id: str
    name: str
    length_s: float


class Leases:
    """All leases of one client.

    Parameters
    ----------
    connection
        Of the client; renewals run on its loop.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held: weakref.WeakValueDictionary[str, Lease] = weakref.WeakValueDictionary()
        self._changed = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None

    def keep(self, leases: Iterable[Lease]) -> None:
        """Renew leases from now on, until they are forgotten. From any thread."""
        for lease in leases:
            self._held[lease.id] = lease
        self._connection.loop.call_soon_threadsafe(self._begin)

    def forget(self, leases: Iterable[Lease]) -> None:
        """Renew leases no longer. From any thread."""
        for lease in leases:
            self._held.pop(lease.id, None)

    def is_held(self, lease: Lease) -> bool:
        """Say whether a lease is held, as far as this process knows."""
        return lease.id in self._held

    async def close(self) -> None:
        """Release all: the client ends."""
        if self._renewing is not None:
            self._renewing.cancel()
            self._renewing = None
        if held := self._leases():
            self.forget(held)
            try:
                request = pb.ReleaseRequest(lease_ids=[lease.id for lease in held])
                await self._connection.names.Release(request, timeout=CLOSE_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                logger.info("leases will run out", extra={"cause": error.details()})

    def _begin(self) -> None:
        self._changed.set()
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(
                self._renew_all(), name="gdistributed-leases", context=Context()
            )

    def _leases(self) -> list[Lease]:
        """Return all; other threads may add some meanwhile, so that this must be one step."""
        references = self._held.valuerefs()
        return [lease for each in references if (lease := each()) is not None]

    async def _renew_all(self) -> None:
        while lengths := [lease.length_s for lease in self._leases()]:
            self._changed.clear()
            try:
                async with asyncio.timeout(min(lengths) / RENEWALS):
                    await self._changed.wait()
                continue  # a new one may be shorter
            except TimeoutError:
                await self._renew()

    async def _renew(self) -> None:
        held = self._leases()
        if not held:
            return
        request = pb.RenewRequest(lease_ids=[lease.id for lease in held])
        try:
            response = await self._connection.names.Renew(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            logger.info("leases were not renewed", extra={"cause": error.details()})
            return
        for lease_id in response.gone:
            if (lease := self._held.pop(lease_id, None)) is not None:
                logger.warning(
                    "a lease ran out before it was renewed: somebody else may hold it",
                    extra={"lock": lease.name, "lease": lease_id},
                )
