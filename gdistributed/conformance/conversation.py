"""The scheduler's side of one session with a worker: what was said, and what has been heard.

Messages are numbered and acknowledged as the protocol wants it, unless a rule decides otherwise.
What the worker says is only kept here; rules look at it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

from gdistributed.conformance.scheduler import CLUSTER_ID, Visit
from gdistributed.settings import MIB
from gdistributed.v1 import server_pb2, task_pb2, worker_pb2
from gdistributed.wire.software import own_software

HEARTBEAT_MS: Final = 200
INLINE_NBYTES: Final = 1000
EPOCH: Final = 3

_numbers = itertools.count(1)


def new_welcome(**changes: Any) -> server_pb2.Welcome:  # noqa: ANN401
    """Return the welcome of a new session."""
    welcome = server_pb2.Welcome(
        software=own_software(),
        cluster_id=CLUSTER_ID,
        epoch=EPOCH,
        scheduler_id="conformance",
        session_id=f"session-{next(_numbers)}",
        limits=server_pb2.Limits(
            inline_nbytes=INLINE_NBYTES, chunk_nbytes=MIB, message_nbytes=256 * MIB
        ),
    )
    welcome.limits.heartbeat.FromMilliseconds(HEARTBEAT_MS)
    welcome.limits.grace.FromSeconds(15)
    welcome.MergeFrom(server_pb2.Welcome(**changes))
    return welcome


class Conversation:
    """One session.

    Parameters
    ----------
    visit
        The stream that it begins on.
    welcome
        What the worker was told.

    Attributes
    ----------
    sent
        Number of the last message that was said.
    said
        All that was said, so that it can be said again.
    acknowledges
        Whether what comes is acknowledged.
    templates
        Ids of the templates that were announced, by what they say.
    functions
        Ids of functions that were announced.
    """

    def __init__(self, visit: Visit, welcome: server_pb2.Welcome) -> None:
        self.visit = visit
        self.welcome = welcome
        self.sent = 0
        self.said: list[worker_pb2.ToWorker] = []
        self.acknowledges = True
        self.acknowledged = 0
        self.templates: dict[bytes, int] = {}
        self.functions: set[str] = set()
        self.peers_announced = False
        self.is_resumed = False
        self._before: list[worker_pb2.FromWorker] = []

    @property
    def messages(self) -> list[worker_pb2.FromWorker]:
        """All that has come in this session, each message once, in order."""
        heard = list(self._before)
        for message in self.visit.messages:
            if message.sequence > (heard[-1].sequence if heard else 0):
                heard.append(message)
        return heard

    @property
    def received(self) -> int:
        """Number of the last message that has come."""
        messages = self.messages
        return messages[-1].sequence if messages else 0

    def each(self, kind: str) -> Iterator[Any]:
        """Yield all of one kind that has come: "finished", "erred", "dropped", ..."""
        for message in self.messages:
            yield from getattr(message, kind)

    def say(self, **fields: Any) -> int:  # noqa: ANN401
        """Say something, and return the number of the message."""
        if self.acknowledges:
            self.acknowledged = self.received
        self.sent += 1
        message = worker_pb2.ToWorker(sequence=self.sent, acknowledged=self.acknowledged, **fields)
        self.said.append(message)
        self.visit.write(message)
        return self.sent

    def go_on(self, visit: Visit, received: int) -> None:
        """Go on over another stream, as if so many messages of the worker had come.

        What the worker has not received is said again.
        """
        self._before = self.messages[:received]
        self.visit = visit
        self.is_resumed = True
        self.acknowledged = received
        lacks = visit.first.hello.resume.received
        for message in self.said[lacks:]:
            visit.write(message)

    def template_of(self, template: task_pb2.TaskTemplate) -> tuple[int, bool]:
        """Return the id of a template in this session, and whether it is new."""
        said = template.SerializeToString(deterministic=True)
        is_new = said not in self.templates
        return self.templates.setdefault(said, len(self.templates) + 1), is_new
