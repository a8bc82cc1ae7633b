"""What the scheduler knows of tasks, workers, clients, and what tasks have in common.

A record holds facts and answers questions about itself; `books` alone adds and removes what ties
records together. Collections that most tasks never need are made on first use, and the tuple that
names one worker or one client is shared by all tasks that it is the only one for: a held task has
to cost less than a kilobyte.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gdistributed.core.scheduler.arrivals import Arrivals
from gdistributed.core.scheduler.states import FORGOTTEN, RELEASED, State

if TYPE_CHECKING:
    from gdistributed.errors import BadGraph
    from gdistributed.v1 import error_pb2, nanny_pb2, server_pb2, task_pb2, worker_pb2


@dataclass(slots=True, eq=False)
class TaskRecord:
    """One task.

    Attributes
    ----------
    key
        Its name, and that of its result.
    template
        What it has in common with others; None for data that a client has put on a worker.
    rank
        Lower runs sooner: graph by graph and in each by its order, all of it below or above zero
        by the user's priority.
    arguments
        A serialised Arguments message, passed on unread.
    born
        The last attempt that was given out before the task was entered: its own are newer.
    dependencies
        Tasks whose results it needs.
    dependents
        Tasks that need its result, in the order in which they came; None for none.
    state
        Where it stands.
    waiting_on
        While active: how many of its dependencies are not in memory.
    waiters
        How many active tasks depend on it; and one for each graph whose tasks have not all come.
    wanted_by
        Clients and holders that want its result.
    processing_on
        Worker to which it was handed.
    attempt
        Number of its last hand-out.
    expected_ns, expected_nbytes
        Run time and size of the result that were expected when it was handed out.
    who_has
        Workers that hold its result.
    nbytes
        Size of its result, estimated by the worker.
    type
        Type of its result, for people.
    value
        Its result as a serialised Payload, when it is small and the scheduler keeps it.
    failures
        How often it failed and was run again.
    deaths
        The deaths of workers that were executing it; a task with one is run alone.
    error
        Why it has no result.
    """

    key: str
    template: TemplateRecord | None
    rank: int = 0
    arguments: bytes = b""
    born: int = 0
    dependencies: tuple[TaskRecord, ...] = ()
    dependents: dict[TaskRecord, None] | None = None
    state: State = RELEASED
    waiting_on: int = 0
    waiters: int = 0
    wanted_by: tuple[ClientRecord, ...] = ()
    processing_on: WorkerRecord | None = None
    attempt: int = 0
    expected_ns: int = 0
    expected_nbytes: int = 0
    who_has: tuple[WorkerRecord, ...] = ()
    nbytes: int = 0
    type: str = ""
    value: bytes = b""
    failures: int = 0
    deaths: tuple[Death, ...] = ()
    error: error_pb2.TaskError | None = None

    @property
    def is_needed(self) -> bool:
        """Whether a client wants it or an active task depends on it."""
        return bool(self.wanted_by or self.waiters)

    @property
    def prefix(self) -> str:
        """The name of its kind; empty for data."""
        return self.template.prefix.name if self.template is not None else ""

    @property
    def is_actor(self) -> bool:
        """Whether its result is an instance that lives on one worker."""
        return self.template is not None and self.template.message.actor

    def __repr__(self) -> str:
        return f"<task {self.key!r} {self.state}>"


class Departure(NamedTuple):
    """A worker that is gone.

    Attributes
    ----------
    name
        Of the worker.
    cause
        Why, in words.
    """

    name: str
    cause: str


@dataclass(slots=True, eq=False)
class Death:
    """How a worker died, as far as it is known; shared by all tasks that are blamed for it.

    Attributes
    ----------
    worker, address
        Who died.
    cause
        What the scheduler saw.
    exit
        What the worker's nanny found; None when there was none, or it has not been heard.
    """

    worker: str
    address: str
    cause: str
    exit: nanny_pb2.WorkerExit | None = None


@dataclass(slots=True, eq=False)
class WorkerRecord:
    """One incarnation of a worker.

    Attributes
    ----------
    number
        Short name of it on all streams of this scheduler.
    nthreads, threads
        How many tasks it runs at once; how many of these are not abandoned ones.
    abandoned, abandoned_at
        How many of its runs go on though nobody wants them, and when the last was given up.
    address, data_address
        Where its server is, and where its values are served: most often the same.
    decodes
        Codecs that it reads; None for whatever comes.
    processing
        Tasks handed to it, in the order of their hand-out, but for those that have seceded.
    has
        Tasks whose results it holds.
    held_nbytes
        Size of these results.
    arrivals
        What is on its way to it.
    occupancy_ns, expected_nbytes
        Expected run time of all that it was handed, and size of what will come of it.
    requirements
        What it can satisfy; tasks wait by these.
    templates, functions, peers
        What was announced to it.
    waits_for_runs
        Whether it can be handed what needs the result of a run that it has not ended.
    ahead_ns, ahead_tasks
        It is handed tasks ahead while those that it has are expected to take less than this
        together, or are fewer.
    resources_used
        How much of each of its resources is booked.
    alone
        The tuple of itself, shared by all tasks that it alone holds.
    takes_tasks
        Whether it may be handed tasks now; see `liveness`.
    is_connected, is_responsive
        Whether it has a stream, and whether its loop has been heard of lately.
    inventory
        What it has said so far of what it brought back; None when nothing is expected.
    brought
        Data that a client put there after that inventory was asked for: it may be missing in it.
    lost_at
        When it is given up, unless it comes back; only while it has no stream.
    started
        Tasks that it said it has begun, of those in `processing`; short ones are not announced.
    seceded
        Tasks that run on it and have left their threads to others: they take no room.
    rejoined
        Tasks in `processing` that had left their threads and hold one again.
    busy_since
        When it ended a task last, or was handed one while it had none.
    revoked
        Tasks that it was asked to give back and has not answered for, each with the worker that is
        to run it instead; None for any.
    reserved_for
        A task that is to be alone on it: that runs here, or that waits until all else has ended.
    """

    id: str
    number: int
    name: str
    address: str
    data_address: str
    host: str
    nthreads: int
    hello: worker_pb2.WorkerHello
    decodes: frozenset[str] | None = None
    memory_limit_nbytes: int = 0
    status: int = 1
    last_seen: float = 0.0
    waits_for_runs: bool = False
    ahead_ns: float = 0.0
    ahead_tasks: int = 0
    threads: int = 0
    abandoned: int = 0
    abandoned_at: float = 0.0
    metrics: worker_pb2.WorkerMetrics | None = None
    processing: dict[TaskRecord, None] = field(default_factory=dict)
    has: dict[TaskRecord, None] = field(default_factory=dict)
    held_nbytes: int = 0
    arrivals: Arrivals = field(default_factory=Arrivals)
    occupancy_ns: int = 0
    expected_nbytes: int = 0
    requirements: dict[RequirementRecord, None] = field(default_factory=dict)
    templates: set[int] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    peers: set[int] = field(default_factory=set)
    resources_used: dict[str, float] = field(default_factory=dict)
    alone: tuple[WorkerRecord, ...] = ()
    takes_tasks: bool = True
    is_connected: bool = True
    is_responsive: bool = True
    inventory: worker_pb2.Inventory | None = None
    brought: dict[TaskRecord, None] = field(default_factory=dict)
    lost_at: float = 0.0
    started: dict[TaskRecord, None] = field(default_factory=dict)
    seceded: dict[TaskRecord, None] = field(default_factory=dict)
    rejoined: dict[TaskRecord, None] = field(default_factory=dict)
    busy_since: float = 0.0
    revoked: dict[TaskRecord, WorkerRecord | None] = field(default_factory=dict)
    reserved_for: TaskRecord | None = None

    def __post_init__(self) -> None:
        self.alone, self.threads = (self,), self.nthreads

    @property
    def is_open(self) -> bool:
        """Whether it may be handed any task now: it takes tasks, and is not kept for one."""
        return self.takes_tasks and self.reserved_for is None

    def __repr__(self) -> str:
        return f"<worker {self.name!r} at {self.address}>"


@dataclass(slots=True, eq=False)
class Crowd:
    """Workers that want one result, more than its holders serve. It is there while somebody waits.

    Attributes
    ----------
    waiting
        Workers to which all holders of which they know were crowded, in the order in which they
        said so.
    room
        Holders that may have room, and for how many.
    sent
        Workers that were sent to a holder and have not got it yet, and the holder.
    """

    waiting: dict[WorkerRecord, None] = field(default_factory=dict)
    room: dict[WorkerRecord, int] = field(default_factory=dict)
    sent: dict[WorkerRecord, WorkerRecord] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class OpenGraph:
    """A graph that comes in pieces, until it has come whole and what it wants is known.

    Attributes
    ----------
    first_rank
        Rank of its first task; the same for all priorities.
    awaited
        Its tasks, which are needed until so many that depend on them have come; 0: until all has.
    complete
        Tasks whose dependents have all come.
    error
        Why it is refused, which its last piece is answered with.
    is_whole
        Whether the last piece has just come.
    """

    first_rank: int = 0
    awaited: dict[TaskRecord, int] = field(default_factory=dict)
    complete: list[TaskRecord] = field(default_factory=list)
    error: BadGraph | None = None
    is_whole: bool = False


@dataclass(slots=True, eq=False)
class ClientRecord:
    """A client, or a holder that wants keys under a name of its own.

    Attributes
    ----------
    id
        The client's incarnation, or the holder's name ("dataset:flights").
    wants
        Tasks whose results it wants.
    connected
        Whether it is a client, which is told what becomes of its keys; a holder is not.
    is_live
        Whether it has a stream now.
    is_returning
        Whether it comes from a session that is gone, and has not said yet all that it wants.
    missed
        Tasks of which it was not told, since it has no stream or does not take its mail; it is told
        where they stand when it does. None while it is told at once.
    gone_at
        When it is given up, unless it comes back; only while it has no stream.
    graphs_accepted
        Number of the last graph that was accepted or refused.
    templates
        Templates by the numbers that the client gave them.
    functions
        Functions that the client announced.
    arrived
        Tasks that have just come.
    open_graphs
        Graphs that come in pieces, by the number of the first piece.
    until_done
        A holder that lets each task go when it is in memory or has failed.
    next_rank
        Rank of the first task of the next graph; the same for all priorities.
    expires
        When a holder's wants end; None for never.
    alone
        The tuple of itself, shared by all tasks that it alone wants.
    """

    id: str
    name: str
    host: str = ""
    connected: bool = False
    wants: dict[TaskRecord, None] = field(default_factory=dict)
    graphs_accepted: int = 0
    templates: dict[int, TemplateRecord] = field(default_factory=dict)
    functions: dict[str, task_pb2.Function] = field(default_factory=dict)
    peers: set[int] = field(default_factory=set)
    software: server_pb2.Software | None = None
    arrived: list[TaskRecord] = field(default_factory=list)
    until_done: bool = False
    open_graphs: dict[int, OpenGraph] = field(default_factory=dict)
    next_rank: int = 0
    expires: float | None = None
    is_live: bool = True
    is_returning: bool = False
    missed: OrderedDict[TaskRecord, None] | None = None
    gone_at: float = 0.0
    alone: tuple[ClientRecord, ...] = ()

    def __post_init__(self) -> None:
        self.alone = (self,)

    def __repr__(self) -> str:
        return f"<client {self.name!r}>"


@dataclass(slots=True, eq=False)
class PrefixRecord:
    """What was learned of one kind of task, and what has become of its tasks.

    Attributes
    ----------
    duration_ns
        Run time, exponentially weighted; 0 until one has run.
    nbytes
        Size of its results, exponentially weighted.
    counts
        Tasks by state; of the state forgotten, those that ever came to it.
    finished, failed
        Runs that had a result, and that raised.
    run_ns, fetch_ns, wait_ns
        How long all runs ran, and waited on workers for data and for a thread.
    result_nbytes
        Size of all results.
    run_counts
        Runs by the number of bits of their time in nanoseconds.
    queued_s, handed_s
        Sums of which the times in the states queued and processing are made; see `activity`.
    """

    name: str
    duration_ns: float = 0.0
    nbytes: int = 0
    counts: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    finished: int = 0
    failed: int = 0
    run_ns: int = 0
    fetch_ns: int = 0
    wait_ns: int = 0
    result_nbytes: int = 0
    run_counts: dict[int, int] = field(default_factory=dict)
    queued_s: float = 0.0
    handed_s: float = 0.0

    def tasks(self) -> dict[State, int]:
        """Count the tasks that are known now, by state; without states in which there are none."""
        counts = self.counts.items()
        return {state: count for state, count in counts if count and state is not FORGOTTEN}


@dataclass(slots=True, eq=False)
class RequirementRecord:
    """What a worker must have for a group of tasks, and the tasks of that group that are ready.

    Attributes
    ----------
    runtime
        Runtime of the function.
    function_name
        Name that the worker must offer; empty for code, and for what Python imports.
    workers
        Names, addresses or hosts, one of which must be the worker's; empty means any.
    resources
        Amounts that a task holds while it is processing.
    requires
        Capabilities of the worker.
    is_announced
        Whether a worker had announced the function: then those that try any name do not count.
    eligible
        Workers that satisfy it.
    idle
        Those of them that may have room; the next to be asked first. Others are never here.
    queue
        A heap of (rank, number, task); an entry whose task is no longer queued is stale.
    stale
        How many entries are stale.
    unrunnable
        Tasks in the state no_worker, with the time since when.
    is_warned_of
        Whether it was said that no worker that is here satisfies it.
    """

    runtime: str
    function_name: str
    workers: tuple[str, ...]
    resources: tuple[tuple[str, float], ...]
    requires: tuple[str, ...]
    is_announced: bool = False
    eligible: dict[WorkerRecord, None] = field(default_factory=dict)
    idle: OrderedDict[WorkerRecord, None] = field(default_factory=OrderedDict)
    queue: list[tuple[int, int, TaskRecord]] = field(default_factory=list)
    stale: int = 0
    unrunnable: dict[TaskRecord, float] = field(default_factory=dict)
    is_warned_of: bool = False


@dataclass(slots=True, eq=False)
class TemplateRecord:
    """What many tasks have in common.

    Attributes
    ----------
    number
        Its id on the workers' streams.
    message
        The template as workers are told it.
    functions
        The function that the tasks run, and those that their arguments refer to.
    preferred
        Names, addresses or hosts of workers that are asked first.
    rank
        The part of a task's rank that comes from the user's priority.
    """

    number: int
    message: task_pb2.TaskTemplate
    functions: tuple[task_pb2.Function, ...]
    prefix: PrefixRecord
    requirement: RequirementRecord
    rank: int
    retries: int
    preferred: tuple[str, ...] = ()
