"""One live stream as the shells drive it: a session's messages out, one write at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, cast

from google.protobuf.message import Message

from gdistributed.core.session import Numbered, Session
from gdistributed.sim.network import Stream
from gdistributed.sim.world import Host

In = TypeVar("In", bound=Numbered)
Out = TypeVar("Out", bound=Numbered)


class Link(Generic[In, Out]):
    """The counterpart of `wire.link.Link` in virtual time.

    Parameters
    ----------
    host
        Whose link it is.
    stream, side
        The stream, and which end of it.
    session
        Numbers outgoing messages and admits incoming ones.
    take
        Gives the next batch to write, or None.
    receive
        Is called with each incoming message that is new.
    """

    def __init__(
        self,
        host: Host,
        stream: Stream,
        side: int,
        session: Session[Out],
        take: Callable[[], Out | None],
        receive: Callable[[In], None],
    ) -> None:
        self.stream, self.side, self.session = stream, side, session
        session.rarely, session.resend_nbytes = host.world.rarely, host.world.resend_nbytes
        self.is_over = False
        self._host = host
        self._take, self._receive = take, receive
        self._is_writing = False

    def wake(self) -> None:
        """There may be something to write."""
        if self._is_writing or self.is_over:
            return
        message = self.session.next(self._take)
        if message is not None:
            self._is_writing = True
            self.stream.send(self.side, cast("Message", message))
            write_s = self._host.world.random.random() ** 3 * 0.005
            self._host.later(write_s, self._written)

    def _written(self) -> None:
        self._is_writing = False
        self.wake()

    def receive(self, message: In) -> None:
        """Take a message in, if it is new."""
        if self.is_over:
            return
        if self.session.admit(message):
            self._receive(message)
        if self.session.should_write:
            self.wake()

    def end(self) -> None:
        """End the link, and the stream with it."""
        self.is_over = True
        self.stream.close(self.side)
