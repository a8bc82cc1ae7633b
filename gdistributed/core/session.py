"""A session between two peers: who is on the other side, and which messages have come.

Each direction numbers its messages and acknowledges those of the other. A hello that cannot be
accepted raises a ProtocolError, which names what differs and what to do.
"""

from __future__ import annotations

from typing import Protocol

from gdistributed.errors import CapabilityMissing, MalformedMessage, VersionMismatch
from gdistributed.settings import PROTOCOL_MAJOR
from gdistributed.v1 import server_pb2 as pb


class Numbered(Protocol):
    """A message of a stream: every one has these two numbers."""

    sequence: int
    acknowledged: int


class Session:
    """Numbers of the two directions of one session.

    Attributes
    ----------
    sent
        Number of the last message that was sent; the hello or welcome is 0.
    received
        Number of the last message that was received in order.
    acknowledged
        Number of the last of our messages that the peer says it has received.
    """

    __slots__ = ("acknowledged", "received", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.acknowledged = 0

    def number(self, message: Numbered) -> None:
        """Give an outgoing message its numbers."""
        self.sent += 1
        message.sequence = self.sent
        message.acknowledged = self.received

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
            return False
        if message.sequence != self.received + 1:
            raise MalformedMessage(
                f"message {message.sequence} came after message {self.received}: "
                f"those between are missing"
            )
        self.received = message.sequence
        self.acknowledged = max(self.acknowledged, message.acknowledged)
        return True


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
