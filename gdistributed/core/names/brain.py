"""The brain of names: requests and the time in, answers out.

A call that cannot be answered at once waits, and is in the lane `answered` as soon as it can;
`deadline` says when `on_time` is to be called. It knows no clock and talks to nobody by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gdistributed.core.names.calls import Call, Calls
from gdistributed.core.names.events import Events
from gdistributed.core.names.queues import Queues
from gdistributed.core.names.semaphores import Semaphores
from gdistributed.core.names.topics import Subscription, Topics
from gdistributed.core.names.variables import Variables
from gdistributed.errors import GDistributedError, MalformedMessage
from gdistributed.v1 import names_pb2 as pb

Request = TypeVar("Request", bound=Message)


class NamesBrain:
    """Locks, semaphores, events, queues, variables and topics.

    Parameters
    ----------
    prefix
        What ids of leases begin with; another one for each Center.
    """

    def __init__(self, prefix: str) -> None:
        self.calls = Calls()
        self.semaphores = Semaphores(self.calls, prefix)
        self.events = Events(self.calls)
        self.queues = Queues(self.calls)
        self.variables = Variables(self.calls)
        self.topics = Topics()

    # Calls that may have to wait

    def acquire(self, request: pb.AcquireRequest, now: float) -> Call:
        """Take leases. Errors are those of `Semaphores.acquire`."""
        return self._asked(self.semaphores.acquire, request, now)

    def set_event(self, request: pb.SetEventRequest, now: float) -> Call:
        """Set or clear an event."""
        check_name(request.name, "an event")
        return self._asked(self.events.set, request, now)

    def wait_event(self, request: pb.WaitEventRequest, now: float) -> Call:
        """Wait until an event is set."""
        check_name(request.name, "an event")
        return self._asked(self.events.wait, request, now)

    def put_queue(self, request: pb.PutQueueRequest, now: float) -> Call:
        """Append a value to a queue."""
        check_name(request.name, "a queue")
        return self._asked(self.queues.put, request, now)

    def get_queue(self, request: pb.GetQueueRequest, now: float) -> Call:
        """Take values from a queue."""
        check_name(request.name, "a queue")
        return self._asked(self.queues.get, request, now)

    def set_variable(self, request: pb.SetVariableRequest, now: float) -> Call:
        """Set or delete a variable."""
        check_name(request.name, "a variable")
        return self._asked(self.variables.set, request, now)

    def get_variable(self, request: pb.GetVariableRequest, now: float) -> Call:
        """Return the value of a variable."""
        check_name(request.name, "a variable")
        return self._asked(self.variables.get, request, now)

    def _asked(self, event: Callable[[Request], Call], request: Request, now: float) -> Call:
        self.on_time(now)
        known = self.calls.known(getattr(request, "request_id", ""))
        if known is not None:
            return known
        call = event(request)
        self.calls.note(call)
        return call

    def give_up(self, call: Call, now: float) -> None:
        """Nobody waits for the answer of a call any more, or gets the one that it was given."""
        self.on_time(now)
        self.calls.give_up(call)

    # Calls that do not wait

    def renew(self, request: pb.RenewRequest, now: float) -> pb.RenewResponse:
        """Let leases begin anew."""
        self.on_time(now)
        return pb.RenewResponse(gone=self.semaphores.renew(request.lease_ids))

    def release(self, request: pb.ReleaseRequest, now: float) -> pb.ReleaseResponse:
        """End leases."""
        self.on_time(now)
        lease_ids = [*request.lease_ids, *self.semaphores.lease_ids(request.names)]
        return pb.ReleaseResponse(released=self.semaphores.release(dict.fromkeys(lease_ids)))

    def describe_semaphore(self, name: str, now: float) -> pb.GetSemaphoreResponse:
        """Say who holds a lock or a semaphore."""
        check_name(name, "a lock or semaphore")
        self.on_time(now)
        return self.semaphores.describe(name)

    def publish(self, request: pb.PublishRequest, published: Timestamp, now: float) -> Call:
        """Send a message to all that follow topics; `published` is the time for people."""
        if not request.topics:
            raise MalformedMessage("a message needs a topic").with_reason("BAD_NAME")
        for name in request.topics:
            check_name(name, "a topic")
        message = pb.PublishedMessage(published=published, message=request.message)

        def tell(asked: pb.PublishRequest) -> Call:
            told = self.topics.publish(asked.topics, message)
            return Call(asked, None, pb.PublishResponse(subscribers=told))

        return self._asked(tell, request, now)

    def subscribe(self, request: pb.SubscribeRequest) -> Subscription:
        """Follow a topic."""
        check_name(request.topic, "a topic")
        after = request.after if request.HasField("after") else None
        return self.topics.subscribe(request.topic, after)

    def close(self, error: GDistributedError) -> None:
        """The Center ends: so does every wait."""
        for call in self.calls.waiting:
            self.calls.answer(call, error)

    # Time

    @property
    def deadline(self) -> float | None:
        """When `on_time` is to be called at the latest."""
        return self.calls.agenda.deadline

    def on_time(self, now: float) -> None:
        """End the leases and waits whose time is over."""
        self.calls.now = now
        self.calls.agenda.act(now)


def check_name(name: str, what: str) -> None:
    """Raise for an empty name.

    Raises
    ------
    MalformedMessage
        With the reason BAD_NAME.
    """
    if not name:
        raise MalformedMessage(f"{what} needs a name").with_reason("BAD_NAME")
