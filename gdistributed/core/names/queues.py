"""Queues: values in order, those who wait for some, and those who wait for room.

A queue is there while it holds values or somebody waits at it. Both lines are served from the
front. The first who waits for several values gathers them as they come, and gives them back if it
leaves before it has enough: so a queue with a limit can serve more than the limit at once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from gdistributed.core.names.calls import Call, Calls, seconds
from gdistributed.errors import WaitTimeout
from gdistributed.v1 import names_pb2 as pb


@dataclass(slots=True, eq=False)
class Queue:
    """One queue.

    Attributes
    ----------
    values
        In order.
    getters
        Calls that wait for values, each with what it has gathered.
    putters
        Calls that wait for room.
    """

    name: str
    values: deque[pb.NamedValue] = field(default_factory=deque)
    getters: dict[Call, list[pb.NamedValue]] = field(default_factory=dict)
    putters: dict[Call, None] = field(default_factory=dict)


class Queues:
    """All queues by name.

    Parameters
    ----------
    calls
        The calls of all rooms.
    """

    def __init__(self, calls: Calls) -> None:
        self.by_name: dict[str, Queue] = {}
        self._calls = calls

    def put(self, request: pb.PutQueueRequest) -> Call:
        """Append a value, now or when there is room."""
        queue = self.by_name.setdefault(request.name, Queue(request.name))
        call = Call(request, self)
        queue.putters[call] = None
        self._serve(queue)
        return call

    def get(self, request: pb.GetQueueRequest) -> Call:
        """Take values, now or when there are enough."""
        call = Call(request, self)
        queue = self.by_name.get(request.name)
        if request.peek:
            call.answer = pb.GetQueueResponse(size=0 if queue is None else len(queue.values))
            return call
        queue = queue or self.by_name.setdefault(request.name, Queue(request.name))
        queue.getters[call] = []
        self._serve(queue)
        return call

    def _serve(self, queue: Queue) -> None:
        """Let values in and out for as long as anything moves."""
        while self._let_in(queue) or self._let_out(queue):
            pass
        if not (queue.values or queue.getters or queue.putters):
            self.by_name.pop(queue.name, None)

    def _let_in(self, queue: Queue) -> bool:
        call = next(iter(queue.putters), None)
        if call is None or 0 < call.request.max_size <= len(queue.values):
            return False
        del queue.putters[call]
        queue.values.append(call.request.value)
        self._calls.answer(call, pb.PutQueueResponse(size=len(queue.values)))
        return True

    def _let_out(self, queue: Queue) -> bool:
        call = next(iter(queue.getters), None)
        if call is None or not queue.values:
            return False
        gathered = queue.getters[call]
        needed = max(call.request.at_least, 1)
        most = max(call.request.count, needed)
        while queue.values and len(gathered) < most:
            gathered.append(queue.values.popleft())
        if len(gathered) >= needed:
            del queue.getters[call]
            response = pb.GetQueueResponse(values=gathered, size=len(queue.values))
            self._calls.answer(call, response)
        return True

    def leave(self, call: Call) -> None:
        """Take a call that waits out of its line, and put back what it has gathered."""
        queue = self.by_name[call.request.name]
        queue.putters.pop(call, None)
        queue.values.extendleft(reversed(queue.getters.pop(call, ())))
        self._serve(queue)

    def undo(self, call: Call) -> bool:
        """Put values back that nobody got. What was put stays."""
        if not isinstance(call.answer, pb.GetQueueResponse):
            return False
        queue = self.by_name.setdefault(call.request.name, Queue(call.request.name))
        queue.values.extendleft(reversed(call.answer.values))
        self._serve(queue)
        return True

    def late(self, call: Call) -> WaitTimeout:
        """Say that the time of a call is over."""
        request = call.request
        is_put = isinstance(request, pb.PutQueueRequest)
        error = WaitTimeout(
            f"the queue {request.name!r} {'had no room' if is_put else 'had too few values'} "
            f"within {seconds(request.timeout):g} s"
        )
        return error.with_reason("QUEUE_FULL" if is_put else "QUEUE_EMPTY")
