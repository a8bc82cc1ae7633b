"""Watching a cluster for a while, by asking its scheduler again and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Final

import grpc.aio

from gdistributed.client.connection import Connection
from gdistributed.errors import GDistributedError
from gdistributed.observe.record import Record
from gdistributed.v1 import activity_pb2
from gdistributed.wire.pages import all_workers
from gdistributed.wire.status import error_from_call

logger = logging.getLogger("gdistributed.client")

INTERVAL_S: Final = 0.5
TIMEOUT_S: Final = 10.0
# As many as the scheduler keeps.
LIMIT: Final = 20_000


class Recording:
    """Records what a cluster does; on the loop of a connection.

    Parameters
    ----------
    connection
        To the scheduler.
    merge_s
        Runs of a prefix that follow each other so closely on a worker count as one; 0 keeps all.
    """

    def __init__(self, connection: Connection, merge_s: float = 0.0) -> None:
        self._connection = connection
        self._merge_s = merge_s
        self._polling: asyncio.Task[None] | None = None
        self.record: Record

    async def begin(self) -> None:
        """Begin.

        Raises
        ------
        GDistributedError
            If the scheduler does not answer.
        """
        request = activity_pb2.GetActivityRequest(limit=1)
        with self._errors():
            first = await self._connection.activity.GetActivity(request, timeout=TIMEOUT_S)
        self.record = Record(first)
        self._polling = asyncio.create_task(self._poll())

    async def end(self) -> Record:
        """End, and return all that happened meanwhile. Errors are those of `begin`."""
        if self._polling is not None:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._polling
        await self._take()
        return self.record

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self._take()
            except GDistributedError as error:
                # It may come back: what happens meanwhile is kept there.
                logger.info("a recording got no answer", extra={"cause": str(error)})

    async def _take(self) -> None:
        request = activity_pb2.GetActivityRequest(
            last_run=self.record.last_run, last_transfer=self.record.last_transfer, limit=LIMIT
        )
        request.merge.FromNanoseconds(int(self._merge_s * 1e9))
        with self._errors():
            connection = self._connection
            answer = await connection.activity.GetActivity(request, timeout=TIMEOUT_S)
            workers = await all_workers(connection.scheduler, TIMEOUT_S)
        self.record.add(answer, workers)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what gRPC raises into our own errors."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise error_from_call(error, self._connection.address, "recording") from error
