"""Watching a cluster for a while, by asking its scheduler again and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import Final

import grpc.aio

from gdistributed.client.connection import Connection
from gdistributed.observe.record import Record
from gdistributed.v1 import activity_pb2, scheduler_pb2
from gdistributed.wire.pages import pages
from gdistributed.wire.status import error_from_call

logger = logging.getLogger("gdistributed.client")

INTERVAL_S: Final = 0.5
TIMEOUT_S: Final = 10.0
# As many as the scheduler keeps.
LIMIT: Final = 20_000
PAGE_SIZE: Final = 1000


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
        self.record = Record(await self._ask(activity_pb2.GetActivityRequest(limit=1)))
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
            except Exception as error:  # it may come back: what happened meanwhile is kept there
                logger.info("a recording got no answer", extra={"cause": str(error)})

    async def _take(self) -> None:
        request = activity_pb2.GetActivityRequest(
            last_run=self.record.last_run, last_transfer=self.record.last_transfer, limit=LIMIT
        )
        request.merge.FromNanoseconds(int(self._merge_s * 1e9))
        answer = await self._ask(request)
        self.record.add(answer, await self._workers())

    async def _ask(
        self, request: activity_pb2.GetActivityRequest
    ) -> activity_pb2.GetActivityResponse:
        connection = self._connection
        try:
            return await connection.activity.GetActivity(request, timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise error_from_call(error, connection.address, "recording") from error

    async def _workers(self) -> list[scheduler_pb2.WorkerDescription]:
        ask = partial(self._connection.scheduler.ListWorkers, timeout=TIMEOUT_S)
        answers = pages(ask, scheduler_pb2.ListWorkersRequest(page_size=PAGE_SIZE))
        return [each async for answer in answers for each in answer.workers]
