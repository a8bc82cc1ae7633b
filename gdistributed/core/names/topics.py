"""Topics: numbered messages by topic, the newest of which are kept, and those who follow them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gdistributed.settings import MIB
from gdistributed.v1 import names_pb2 as pb

KEPT_MESSAGES: Final = 10_000
KEPT_NBYTES: Final = 16 * MIB
PENDING_MAX: Final = 10_000


@dataclass(slots=True, eq=False)
class Subscription:
    """Somebody who follows a topic.

    Attributes
    ----------
    began
        Number of the newest message when it began.
    pending
        Messages that are to be sent to it. The shell takes them.
    is_slow
        It did not take its messages, and was dropped.
    """

    topic: str
    began: int
    pending: deque[pb.PublishedMessage] = field(default_factory=deque)
    is_slow: bool = False


@dataclass(slots=True, eq=False)
class Topic:
    """One topic.

    Attributes
    ----------
    number
        Of the newest message.
    kept
        The newest messages.
    nbytes
        Size of these.
    """

    number: int = 0
    kept: deque[pb.PublishedMessage] = field(default_factory=deque)
    nbytes: int = 0
    subscriptions: dict[Subscription, None] = field(default_factory=dict)

    def add(self, message: pb.PublishedMessage) -> None:
        """Number a message and keep it."""
        self.number = message.number = self.number + 1
        self.kept.append(message)
        self.nbytes += message.ByteSize()
        while len(self.kept) > KEPT_MESSAGES or (self.nbytes > KEPT_NBYTES and len(self.kept) > 1):
            self.nbytes -= self.kept.popleft().ByteSize()

    def after(self, number: int) -> Iterator[pb.PublishedMessage]:
        """Yield the messages behind a number, as far as they are kept."""
        return (message for message in self.kept if message.number > number)


class Topics:
    """All topics by name.

    Attributes
    ----------
    woken
        Subscriptions that have something to send, or were dropped. The shell empties it.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Topic] = {}
        self.woken: dict[Subscription, None] = {}

    def publish(self, names: Iterable[str], message: pb.PublishedMessage) -> int:
        """Add a message to topics; return how many will get it.

        Parameters
        ----------
        names
            The topics.
        message
            The message, and when it came. Each topic gets a copy.
        """
        told = 0
        for name in dict.fromkeys(names):
            topic = self.by_name.setdefault(name, Topic())
            own = pb.PublishedMessage()
            own.CopyFrom(message)
            own.topic = name
            topic.add(own)
            for subscription in list(topic.subscriptions):
                self._tell(topic, subscription, own)
                told += 1
        return told

    def _tell(self, topic: Topic, subscription: Subscription, message: pb.PublishedMessage) -> None:
        self.woken[subscription] = None
        if len(subscription.pending) < PENDING_MAX:
            subscription.pending.append(message)
        else:
            subscription.is_slow = True
            del topic.subscriptions[subscription]

    def messages(self, name: str, after: int = 0) -> Iterator[pb.PublishedMessage]:
        """Yield the messages of a topic that are kept; those of all topics for no name."""
        for each, topic in self.by_name.items():
            if name in ("", each):
                yield from topic.after(after)

    def subscribe(self, name: str, after: int | None = None) -> Subscription:
        """Follow a topic, from a number or from now on."""
        topic = self.by_name.setdefault(name, Topic())
        subscription = Subscription(name, topic.number)
        if after is not None:
            subscription.pending.extend(topic.after(after))
        topic.subscriptions[subscription] = None
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Follow a topic no longer."""
        topic = self.by_name[subscription.topic]
        topic.subscriptions.pop(subscription, None)
        self.woken.pop(subscription, None)
        if not (topic.number or topic.subscriptions):
            del self.by_name[subscription.topic]
