"""Variables: values by name, and those who wait until there is one."""

from __future__ import annotations

from gdistributed.core.names.calls import Call, Calls, seconds
from gdistributed.errors import WaitTimeout
from gdistributed.v1 import names_pb2 as pb


class Variables:
    """The variables that have values, and the calls that wait for others.

    Parameters
    ----------
    calls
        The calls of all rooms.
    """

    def __init__(self, calls: Calls) -> None:
        self.values: dict[str, pb.NamedValue] = {}
        self.lines: dict[str, dict[Call, None]] = {}
        self._calls = calls

    def set(self, request: pb.SetVariableRequest) -> Call:
        """Set or delete a variable."""
        before = self.values.pop(request.name, None)
        if request.HasField("value"):
            self.values[request.name] = request.value
            for call in self.lines.pop(request.name, ()):
                self._calls.answer(call, pb.GetVariableResponse(value=request.value))
        holder = before.holder if before is not None else ""
        return Call(request, None, pb.SetVariableResponse(replaced_holder=holder))

    def get(self, request: pb.GetVariableRequest) -> Call:
        """Return the value of a variable, now or later."""
        call = Call(request, self)
        value = self.values.get(request.name)
        if value is not None:
            call.answer = pb.GetVariableResponse(value=value)
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
            f"the variable {request.name!r} had no value within {seconds(request.timeout):g} s"
        )
        return error.with_reason("VARIABLE_UNSET")
