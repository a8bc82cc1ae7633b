"""A session between two peers: which messages have come, and which have to be said again.

Each direction numbers its messages and acknowledges those of the other. What is not acknowledged
is kept, so that a session whose stream broke goes on over a new one with nothing lost and nothing
done twice. A hello that cannot be accepted raises a ProtocolError, which names what differs and
what to do. The links of `wire` and the simulator drive the same sessions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from gdistributed.core.chance import Rarely, never
from gdistributed.errors import CapabilityMissing, MalformedMessage, StaleEpoch, VersionMismatch
from gdistributed.settings import MIB, PROTOCOL_MAJOR
from gdistributed.v1 import server_pb2 as pb

# After so many messages an acknowledgement is sent even if there is nothing else to say.
ACKNOWLEDGE_AFTER = 32
# No fresh message is taken while more than this is not acknowledged: what piles up then stays in
# the brain's batches, where it can still be merged.
UNACKNOWLEDGED_NBYTES = 64 * MIB
# An acknowledgement is also due when this share of the bound has come: the peer may be held back.
ACKNOWLEDGE_SHARE = 4
# What the two numbers of a message take at most: a tag and ten bytes each.
NUMBERS_NBYTES = 22


class Numbered(Protocol):
    """A message of a stream: every one has these two numbers."""

    sequence: int
    acknowledged: int

    def ByteSize(self) -> int:
        """Return the size of the encoding."""


Out = TypeVar("Out", bound=Numbered)


class Session(Generic[Out]):
    """Numbers of the two directions of one session, and what is not acknowledged.

    Parameters
    ----------
    make
        Makes an empty message, which carries an acknowledgement when there is nothing to say.
    session_id
        Name of the session, given by the accepting side in its welcome.
    resend_nbytes
        Bound on what is kept to be sent again: while there is more, nothing new is sent.

    Attributes
    ----------
    sent
        Number of the last message that was sent; the hello or welcome is 0.
    received
        Number of the last message that was received in order.
    acknowledged
        Number of the last of our messages that the peer says it has received.
    rarely
        Takes rare choices, in the simulator only.
    resumed
        Whether it goes on over another stream than its first.
    """

    __slots__ = (
        "_again",
        "_is_held_back",
        "_kept",
        "_kept_nbytes",
        "_make",
        "_owed",
        "_owed_nbytes",
        "acknowledged",
        "id",
        "rarely",
        "received",
        "resend_nbytes",
        "resumed",
        "sent",
    )

    def __init__(
        self,
        make: Callable[[], Out],
        session_id: str = "",
        resend_nbytes: int = UNACKNOWLEDGED_NBYTES,
    ) -> None:
        self.id = session_id
        self.sent = 0
        self.received = 0
        self.acknowledged = 0
        self.resumed = False
        self.rarely: Rarely = never
        self._make = make
        self.resend_nbytes = resend_nbytes
        self._kept: deque[tuple[Out, int]] = deque()
        self._kept_nbytes = 0
        self._is_held_back = False
        self._again = 0  # how many of those that are kept are to be sent again first
        self._owed = 0
        self._owed_nbytes = 0

    def next(self, take: Callable[[], Out | None]) -> Out | None:
        """Return the message to write now, numbered and kept; None when there is nothing to say.

        What has to be said again comes first, then what `take` gives, then a bare
        acknowledgement when one is due.
        """
        if not self._again and self._kept and self.rarely("resend"):
            self._again = len(self._kept)
        if self._again:
            message = self._kept[-self._again][0]
            self._again -= 1
            self._acknowledge_with(message)
            return message
        self._is_held_back = self._kept_nbytes >= self.resend_nbytes
        fresh = None if self._is_held_back else take()
        if fresh is None:
            if not self._is_due:
                return None
            fresh = self._make()
        self.sent += 1
        fresh.sequence = self.sent
        self._acknowledge_with(fresh)
        nbytes = _said_nbytes(fresh)
        self._kept.append((fresh, nbytes))
        self._kept_nbytes += nbytes
        return fresh

    @property
    def should_write(self) -> bool:
        """Whether what has come calls for a message, or makes room for one: see `next`."""
        return self._is_due or (self._is_held_back and self._kept_nbytes < self.resend_nbytes)

    @property
    def _is_due(self) -> bool:
        """Whether an acknowledgement is to be sent even if there is nothing else to say.

        The peer may wait for it with all that it has to say; one for a mere acknowledgement is not
        waited for.
        """
        return self._owed >= ACKNOWLEDGE_AFTER or (
            self._owed_nbytes > 0 and self._owed_nbytes * ACKNOWLEDGE_SHARE >= self.resend_nbytes
        )

    def acknowledge_soon(self) -> None:
        """Send an acknowledgement with the next message, or by itself: the peer's loop lives."""
        self._owed = ACKNOWLEDGE_AFTER

    def admit(self, message: Numbered) -> bool:
        """Say whether an incoming message is new; one that came before is to be skipped.

        Raises
        ------
        MalformedMessage
            If messages before it are missing, or it acknowledges what was never sent.
        """
        if message.acknowledged > self.sent:
            raise MalformedMessage(
                f"message {message.sequence} acknowledges number {message.acknowledged}, "
                f"but only {self.sent} messages were sent in this session"
            )
        if message.sequence <= self.received:
            self._forget_until(message.acknowledged)  # sent again, with news of what has come
            return False
        if message.sequence != self.received + 1:
            raise MalformedMessage(
                f"message {message.sequence} came after message {self.received}: "
                f"those between are missing"
            )
        self.received = message.sequence
        self._owed += 1
        self._owed_nbytes += _said_nbytes(message)
        self._forget_until(message.acknowledged)
        return True

    def can_resume(self, received: int) -> bool:
        """Say whether all that a peer lacks is kept, when it has received so much in order."""
        return self.acknowledged <= received <= self.sent

    def resume(self, received: int) -> None:
        """Go on over a new stream: what the peer has not received is to be sent again.

        Raises
        ------
        MalformedMessage
            If what it lacks is no longer kept, or it claims to have received what was never sent.
        """
        if not self.can_resume(received):
            raise MalformedMessage(
                f"the session cannot go on after message {received}: "
                f"those from {self.acknowledged + 1} to {self.sent} are kept"
            )
        self.resumed = True
        self._forget_until(received)
        self._again = len(self._kept)

    def unacknowledged(self) -> list[Out]:
        """Return what was sent and not acknowledged, oldest first."""
        return [message for message, _ in self._kept]

    def _acknowledge_with(self, message: Out) -> None:
        message.acknowledged = self.received
        self._owed = self._owed_nbytes = 0

    def _forget_until(self, number: int) -> None:
        if number <= self.acknowledged:
            return
        kept = self._kept
        while kept and kept[0][0].sequence <= number:
            self._kept_nbytes -= kept.popleft()[1]
        self._again = min(self._again, len(kept))
        self.acknowledged = number


