"""The scheduler's brain: messages and the time in; `workers`, `clients` and `deadline` out.

One method for each thing that can happen. Each notes facts, settles all that follows from them,
then takes decisions on books that agree, and settles again. A peer's mistake is skipped and noted
among the events, never an exception; an exception here is a bug of ours.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from gdistributed.core.agenda import Agenda
from gdistributed.core.outbox import Outbox
from gdistributed.core.scheduler import (
    abandoned,
    ahead,
    holders,
    inventory,
    liveness,
    loss,
    pieces,
    placement,
    reach,
    replicas,
    stealing,
    suspects,
    wants,
)
from gdistributed.core.scheduler.activity import Activity
from gdistributed.core.scheduler.books import Books
from gdistributed.core.scheduler.estimates import Bandwidths
from gdistributed.core.scheduler.events import Events
from gdistributed.core.scheduler.hearing import hear_client, hear_worker
from gdistributed.core.scheduler.offers import decodes_of
from gdistributed.core.scheduler.output import Output
from gdistributed.core.scheduler.paths import FROM, Path
from gdistributed.core.scheduler.records import (
    ClientRecord,
    Death,
    Departure,
    TaskRecord,
    WorkerRecord,
)
from gdistributed.core.scheduler.releases import Releases
from gdistributed.core.scheduler.states import (
    FORGOTTEN,
    MEMORY,
    State,
)
from gdistributed.core.scheduler.transitions import TRANSITIONS, next_state
from gdistributed.core.session import Session, Sessions
from gdistributed.errors import InvariantBroken, MalformedMessage, NameTaken
from gdistributed.settings import NS, OWN_RESULTS, SchedulerSettings
from gdistributed.v1 import nanny_pb2, scheduler_pb2, task_pb2, worker_pb2

# An attempt is the epoch above and the count of hand-outs below (RunTask.attempt).
EPOCH_SHIFT = 40
# What a task costs a worker beside its run time; no task is expected to take less.
OVERHEAD_NS = 100_000


class SchedulerBrain:
    """Decides what runs where and when. Call one event method at a time.

    Parameters
    ----------
    settings
        How to decide.
    epoch
        Given by the Center; attempts of a later epoch are newer than all of an earlier one.

    Attributes
    ----------
    books
        All records.
    workers, clients
        Open batches for the streams; `fresh` names the links to wake.
    worker_sessions, client_sessions
        The sessions with those who have a stream, or had one until a while ago.
    departed
        Workers that are gone, by id: whoever carries their streams ends them, and clears this.
    agenda
        What is to be done at a later time.
    bandwidths
        How fast data moves between hosts.
    cuts
        Workers that got no answer from others lately.
    stranded_until
        When tasks whose data nobody reaches have another turn.
    moving
        Tasks that one worker has given back for another, on which they have not been begun yet.
    retiring
        Workers that are to leave once nothing is lost with them.
    done
        Tasks that are done or have failed, with holders that let them go then.
    warnings
        What people should know at once: a key, and a sentence. Whoever logs it clears it.
    deaths
        The last deaths of workers, by id: what a nanny finds out may come after the loss.
    locations
        Changes of who holds what, for a Center in another process; None when nobody asks.
    events
        What happened: of it the stories of tasks are made.
    activity
        What was run and moved lately.
    output
        What tasks have printed and logged.
    releases
        Results that nobody needs any more, and that are let go of a little later.
    reconsider
        Puts a task on the worklist: a fact about it has changed.
    """

    def __init__(self, settings: SchedulerSettings | None = None, epoch: int = 1) -> None:
        self.settings = settings or SchedulerSettings()
        self.books = Books()
        limit = self.settings.limits.batch_nbytes
        self.workers: Outbox[worker_pb2.ToWorker] = Outbox(worker_pb2.ToWorker, limit)
        self.clients: Outbox[scheduler_pb2.ToClient] = Outbox(scheduler_pb2.ToClient, limit)
        self.worker_sessions: Sessions[worker_pb2.ToWorker] = Sessions(worker_pb2.ToWorker)
        self.client_sessions: Sessions[scheduler_pb2.ToClient] = Sessions(scheduler_pb2.ToClient)
        self.departed: dict[str, Departure] = {}
        self.agenda = Agenda()
        self.events = Events()
        self.activity = Activity()
        self.output = Output(self.settings.output_nbytes)
        self.now = 0.0
        self.worker_numbers = 0
        self.epoch = epoch
        self.epoch_attempts = epoch << EPOCH_SHIFT
        self.deaths: OrderedDict[str, Death] = OrderedDict()
        self.bandwidths = Bandwidths(self.settings.bandwidth)
        self.moving: list[tuple[TaskRecord, WorkerRecord]] = []
        self.cuts: dict[tuple[WorkerRecord, WorkerRecord], reach.Cut] = {}
        self.stranded_until = 0.0
        self.retiring: dict[WorkerRecord, replicas.Retirement] = {}
        self.done: list[tuple[ClientRecord, TaskRecord]] = []
        self.warnings: list[tuple[str, str]] = []
        self.report: task_pb2.TaskFinished | None = None
        self.releases = Releases(self.settings.releases_at_once)
        self._worklist: deque[TaskRecord] = deque()
        self.reconsider: Callable[[TaskRecord], None] = self._worklist.append
        self._sessions_begun = 0

    # Workers

    def worker_connected(
        self, hello: worker_pb2.WorkerHello, now: float
    ) -> Session[worker_pb2.ToWorker]:
        """A worker has opened a stream: return the session that begins, or goes on, over it.

        Raises
        ------
        MalformedMessage, NameTaken
            As `worker_joined`.
        """
        self.now = now
        if (session := liveness.resume_worker(self, hello)) is None:
            worker = self.books.workers.get(hello.worker_id)
            if worker is None:
                worker = self.worker_joined(hello, now)
            else:
                liveness.expect_inventory(self, worker)
                if not hello.epoch:  # it never heard a welcome, so that it has nothing to bring
                    inventory.take_piece(self, worker, worker_pb2.Inventory(last=True))
            session = self.worker_sessions.begin(worker.id, self._session_id())
        self.decide()
        return session

    def worker_disconnected(self, worker_id: str, now: float) -> None:
        """A worker's stream broke without a goodbye."""
        self.now = now
        worker = self.books.workers.get(worker_id)
        if worker is None or not worker.is_connected:
            return
        if self.has_dismissed(worker_id):
            self.give_up_worker(worker, "retired", died=False)
        else:
            liveness.suspend_worker(self, worker)
        self.decide()

    def has_dismissed(self, worker_id: str) -> bool:
        """Whether a worker was told goodbye: then the end of its stream is its answer."""
        worker = self.books.workers.get(worker_id)
        retirement = None if worker is None else self.retiring.get(worker)
        return retirement is not None and retirement.is_told

    def worker_joined(self, hello: worker_pb2.WorkerHello, now: float) -> WorkerRecord:
        """Enter a worker.

        Raises
        ------
        MalformedMessage
            If the hello lacks an id, an address or threads.
        NameTaken
            If another worker that has a stream has this name.
        """
        self.now = now
        if not (hello.worker_id and hello.address and hello.nthreads):
            raise MalformedMessage(
                "the hello of a worker needs worker_id, address and nthreads"
            ).with_reason("BAD_HELLO")
        name = hello.name or hello.address
        other = self.books.names.get(name)
        if other is not None and not other.is_connected:
            self.give_up_worker(other, "another process took its name")
        elif other is not None:
            raise NameTaken(
                f"a worker named {name!r} is in the cluster already, at {other.address}: "
                f"give another name, or wait until it has left"
            )
        self.worker_numbers += 1
        worker = WorkerRecord(
            id=hello.worker_id,
            number=self.worker_numbers,
            name=name,
            address=hello.address,
            data_address=hello.data_address or hello.address,
            host=hello.host,
            nthreads=hello.nthreads,
            hello=hello,
            decodes=decodes_of(hello),
            memory_limit_nbytes=hello.memory_limit_nbytes,
            last_seen=now,
            waits_for_runs=OWN_RESULTS in hello.software.capabilities,
        )
        abandoned.set_room(self, worker)
        self.books.add_worker(worker)
        self.events.note(now, "worker", name, "", "joined", detail=hello.address)
        self.departed.pop(worker.id, None)
        if hello.epoch:
            liveness.expect_inventory(self, worker)
        liveness.watch_worker(self, worker)
        self._tell_worker_count()
        loss.find_work_for(self, worker)
        self.decide()
        return worker

    def on_worker(self, worker_id: str, batch: worker_pb2.FromWorker, now: float) -> None:
        """Take in one batch of a worker, kind by kind in the order of the field numbers."""
        self.now = now
        worker = self.books.workers.get(worker_id)
        if worker is None:
            self.events.remark(now, worker_id, "a message of a worker that is not known, skipped")
            return
        liveness.heard_of(self, worker)
        hear_worker(self, worker, batch)
        self.decide()

    def worker_lost(self, worker_id: str, cause: str, now: float, died: bool = True) -> None:
        """A worker is gone: by its death, or by its goodbye when `died` is False."""
        self.now = now
        worker = self.books.workers.get(worker_id)
        if worker is not None:
            self.give_up_worker(worker, cause, died)
            self.decide()

    def worker_exited(self, exit: nanny_pb2.WorkerExit, now: float) -> None:
        """A nanny says that its worker's process has ended, and how."""
        self.now = now
        loss.note_exit(self, exit)
        self.decide()

    def give_up_worker(
        self,
        worker: WorkerRecord,
        cause: str,
        died: bool = True,
        exit: nanny_pb2.WorkerExit | None = None,
    ) -> None:
        """Do without a worker; what follows is not settled yet."""
        self.events.note(self.now, "worker", worker.name, "", "left", detail=cause)
        self.worker_sessions.end(worker.id)
        self.departed[worker.id] = Departure(worker.name, cause)
        loss.lose_worker(self, worker, cause, died, exit)
        self._tell_worker_count()

    # Clients

    def client_connected(
        self, hello: scheduler_pb2.ClientHello, now: float
    ) -> Session[scheduler_pb2.ToClient]:
        """A client has opened a stream: return the session that begins, or goes on, over it.

        Raises
        ------
        MalformedMessage
            As `client_joined`.
        """
        self.now = now
        if (session := liveness.resume_client(self, hello)) is None:
            client = self.books.clients.get(hello.client_id)
            if client is None:
                client = self.client_joined(hello, now)
            else:
                liveness.begin_client_again(self, client)
                self._count_workers_for(client)
            session = self.client_sessions.begin(client.id, self._session_id())
        return session

    def client_disconnected(self, client_id: str, now: float) -> None:
        """A client's stream broke without a goodbye."""
        self.now = now
        client = self.books.clients.get(client_id)
        if client is not None and client.is_live:
            liveness.suspend_client(self, client)

    def client_joined(self, hello: scheduler_pb2.ClientHello, now: float) -> ClientRecord:
        """Enter a client.

        Raises
        ------
        MalformedMessage
            If the hello lacks an id.
        """
        self.now = now
        if not hello.client_id:
            raise MalformedMessage("the hello of a client needs a client_id").with_reason(
                "BAD_HELLO"
            )
        client = ClientRecord(
            id=hello.client_id,
            name=hello.name or hello.client_id,
            host=hello.host,
            connected=True,
            software=hello.software,
            is_returning=bool(hello.resume.session_id),
        )
        self.books.clients[client.id] = client
        self.events.note(now, "client", client.name, "", "joined")
        self._count_workers_for(client)
        return client

    def on_client(self, client_id: str, batch: scheduler_pb2.FromClient, now: float) -> None:
        """Take in one batch of a client, kind by kind in the order of the field numbers."""
        self.now = now
        client = self.books.clients.get(client_id)
        if client is None:
            return
        hear_client(self, client, batch)
        self.decide()

    def take_for_client(self, client_id: str) -> scheduler_pb2.ToClient | None:
        """Return the next batch for a client, or None.

        That its graphs were accepted is said with whatever goes out next: it is worth no message
        of its own, which would wake a third process in the middle of a round trip.
        """
        batch = self.clients.take(client_id)
        client = self.books.clients.get(client_id)
        if client is None:
            return batch
        if batch is None and client.missed is not None and client.is_live:
            batch = liveness.tell_missed(self, client)
        if batch is not None:
            batch.graphs_accepted = client.graphs_accepted
        return batch

    def client_gone(self, client_id: str, cause: str, now: float) -> None:
        """A client is gone, and wants nothing more."""
        self.now = now
        client = self.books.clients.get(client_id)
        if client is None:
            return
        self.events.note(now, "client", client.name, "", "left", detail=cause)
        pieces.give_up_all(self, client, cause)
        wants.release(self, client, [task.key for task in client.wants])
        del self.books.clients[client_id]
        self.output.listeners.pop(client, None)
        self.client_sessions.end(client_id)
        self.clients.drop(client_id)
        self.decide()

    # Time

    @property
    def deadline(self) -> float | None:
        """When `on_time` is to be called at the latest."""
        return self.agenda.deadline

    def on_time(self, now: float) -> None:
        """Do what has come due."""
        self.now = now
        self.agenda.act(now)
        self.decide()

    # Facts, then decisions

    def transition(self, task: TaskRecord, target: State) -> None:
        """Take one edge."""
        path = FROM[task.state].then[target]
        self._note(task, path, self._take(task, target))

    def settle(self) -> None:
        """Take every edge that follows from the facts, but for releases if there are many."""
        worklist = self._worklist
        while worklist:
            task = worklist.popleft()
            state = task.state
            if state is FORGOTTEN or (target := next_state(task)) is state:
                continue
            if state is MEMORY and self.releases.postpone(task):
                continue
            path = FROM[state].then[target]
            worker = self._take(task, target)
            while target is not FORGOTTEN and (further := next_state(task)) is not target:
                target = further
                path = path.then[target]
                self._take(task, target)
            self._note(task, path, worker)

    def _take(self, task: TaskRecord, target: State) -> str:
        """Take an edge, and return the name of the worker that takes part; empty for none."""
        origin = task.state
        edge = TRANSITIONS.get((origin, target))
        if edge is None:
            raise InvariantBroken(f"no edge leads from {origin} to {target}: {task.key!r}")
        task.state = target
        prefix = task.template.prefix if task.template is not None else self.books.data
        counts = prefix.counts
        counts[origin] -= 1
        counts[target] += 1
        edge(self, task)
        if task.processing_on is not None:
            return task.processing_on.name
        return task.who_has[-1].name if task.who_has else ""

    def _note(self, task: TaskRecord, path: Path, worker: str) -> None:
        prefix = task.template.prefix.name if task.template is not None else ""
        self.events.step(self.now, task.key, path, worker, prefix)

    def decide(self) -> None:
        """Settle, then hand out what is ready to those that have room."""
        self.events.trim()
        self.activity.trim()
        self.settle()
        if self.done:
            holders.let_go(self)
            self.settle()
        freed = self.books.freed
        while freed:
            worker = next(iter(freed))
            del freed[worker]
            if worker.reserved_for is not None:
                suspects.begin_reserved(self, worker)
            placement.regain_room(worker, self.settings)
            if worker.processing:
                self.books.followed[worker] = None
        if self.retiring:
            replicas.advance(self)
        if self.moving:
            stealing.hand_over(self)
        placement.hand_out(self)
        if self.books.followed:
            ahead.hand_out(self)
        if self.books.dry and self.books.loaded:
            stealing.balance(self)
        self.settle()
        self.releases.end_event(self)
        if self.clients.overfull:
            liveness.note_slow_clients(self)

    def expected_ns(self, task: TaskRecord) -> int:
        """Return how long a task is expected to keep a thread."""
        assert task.template is not None
        learned = task.template.prefix.duration_ns
        if not learned:
            return int(self.settings.unknown_duration_s * NS)
        return max(int(learned), OVERHEAD_NS)

    def _session_id(self) -> str:
        self._sessions_begun += 1
        return f"{self.epoch}/{self._sessions_begun}"

    def _tell_worker_count(self) -> None:
        for client in self.books.clients.values():
            self._count_workers_for(client)

    def _count_workers_for(self, client: ClientRecord) -> None:
        if client.connected:
            count = self.clients.to(client.id).workers
            count.count = len(self.books.workers)
            count.nthreads = self.books.nthreads
