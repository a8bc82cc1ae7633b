"""Where data lies, as the Center asks: a view of the books in the same process, or reports to one
in another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable

import grpc.aio

from gdistributed.core.scheduler.books import Books
from gdistributed.core.scheduler.locations import changes_of, snapshot_of
from gdistributed.services.scheduler.shell import Shell
from gdistributed.v1 import center_pb2, center_pb2_grpc

logger = logging.getLogger("gdistributed.scheduler")

RETRY_S = 1.0


class BooksView:
    """The scheduler's books, as a Center in the same process reads them."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def holders(self, key: str) -> Iterable[tuple[str, str]]:
        """Yield id and address of each worker that holds a key."""
        task = self._books.tasks.get(key)
        return ((worker.id, worker.address) for worker in task.who_has) if task else ()

    def nbytes(self, key: str) -> int:
        """Return the size of a key's value; 0 when nobody holds it."""
        task = self._books.tasks.get(key)
        return task.nbytes if task is not None and task.who_has else 0

    def keys(self) -> Iterable[str]:
        """Yield all keys that somebody holds."""
        return (key for key, task in self._books.tasks.items() if task.who_has)

    def keys_of(self, worker_id: str) -> Iterable[str]:
        """Yield the keys that a worker holds."""
        worker = self._books.workers.get(worker_id)
        return (task.key for task in worker.has) if worker is not None else ()


class LocationReporter:
    """Keeps a Center in another process up to date, in batches: one call for the scheduler's life.

    A batch is sent as soon as the last one was accepted; when the call breaks, a new one begins
    with a snapshot.
    """

    def __init__(self, shell: Shell, channel: grpc.aio.Channel, epoch: int) -> None:
        self._shell = shell
        self._epoch = epoch
        self._stub = center_pb2_grpc.CenterStub(channel)
        self._mail = asyncio.Event()
        shell.located = self._mail.set

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            try:
                await self._stub.ReportLocations(self._batches())
            except grpc.aio.AioRpcError as error:
                logger.warning("the Center does not answer", extra={"cause": error.details()})
            await asyncio.sleep(RETRY_S)

    async def _batches(self) -> AsyncIterator[center_pb2.ReportLocationsRequest]:
        books = self._shell.brain.books
        books.moved = []
        yield snapshot_of(books, self._epoch)
        while True:
            while not books.moved:
                self._mail.clear()
                await self._mail.wait()
            moved, books.moved = books.moved, []
            yield changes_of(moved, self._epoch)
