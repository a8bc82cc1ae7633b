"""A short way to say what callers ask of the names, in virtual time."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from gdistributed.core.names.audit import audit
from gdistributed.core.names.brain import NamesBrain
from gdistributed.core.names.calls import Call
from gdistributed.errors import GDistributedError
from gdistributed.v1 import names_pb2 as pb
from gdistributed.v1 import value_pb2


def seconds_of(seconds: float) -> Duration:
    length = Duration()
    length.FromNanoseconds(int(seconds * 1e9))
    return length


def text(word: str) -> pb.NamedValue:
    return pb.NamedValue(value=value_pb2.Payload(codec="text", data=word.encode()))


def word_of(value: pb.NamedValue) -> str:
    return value.value.data.decode()


class Script:
    """A brain, and the time."""

    def __init__(self) -> None:
        self.brain = NamesBrain("c")
        self.now = 0.0

    def pass_time(self, seconds: float) -> None:
        """Let time pass, waking the brain whenever it wants to be."""
        end = self.now + seconds
        while (deadline := self.brain.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.brain.on_time(self.now)
            audit(self.brain)
        self.now = end

    def acquire(
        self,
        *names: str,
        timeout: float | None = None,
        lease: float | None = None,
        **fields: object,
    ) -> Call:
        request = pb.AcquireRequest(names=names, **fields)  # type: ignore[arg-type]
        set_times(request, timeout=timeout, lease=lease)
        return self._checked(self.brain.acquire(request, self.now))

    def put(self, name: str, word: str, timeout: float | None = None, **fields: object) -> Call:
        request = pb.PutQueueRequest(name=name, value=text(word), **fields)  # type: ignore[arg-type]
        set_times(request, timeout=timeout)
        return self._checked(self.brain.put_queue(request, self.now))

    def get(self, name: str, timeout: float | None = None, **fields: object) -> Call:
        request = pb.GetQueueRequest(name=name, **fields)  # type: ignore[arg-type]
        set_times(request, timeout=timeout)
        return self._checked(self.brain.get_queue(request, self.now))

    def set_event(self, name: str, clear: bool = False) -> None:
        request = pb.SetEventRequest(name=name, clear=clear)
        self._checked(self.brain.set_event(request, self.now))

    def wait_event(self, name: str, timeout: float | None = None) -> Call:
        request = pb.WaitEventRequest(name=name)
        set_times(request, timeout=timeout)
        return self._checked(self.brain.wait_event(request, self.now))

    def set_variable(self, name: str, word: str | None, holder: str = "") -> str:
        request = pb.SetVariableRequest(name=name)
        if word is not None:
            request.value.CopyFrom(text(word))
            request.value.holder = holder
        answer = self._checked(self.brain.set_variable(request, self.now)).answer
        assert isinstance(answer, pb.SetVariableResponse)
        return answer.replaced_holder

    def get_variable(self, name: str, timeout: float | None = None) -> Call:
        request = pb.GetVariableRequest(name=name)
        set_times(request, timeout=timeout)
        return self._checked(self.brain.get_variable(request, self.now))

    def release(self, *lease_ids: str, names: tuple[str, ...] = ()) -> list[str]:
        request = pb.ReleaseRequest(lease_ids=lease_ids, names=names)
        response = self.brain.release(request, self.now)
        audit(self.brain)
        return list(response.released)

    def renew(self, *lease_ids: str) -> list[str]:
        return list(self.brain.renew(pb.RenewRequest(lease_ids=lease_ids), self.now).gone)

    def publish(self, word: str, *topics: str, **fields: object) -> int:
        request = pb.PublishRequest(topics=topics, **fields)  # type: ignore[arg-type]
        request.message.data = word.encode()
        answer = self.brain.publish(request, Timestamp(seconds=7), self.now).answer
        assert isinstance(answer, pb.PublishResponse)
        return answer.subscribers

    def give_up(self, call: Call) -> None:
        self.brain.give_up(call, self.now)
        audit(self.brain)

    def _checked(self, call: Call) -> Call:
        audit(self.brain)
        return call


def set_times(request: object, **times: float | None) -> None:
    for field, seconds in times.items():
        if seconds is not None:
            getattr(request, field).CopyFrom(seconds_of(seconds))


def leases(call: Call) -> list[str]:
    """The leases that a call was given."""
    assert isinstance(call.answer, pb.AcquireResponse), call.answer
    return list(call.answer.lease_ids)


def words(call: Call) -> list[str]:
    """The values that a call was given."""
    assert isinstance(call.answer, pb.GetQueueResponse), call.answer
    return [word_of(value) for value in call.answer.values]


def reason(call: Call) -> str:
    """Why a call failed."""
    assert isinstance(call.answer, GDistributedError), call.answer
    return call.answer.reason
