"""What was run and moved lately, for those who draw the cluster: each by itself, and sums.

Sums of times in a state need no time kept with any task: the time is subtracted as a task enters
the state and added as it leaves, so that the tasks that are in it are what the sum lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Final, NamedTuple

from gdistributed.core.grouped import Grouped
from gdistributed.core.numbered import Numbered
from gdistributed.core.scheduler.states import PROCESSING, QUEUED
from gdistributed.settings import NS
from gdistributed.v1 import task_pb2, worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import PrefixRecord, TaskRecord, WorkerRecord

RUNS_KEPT: Final = 20_000
TRANSFERS_KEPT: Final = 20_000


class Run(NamedTuple):
    """A run that has ended: when, of what, where; times in nanoseconds, size of the result.

    Attributes
    ----------
    now
        When its report came, in seconds of the brain's clock.
    fetch_ns, wait_ns
        How long it waited on the worker for data, and then for a thread.
    failed
        1 when it raised, else 0.
    type
        Of the result; empty when there is none.
    """

    now: float
    prefix: str
    worker: str
    key: str
    run_ns: int
    fetch_ns: int
    wait_ns: int
    nbytes: int
    failed: int
    type: str


class Moved(NamedTuple):
    """A call by which a worker fetched values from a peer; both by name.

    Attributes
    ----------
    now
        When it ended, in seconds of the brain's clock.
    """

    now: float
    worker: str
    peer: str
    values: int
    nbytes: int
    duration_ns: int
    shared: bool


# The fields of a run from its key on, without those of the group.
Row = tuple[str, int, int, int, int, int, str]
# Runs that ended at once, of one prefix and on one worker, as they are kept: these, the number of
# the first, when they ended, the prefix and the worker.
RunLine = tuple[list[Row], int, float, str, str]
CLOSED: Final[RunLine] = ([], 0, nan, "", "")
# Its fields in their order.
TransferLine = tuple[float, str, str, int, int, int, bool]


@dataclass(slots=True)
class TransferSums:
    """What was moved in one way since the start.

    Attributes
    ----------
    calls, values, nbytes, duration_ns
        How many calls, what they brought, and how long they took.
    duration_counts, nbytes_counts
        Calls by the number of bits of their time in nanoseconds, and of their size in bytes.
    """

    calls: int = 0
    values: int = 0
    nbytes: int = 0
    duration_ns: int = 0
    duration_counts: dict[int, int] = field(default_factory=dict)
    nbytes_counts: dict[int, int] = field(default_factory=dict)

    def add(self, values: int, nbytes: int, duration_ns: int) -> None:
        """Let a call count."""
        self.calls += 1
        self.values += values
        self.nbytes += nbytes
        self.duration_ns += duration_ns
        bits, counts = duration_ns.bit_length(), self.duration_counts
        counts[bits] = counts.get(bits, 0) + 1
        bits, counts = nbytes.bit_length(), self.nbytes_counts
        counts[bits] = counts.get(bits, 0) + 1


class Runs(Grouped[RunLine]):
    """The runs that are kept.

    Parameters
    ----------
    kept
        So many are kept at least.
    """

    def __init__(self, kept: int = RUNS_KEPT) -> None:
        super().__init__(kept, CLOSED)

    def add(self, now: float, prefix: str, worker: str, row: Row) -> None:
        """Add a run: to those that just ended, if it is alike."""
        line = self.latest
        if line[3] is prefix and line[4] is worker and line[2] is now:
            line[0].append(row)
        else:
            self.open(([row], self.close(), now, prefix, worker))

    def after(self, number: int) -> Iterator[Run]:
        """Yield what is kept after a number, oldest first, each by itself."""
        for rows, _, now, prefix, worker in self.since(number + 1):
            for row in rows:
                yield Run(now, prefix, worker, *row)


class Activity:
    """The runs and transfers that are kept, these as plain tuples with the fields of their type.

    Attributes
    ----------
    sent, shared
        Sums of all transfers over the network, and by shared memory.
    """

    def __init__(self) -> None:
        self.sent, self.shared = TransferSums(), TransferSums()
        self.runs = Runs()
        self.transfers: Numbered[TransferLine] = Numbered(TRANSFERS_KEPT)

    def trim(self) -> None:
        """Forget the oldest."""
        self.runs.trim()
        self.transfers.trim()


def note_run(
    brain: SchedulerBrain,
    task: TaskRecord,
    worker: WorkerRecord,
    report: task_pb2.TaskFinished | task_pb2.TaskErred,
    nbytes: int,
    failed: int = 0,
    of_type: str = "",
) -> None:
    """Note a run that has ended, with a result of a size and a type or without one."""
    assert task.template is not None
    prefix, run_ns = task.template.prefix, report.run_ns
    fetch_ns, wait_ns = report.fetch_ns, report.wait_ns
    if failed:
        prefix.failed += 1
    else:
        prefix.finished += 1
    prefix.run_ns += run_ns
    prefix.fetch_ns += fetch_ns
    prefix.wait_ns += wait_ns
    prefix.result_nbytes += nbytes
    bits = run_ns.bit_length()
    prefix.run_counts[bits] = prefix.run_counts.get(bits, 0) + 1
    row = task.key, run_ns, fetch_ns, wait_ns, nbytes, failed, of_type
    brain.activity.runs.add(brain.now, prefix.name, worker.name, row)


def note_transfer(
    brain: SchedulerBrain, worker: WorkerRecord, transfer: worker_pb2.Transfer
) -> None:
    """Note a call by which a worker fetched values from a peer."""
    peer = brain.books.workers.get(transfer.worker_id)
    sums = brain.activity.shared if transfer.shared else brain.activity.sent
    sums.add(transfer.values, transfer.nbytes, transfer.duration_ns)
    brain.activity.transfers.append(
        (
            brain.now - transfer.ended_ns / NS,
            worker.name,
            transfer.worker_id if peer is None else peer.name,
            transfer.values,
            transfer.nbytes,
            transfer.duration_ns,
            transfer.shared,
        )
    )


def queued_ns(prefix: PrefixRecord, now: float) -> int:
    """Return how long tasks of a prefix waited at the scheduler while they were ready."""
    return max(int((prefix.queued_s + prefix.counts[QUEUED] * now) * NS), 0)


def handed_ns(prefix: PrefixRecord, now: float) -> int:
    """Return how long tasks of a prefix have been with workers, until their reports came."""
    return max(int((prefix.handed_s + prefix.counts[PROCESSING] * now) * NS), 0)