def _said_nbytes(message: Numbered) -> int:
    """Return about the size of a message: 0 for a mere acknowledgement."""
    return max(message.ByteSize() - NUMBERS_NBYTES, 0)


class Sessions(Generic[Out]):
    """The sessions of the peers of one role, on the accepting side.

    Parameters
    ----------
    make
        Makes an empty message.
    """

    def __init__(self, make: Callable[[], Out]) -> None:
        self._make = make
        self._by_peer: dict[str, Session[Out]] = {}

    def resume(self, peer: str, hello: pb.Resume) -> Session[Out] | None:
        """Return the session that a hello asks to go on with; None if that cannot be."""
        session = self._by_peer.get(peer)
        if session is None or session.id != hello.session_id:
            return None
        if not session.can_resume(hello.received):
            return None
        session.resume(hello.received)
        return session

    def begin(self, peer: str, session_id: str) -> Session[Out]:
        """Begin a new session with a peer; an older one is over."""
        session = self._by_peer[peer] = Session(self._make, session_id)
        return session

    def of(self, peer: str) -> Session[Out] | None:
        """Return the session of a peer; None when there is none."""
        return self._by_peer.get(peer)

    def end(self, peer: str) -> None:
        """Forget the session of a peer that is gone."""
        self._by_peer.pop(peer, None)


def check_epoch(welcome: pb.Welcome, last: pb.Welcome) -> None:
    """Refuse a scheduler that is older than the last one in the same cluster.

    Raises
    ------
    StaleEpoch
        If the epoch of the welcome is lower than that of the last one.
    """
    if welcome.cluster_id == last.cluster_id and welcome.epoch < last.epoch:
        raise StaleEpoch(
            f"this scheduler is of epoch {welcome.epoch}, but the cluster has had one of epoch "
            f"{last.epoch} since: it should have ended"
        )


def check_software(
    peer: pb.Software, own: pb.Software, peer_role: str, own_role: str = "other side"
) -> None:
    """Refuse a peer with which this process cannot work.

    Parameters
    ----------
    peer
        What the other side said in its hello or welcome.
    own
        What this side is.
    peer_role, own_role
        What to call the two sides in messages: "worker", "client", "scheduler", "center".

    Raises
    ------
    VersionMismatch
        If the major versions of the protocol differ; it names both and says which to upgrade.
    CapabilityMissing
        If the peer requires a capability that this side lacks.
    """
    if peer.protocol_major != PROTOCOL_MAJOR:
        older = peer_role if peer.protocol_major < PROTOCOL_MAJOR else own_role
        raise VersionMismatch(
            f"the {peer_role} speaks protocol version {peer.protocol_major}.{peer.protocol_minor} "
            f"({peer.name or 'unknown software'} {peer.version}), the {own_role} speaks "
            f"{own.protocol_major}.{own.protocol_minor} ({own.name} {own.version}): "
            f"upgrade the {older}"
        )
    lacking = [word for word in peer.required if word not in own.capabilities]
    if lacking:
        raise CapabilityMissing(
            f"the {peer_role} requires what the {own_role} does not offer: {', '.join(lacking)}"
        )
