"""What tasks print and log: kept by key, within bounds, and passed on to clients that asked for it.

It is kept apart from the tasks, as the events are: what a task has said is there when the task is
forgotten, until there is no more room. No choice depends on it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gdistributed.settings import KIB
from gdistributed.v1 import task_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import ClientRecord, TaskRecord, WorkerRecord

# Of each key so much is kept of the beginning, and so much of the end.
HALF_NBYTES: Final = 32 * KIB
# A part takes about so much beside what its message says.
PART_NBYTES: Final = 200
# A part that is as large as this is not added to: what goes, goes by parts.
JOINED_NBYTES_MAX: Final = 2 * KIB
# How many tasks are looked at to find who wants what depends on one.
LOOKED_AT_MAX: Final = 1000


@dataclass(slots=True, eq=False)
class Said:
    """What is kept of one key: the parts of the beginning, those of the end, what went between."""

    first: list[task_pb2.TaskOutput] = field(default_factory=list)
    last: deque[task_pb2.TaskOutput] = field(default_factory=deque)
    nbytes: int = 0
    last_nbytes: int = 0
    left_out: int = 0

    def add(self, part: task_pb2.TaskOutput) -> None:
        """Add a part; what is between beginning and end goes when there is too much of it."""
        is_first = not self.last and self.nbytes + size_of(part) <= HALF_NBYTES
        parts = self.first if is_first else self.last
        before_nbytes = 0
        is_small = bool(parts) and len(parts[-1].text) < JOINED_NBYTES_MAX
        if is_small and _goes_on(parts[-1], part):
            before_nbytes = size_of(parts[-1])
            parts[-1].text += part.text
        else:
            parts.append(part)
        grown_nbytes = size_of(parts[-1]) - before_nbytes
        self.nbytes += grown_nbytes
        if not is_first:
            self.last_nbytes += grown_nbytes
        while self.last_nbytes > HALF_NBYTES and len(self.last) > 1:
            gone = self.last.popleft()
            self.nbytes -= size_of(gone)
            self.last_nbytes -= size_of(gone)
            self.left_out += len(gone.text) + gone.left_out

    def parts(self) -> Iterator[task_pb2.TaskOutput]:
        """Yield all that is kept, oldest first."""
        yield from self.first
        for index, part in enumerate(self.last):
            yield part if index or not self.left_out else _after(part, self.left_out)


class Output:
    """What is kept of all tasks, and who is told of it.

    Parameters
    ----------
    nbytes_max
        Bound on all that is kept; then the key that was silent for longest goes.

    Attributes
    ----------
    nbytes
        What is kept takes about so much.
    listeners
        Clients that asked to be told, and how many bytes were left out that each should have got.
    """

    def __init__(self, nbytes_max: int) -> None:
        self.nbytes = 0
        self.listeners: dict[ClientRecord, int] = {}
        self._nbytes_max = nbytes_max
        self._said: OrderedDict[str, Said] = OrderedDict()

    def of(self, key: str) -> list[task_pb2.TaskOutput]:
        """Return what is kept of a key, oldest first; nothing of one that is not known."""
        whole: list[task_pb2.TaskOutput] = []
        for part in self._said[key].parts() if key in self._said else ():
            if whole and _goes_on(whole[-1], part):
                whole[-1].text += part.text
            else:
                whole.append(_after(part, 0))
        return whole

    def keep(self, part: task_pb2.TaskOutput) -> None:
        """Keep a part, which is ours from now on."""
        said = self._said.get(part.key)
        if said is None:
            said = self._said[part.key] = Said()
        else:
            self._said.move_to_end(part.key)
        self.nbytes -= said.nbytes
        said.add(part)
        self.nbytes += said.nbytes
        while self.nbytes > self._nbytes_max:
            self.nbytes -= self._said.popitem(last=False)[1].nbytes

    def findings(self) -> Iterator[str]:
        """Yield in what the sizes do not agree with what is kept."""
        for key, said in self._said.items():
            last_nbytes = sum(map(size_of, said.last))
            nbytes = sum(map(size_of, said.first)) + last_nbytes
            if (nbytes, last_nbytes) != (said.nbytes, said.last_nbytes):
                yield f"the output of {key!r} takes {nbytes} bytes, and {said.nbytes} are booked"
        if self.nbytes != sum(said.nbytes for said in self._said.values()):
            yield f"output of {self.nbytes} bytes is booked in all, which is not the sum"
        if self.nbytes > self._nbytes_max:
            yield f"output of {self.nbytes} bytes is more than may be kept"


def size_of(part: task_pb2.TaskOutput) -> int:
    """Return about how much memory a part takes, in bytes."""
    return part.ByteSize() + PART_NBYTES


def heard(brain: SchedulerBrain, worker: WorkerRecord, said: task_pb2.TaskOutput) -> None:
    """A task has said something on a worker."""
    part = task_pb2.TaskOutput()
    part.CopyFrom(said)  # as part of its batch it would keep all of that in memory
    part.worker = worker.name
    if len(part.text) > HALF_NBYTES:
        part.left_out += len(part.text) - HALF_NBYTES
        part.text = part.text[-HALF_NBYTES:]
    output = brain.output
    task = brain.books.tasks.get(part.key) if output.listeners else None
    for client in _listening(output, task) if task is not None else ():
        _tell(brain, client, part)
    output.keep(part)


def listen(brain: SchedulerBrain, client: ClientRecord, wanted: bool) -> None:
    """A client wants to be told what tasks say, or no longer."""
    if wanted:
        brain.output.listeners.setdefault(client, 0)
    else:
        brain.output.listeners.pop(client, None)


def _listening(output: Output, task: TaskRecord) -> dict[ClientRecord, None]:
    """Return those that listen and want a task, or something that depends on it."""
    found: dict[ClientRecord, None] = {}
    known, ahead = {task: None}, [task]
    while ahead and len(found) < len(output.listeners):
        each = ahead.pop()
        found.update((client, None) for client in each.wanted_by if client in output.listeners)
        for dependent in each.dependents or ():
            if len(known) >= LOOKED_AT_MAX:
                break
            if dependent not in known:
                known[dependent] = None
                ahead.append(dependent)
    return found


def _tell(brain: SchedulerBrain, client: ClientRecord, part: task_pb2.TaskOutput) -> None:
    """Pass a part on, unless the client is away or has enough to read as it is."""
    listeners = brain.output.listeners
    if client.missed is not None or brain.clients.is_behind(client.id):
        listeners[client] += len(part.text) + part.left_out
        return
    told = _after(part, listeners[client])
    listeners[client] = 0
    brain.clients.to(client.id, told.ByteSize()).output.append(told)


def _after(part: task_pb2.TaskOutput, left_out: int) -> task_pb2.TaskOutput:
    """Return a part before which more is left out."""
    copy = task_pb2.TaskOutput()
    copy.CopyFrom(part)
    copy.left_out += left_out
    return copy


def _goes_on(part: task_pb2.TaskOutput, following: task_pb2.TaskOutput) -> bool:
    """Whether two parts can be made one."""
    is_same = (part.attempt, part.stream, part.worker) == (
        following.attempt,
        following.stream,
        following.worker,
    )
    return is_same and not following.left_out
