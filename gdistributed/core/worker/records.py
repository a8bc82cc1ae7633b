"""What the worker's brain remembers: runs of tasks, values, peers, and calls to peers.

A run is named by key and attempt, so that two runs of one task never meet: a run that was given up
ends as it likes, and nobody waits for it. A value is named by its key alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gdistributed.settings import NS
from gdistributed.v1 import error_pb2, task_pb2, worker_pb2


class State(StrEnum):
    """Where a run or a value stands."""

    # runs
    RECEIVED = "received"  # has come and was not looked at
    WAITING = "waiting"  # for values that are not here
    READY = "ready"  # all values are here; waits for a thread
    EXECUTING = "executing"  # given to the runtime
    ABANDONED = "abandoned"  # executing, and nobody wants the result
    ENDED = "ended"  # reported, given back or dropped
    # values
    KNOWN = "known"  # named, and neither here nor asked for
    QUEUED = "queued"  # waits for its turn to be asked for
    FETCHING = "fetching"  # asked for
    ARRIVING = "arriving"  # rode along with a task, and is being stored
    COMING = "coming"  # the result of a run that has not ended
    CROWDED = "crowded"  # its holders serve others with it now; is asked for again after a while
    MISSING = "missing"  # no holder gave it; the scheduler was told
    HELD = "held"  # here
    GONE = "gone"  # no longer here, or no longer wanted


RECEIVED: Final = State.RECEIVED
WAITING: Final = State.WAITING
READY: Final = State.READY
EXECUTING: Final = State.EXECUTING
ABANDONED: Final = State.ABANDONED
ENDED: Final = State.ENDED
KNOWN: Final = State.KNOWN
QUEUED: Final = State.QUEUED
FETCHING: Final = State.FETCHING
ARRIVING: Final = State.ARRIVING
COMING: Final = State.COMING
CROWDED: Final = State.CROWDED
MISSING: Final = State.MISSING
HELD: Final = State.HELD
GONE: Final = State.GONE

# No run is expected to be shorter.
RUN_NS_MIN: Final = 5_000


@dataclass(slots=True, eq=False)
class RunRecord:
    """One run of a task.

    Attributes
    ----------
    key, attempt
        Name of the run.
    task
        The message that handed it over.
    cost_ns
        The part of a thread's time ahead that it takes; see `WorkerBrain.slot_ns`.
    uses
        The values that it needs from the store; None when there are none.
    waiting_on
        How many of them are not here.
    error
        Why it failed without being run.
    follows
        It waits for results of other runs here, and for nothing else.
    has_seceded
        It executes and has left its thread to others.
    ready_at
        When it was received, or later, when the last of its values had come.
    fetch_ns
        How long it waited for values.
    """

    key: str
    attempt: int
    task: worker_pb2.RunTask
    cost_ns: int
    state: State = RECEIVED
    uses: list[DataRecord] | None = None
    waiting_on: int = 0
    error: error_pb2.TaskError | None = None
    follows: bool = False
    has_seceded: bool = False
    ready_at: float = 0.0
    fetch_ns: int = 0


def note_times(
    run: RunRecord, report: task_pb2.TaskFinished | task_pb2.TaskErred, now: float
) -> None:
    """Say in the report of a run how long it waited for data and for a thread."""
    if run.fetch_ns:
        report.fetch_ns = run.fetch_ns
    wait_ns = int((now - run.ready_at) * NS) - report.run_ns
    if wait_ns > 0:
        report.wait_ns = wait_ns


@dataclass(slots=True, eq=False, weakref_slot=True)
class DataRecord:
    """One value that is held, or wanted.

    Attributes
    ----------
    key
        Name of the value.
    nbytes
        Its size in memory, estimated.
    type
        Its type, for people; empty when not known.
    attempt
        The run that computed it here; 0 when it was put here or copied.
    put
        Number of the put that brought it here, while that is not claimed; otherwise 0.
    users
        How many runs that have not ended need it.
    is_freed
        The scheduler no longer wants it here: it goes with its last user.
    is_copied
        The scheduler wants it here, whether or not a run needs it.
    waiters
        Runs that wait for it, in the order in which they came; None when there are none.
    holders
        Peers that may still be asked for it; None when it was never asked for.
    refusals
        What the peers answered that were asked in vain.
    crowds
        Holders that serve others with it now; None when there are none.
    rests
        How often all of them did.
    peer, fetch
        The peer that it is queued at or asked from, and the call that asks.
    """

    key: str
    nbytes: int
    type: str = ""
    attempt: int = 0
    put: int = 0
    state: State = KNOWN
    users: int = 0
    is_freed: bool = False
    is_copied: bool = False
    waiters: dict[RunRecord, None] | None = None
    holders: dict[int, None] | None = None
    refusals: list[worker_pb2.MissingData] | None = None
    crowds: dict[int, None] | None = None
    rests: int = 0
    peer: PeerRecord | None = None
    fetch: Fetch | None = None


@dataclass(slots=True, eq=False)
class PeerRecord:
    """Another worker, from which values are fetched.

    Attributes
    ----------
    number
        Its number on the stream with the scheduler.
    worker_id, address, host
        Who and where it is.
    queue
        Values to be asked of it, in order.
    busy_nbytes
        Size of what is queued or on its way from it.
    calls
        How many calls to it are under way.
    refusals
        How often in a row it had no room for transfers.
    rests_until
        When it may be asked again.
    """

    number: int
    worker_id: str
    address: str
    host: str
    queue: dict[DataRecord, None]
    busy_nbytes: int = 0
    calls: int = 0
    refusals: int = 0
    rests_until: float = 0.0


@dataclass(slots=True, eq=False)
class Fetch:
    """One call to a peer, for values that it holds. The shell makes it and tells what came of it.

    Attributes
    ----------
    peer
        Whom to ask.
    wanted
        The values that were asked for and have not come yet, by key.
    """

    peer: PeerRecord
    wanted: dict[str, DataRecord]
