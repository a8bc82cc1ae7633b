"""Events: flags by name, and those who wait until one is set."""

from __future__ import annotations

from gdistributed.core.names.calls import Call, Calls, seconds
from gdistributed.errors import WaitTimeout
from gdistributed.v1 import names_pb2 as pb


class Events:
    """The events that are set, and the calls that wait for others.

    Parameters
    ----------
    calls
        The calls of all rooms.
    """

    def __init__(self, calls: Calls) -> None:
        self.are_set: set[str] = set()
        self.lines: dict[str, dict[Call, None]] = {}
        self._calls = calls

    def set(self, request: pb.SetEventRequest) -> Call:
        """Set or clear an event."""
        if request.clear:
            self.are_set.discard(request.name)
        else:
            self.are_set.add(request.name)
            for call in self.lines.pop(request.name, ()):
                self._calls.answer(call, pb.WaitEventResponse())
        return Call(request, None, pb.SetEventResponse())

    def wait(self, request: pb.WaitEventRequest) -> Call:
        """Wait until an event is set."""
        call = Call(request, self)
        if request.name in self.are_set:
            call.answer = pb.WaitEventResponse()
        else:
            self.lines.setdefault(request.name, {})[call] = None
        return call

    def leave(self, call: Call) -> None:
        """Take a call that waits out of its line."""
        line = self.lines[call.request.name]
        del line[call]
        if not line:
            del self.lines[call.request.name]

    def undo(self, call: Call) -> bool:
        """A call is given nothing that could be put back."""
        return False

    def late(self, call: Call) -> WaitTimeout:
        """Say that the time of a call is over."""
        request = call.request
        error = WaitTimeout(
            f"the event {request.name!r} was not set within {seconds(request.timeout):g} s"
        )
        return error.with_reason("EVENT_TIMEOUT")
