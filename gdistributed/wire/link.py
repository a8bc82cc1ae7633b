"""One live stream between two peers: batches go out as soon as the last write was accepted.

There is no batching timer. While a write waits for its peer, mail piles up in the brain's open
batch; when it is accepted, all that piled up is the next batch. The functions given to a link are
called on the event loop that runs it and must not block. A link lives as long as its stream; the
session may go on over another one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, cast

import grpc.aio
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from gdistributed.core.session import Numbered, Session

logger = logging.getLogger("gdistributed.wire")

In = TypeVar("In", bound=Numbered)
Out = TypeVar("Out", bound=Numbered)


class Link(Generic[In, Out]):
    """The reading and the writing of one stream, alike on both ends of it.

    Parameters
    ----------
    session
        Numbers outgoing messages and admits incoming ones.
    take
        Gives the next batch to write, or None when there is no mail.
    receive
        Is called with each incoming message that is new.
    """

    def __init__(
        self,
        session: Session[Out],
        take: Callable[[], Out | None],
        receive: Callable[[In], None],
    ) -> None:
        self.session = session
        self._take = take
        self._receive = receive
        self._mail = asyncio.Event()
        self._finishing = False
        self._skipped: set[int] = set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(self) -> None:
        """Say that there is mail. To be called on the link's event loop."""
        self._mail.set()

    def finish(self) -> None:
        """End the writing once all mail has been written."""
        self._finishing = True
        self._mail.set()

    def end(self, error: Exception) -> None:
        """End the stream at once: `run` raises the error."""
        if not self._ended.done():
            self._ended.set_exception(error)

    async def run(
        self,
        read: Callable[[], Awaitable[object]],
        write: Callable[[Out], Awaitable[None]],
        done_writing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Read and write until the peer ends the stream, or until `finish` and the mail is out.

        Parameters
        ----------
        read, write
            Those of the stream.
        done_writing
            That of a stream which this side has opened: after `finish` it is closed in one
            direction, and read until the peer has ended it too. To cancel the reading instead
            could lose what was written last.

        Raises
        ------
        ProtocolError
            If the peer's numbers do not fit, or `receive` refuses a message.
        grpc.aio.AioRpcError
            If the stream breaks.
        """
        reading = asyncio.ensure_future(self._read_all(read))
        writing = asyncio.ensure_future(self._write_all(write))
        tasks = [reading, writing, self._ended]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if done_writing is not None and reading not in done:
                await done_writing()
                await reading
        finally:
            for task in tasks:
                task.cancel()

    async def _read_all(self, read: Callable[[], Awaitable[object]]) -> None:
        while (received := await read()) is not grpc.aio.EOF and not self._ended.done():
            message = cast("In", received)  # the types of grpc.aio promise no more than an object
            self._warn_of_unknown(message)
            if self.session.admit(message):
                self._receive(message)
                if self.session.should_write:
                    self._mail.set()
                # Answers first: to begin the next read takes as long as to write them.
                await asyncio.sleep(0)

    def _warn_of_unknown(self, message: In) -> None:
        """Say once of each field of a newer protocol that it is skipped."""
        unknown = UnknownFieldSet(cast("Message", message))
        for field in (unknown[index] for index in range(len(unknown))):
            if field.field_number not in self._skipped:
                self._skipped.add(field.field_number)
                logger.warning(
                    "unknown field skipped",
                    extra={"kind": type(message).__name__, "field": field.field_number},
                )

    async def _write_all(self, write: Callable[[Out], Awaitable[None]]) -> None:
        while not self._ended.done():  # then the session may go on over another stream
            batch = self.session.next(self._take)
            if batch is not None:
                try:
                    await write(batch)
                except asyncio.InvalidStateError:
                    await self._ended  # the stream is over: reading says why
            elif self._finishing:
                return
            else:
                self._mail.clear()
                await self._mail.wait()
