"""The worker's brain: messages and the time in; lanes and mail out.

After each event the shell empties the lanes in this order: `to_drop`, `to_store`, `to_cancel`,
`to_withdraw`, `to_fetch`, `to_run`; then it wakes the link for the mail in `outbox`. The brain
holds no values, only their keys and sizes. What a peer or the scheduler says wrongly is noted in
`story`; what cannot be by our own doing raises InvariantBroken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heappop
from typing import Final

from gdistributed.core.agenda import Agenda
from gdistributed.core.chance import Rarely, never
from gdistributed.core.outbox import Outbox
from gdistributed.core.worker.fetching import (
    ask_elsewhere,
    ask_later,
    begin_fetches,
    end_call,
    rest,
    take_stored,
)
from gdistributed.core.worker.hearing import hear_scheduler
from gdistributed.core.worker.inventory import drop_all, forget_numbers, take_inventory
from gdistributed.core.worker.memory import MemoryWatch
from gdistributed.core.worker.puts import book_put
from gdistributed.core.worker.records import (
    ABANDONED,
    ARRIVING,
    COMING,
    CROWDED,
    ENDED,
    EXECUTING,
    GONE,
    HELD,
    KNOWN,
    MISSING,
    QUEUED,
    READY,
    RUN_NS_MIN,
    DataRecord,
    Fetch,
    PeerRecord,
    RunRecord,
    State,
    note_times,
)
from gdistributed.core.worker.seceding import rejoin, secede
from gdistributed.core.worker.serving import Serving
from gdistributed.core.worker.transitions import TRANSITIONS
from gdistributed.errors import InvariantBroken
from gdistributed.settings import WorkerSettings
from gdistributed.v1 import error_pb2, task_pb2, worker_pb2

SCHEDULER: Final = "scheduler"
STORY_LENGTH: Final = 1000
ON_ITS_WAY: Final = (QUEUED, CROWDED, MISSING, ARRIVING, COMING)
RUNNING: Final = worker_pb2.WORKER_STATUS_RUNNING
PAUSED: Final = worker_pb2.WORKER_STATUS_PAUSED
CLOSING: Final = worker_pb2.WORKER_STATUS_CLOSING


class WorkerBrain:
    """Call one event method at a time, then empty the lanes.

    Parameters
    ----------
    nthreads
        How many tasks run at once.
    settings
        Bounds on what is fetched and on how far ahead threads are given work.
    memory_limit_nbytes
        Near which nothing new is begun; 0 means none.

    Attributes
    ----------
    to_drop
        Keys whose values are to be deleted.
    to_store
        Values that rode along with a task and are to be kept, each as key and serialised Payload;
        answered by `value_stored` or `value_broken`.
    to_cancel
        Runs that execute and are no longer wanted.
    to_withdraw
        Runs that are given back if no thread has begun them; answered by `run_withdrawn`.
    to_fetch
        Calls to make to peers.
    to_run
        Runs to give to the runtime.
    outbox
        Mail for the scheduler.
    rarely
        Takes rare choices, in the simulator only.
    moves
        Transitions, as key and states, for those who listen; None records none.
    memory, serving
        Whether there is room for more tasks, and for more that goes out to others.
    functions, templates, timeouts_s
        What was announced on the stream, by id; of some templates, how long a run may take.
    """

    def __init__(
        self, nthreads: int, settings: WorkerSettings, memory_limit_nbytes: int = 0
    ) -> None:
        self.nthreads = nthreads
        self.settings = settings
        self.slot_ns = max(int(settings.ahead_s * 1e9), RUN_NS_MIN)
        self.outbox: Outbox[worker_pb2.FromWorker] = Outbox(
            worker_pb2.FromWorker, settings.limits.batch_nbytes
        )
        self.to_drop: list[str] = []
        self.to_store: list[tuple[str, bytes]] = []
        self.to_cancel: list[RunRecord] = []
        self.to_withdraw: list[RunRecord] = []
        self.to_fetch: list[Fetch] = []
        self.to_run: list[RunRecord] = []
        self.moves: list[tuple[str, State, State]] | None = None
        self.story: deque[tuple[float, str, str]] = deque(maxlen=STORY_LENGTH)
        self.now = 0.0
        self.rarely: Rarely = never
        self.is_draining = False
        self.memory = MemoryWatch(memory_limit_nbytes, settings)
        self.serving = Serving(settings)
        self.agenda = Agenda()
        self.functions: dict[str, task_pb2.Function] = {}
        self.templates: dict[int, task_pb2.TaskTemplate] = {}
        self.timeouts_s: dict[int, float] = {}
        self.peers: dict[int, PeerRecord] = {}
        self.peers_to_ask: dict[PeerRecord, None] = {}
        self.runs: dict[str, RunRecord] = {}
        self.data: dict[str, DataRecord] = {}
        self.ready: list[tuple[int, int, RunRecord]] = []
        self.arrivals = self.puts = 0
        self.ready_count = 0
        self.fetching_count = 0
        self.fetching_nbytes = 0
        self.held_count = 0
        self.held_nbytes = 0
        self.abandoned: dict[tuple[str, int], RunRecord] = {}
        self.executing_count = 0
        self.load_ns = 0

    # ---- Events

    def on_scheduler(self, batch: worker_pb2.ToWorker, now: float) -> None:
        """Take a batch of the scheduler, kind by kind in the order of the protocol."""
        self.now = now
        hear_scheduler(self, batch)
        self._decide()

    def tasks_ended(
        self,
        finished: Iterable[task_pb2.TaskFinished],
        erred: Iterable[task_pb2.TaskErred],
        now: float,
        rescheduled: Iterable[worker_pb2.TaskAttempt] = (),
    ) -> None:
        """Runs are over. The values of those that `is_awaited` named are in the store."""
        self.now = now
        mail = self.mail_of_value
        for report in finished:
            run = self._running(report.key, report.attempt)
            if run is None:
                continue
            if run.state is EXECUTING:
                note_times(run, report, now)
                data = self.hold(run.key, report.nbytes, report.type)
                data.is_freed = False
                data.attempt = run.attempt
                mail(len(report.value)).finished.append(report)
                mail = self.mail  # nothing is said to be gone in between
            self.move(run, ENDED)
        for failure in erred:
            run = self._running(failure.key, failure.attempt)
            if run is None:
                continue
            if run.state is EXECUTING:
                note_times(run, failure, now)
                self.mail(failure.ByteSize()).erred.append(failure)
            self.move(run, ENDED)
        for name in rescheduled:
            run = self._running(name.key, name.attempt)
            if run is None:
                continue
            if run.state is EXECUTING:
                self.mail().rescheduled.append(name)
            self.move(run, ENDED)
        self._decide()

    def run_withdrawn(self, run: RunRecord, now: float, *, taken_back: bool) -> None:
        """The runtime says whether a run was taken back before it began."""
        self.now = now
        given_back = taken_back and run.state is EXECUTING
        if taken_back and run.state in (EXECUTING, ABANDONED):
            self.move(run, ENDED)
        self.mail().revoked.add(key=run.key, attempt=run.attempt, given_back=given_back)
        self._decide()

    def run_seceded(self, key: str, attempt: int, now: float, *, rejoins: bool) -> None:
        """A run that executes has left its thread, or takes one again."""
        self.now = now
        run = self.runs.get(key)
        if run is None or run.attempt != attempt:
            run = self.abandoned.get((key, attempt))
        if run is not None and run.state in (EXECUTING, ABANDONED):  # else it has ended meanwhile
            (rejoin if rejoins else secede)(self, run)
        self._decide()

    def memory_measured(self, nbytes: int, now: float, *, managed_nbytes: int = 0) -> bool:
        """Take a measurement of the process; say whether the worker has paused or resumed by it."""
        self.now = now
        has_changed = self.memory.measured(nbytes, managed_nbytes)
        if has_changed:
            self._decide()
        return has_changed

    def disk_changed(self, is_full: bool, now: float) -> bool:
        """The disk takes no more values, or does again; say as above what comes of it."""
        self.now = now
        has_changed = self.memory.disk_changed(is_full)
        if has_changed:
            self._decide()
        return has_changed

    def fetched(self, fetch: Fetch, arrived: Sequence[worker_pb2.StoredData], now: float) -> None:
        """Values that were asked for are in the store now."""
        self.now = now
        fetch.peer.refusals = 0
        for stored in arrived:
            take_stored(self, fetch, stored)
        self._decide()

    def fetch_lacked(self, fetch: Fetch, key: str, now: float) -> None:
        """The peer answered that it does not hold a value."""
        self.now = now
        data = fetch.wanted.get(key)
        if data is not None:
            ask_elsewhere(self, data, unreachable=False)
        self._decide()

    def fetch_crowded(self, fetch: Fetch, key: str, now: float) -> None:
        """The peer answered that it gives a value to others now."""
        self.now = now
        data = fetch.wanted.get(key)
        if data is not None:
            ask_later(self, data)
        self._decide()

    def fetch_failed(self, fetch: Fetch, key: str, error: error_pb2.TaskError, now: float) -> None:
        """A value cannot be encoded there, or decoded or stored here: all that need it fail."""
        self.now = now
        data = fetch.wanted.get(key)
        if data is not None:
            self.move(data, KNOWN)
            self._fail_users(data, error)
        self._decide()

    def fetch_ended(
        self, fetch: Fetch, now: float, *, unreachable: bool, is_busy: bool = False
    ) -> None:
        """A call is over; what has not come by now does not come by it.

        Parameters
        ----------
        unreachable
            The peer did not answer.
        is_busy
            It answered that it has no room for transfers now.
        """
        self.now = now
        end_call(self, fetch)
        if is_busy:
            unreachable = not rest(self, fetch)
        for data in list(fetch.wanted.values()):
            ask_elsewhere(self, data, unreachable=unreachable)
        self._decide()

    def data_put(self, stored: worker_pb2.StoredData, now: float) -> int:
        """A client or peer has put a value into the store; return the put's number."""
        self.now = now
        self.puts += 1
        book_put(self, stored, self.puts)
        self._decide()
        return self.puts

    def value_stored(self, stored: worker_pb2.StoredData, now: float) -> None:
        """A value that rode along is in the store now."""
        self.now = now
        data = self.data.get(stored.key)
        if data is not None and data.state is ARRIVING:
            self.hold(stored.key, stored.nbytes, stored.type)
            self.mail_of_value().stored.append(stored)
        self.drop_unless_held(stored.key)
        self._decide()

    def value_broken(self, key: str, error: error_pb2.TaskError, now: float) -> None:
        """A value that rode along cannot be decoded or stored."""
        self.now = now
        data = self.data.get(key)
        if data is not None and data.state is ARRIVING:
            self.move(data, KNOWN)
            self._fail_users(data, error)
        self._decide()

    def data_lost(self, key: str, now: float) -> None:
        """The store no longer has a value that it had: a mapping of the user's may forget."""
        self.now = now
        data = self.data.get(key)
        if data is not None and data.state is HELD:
            data.is_freed, data.put = True, 0
            self.release(data)
            self.mail().dropped.append(key)
        self._decide()

    def data_deleted(self, keys: Iterable[str], now: float) -> list[str]:
        """Somebody asks to drop values. Return those that are not in use, which are dropped."""
        self.now = now
        deleted = []
        for key in keys:
            data = self.data.get(key)
            if data is not None and data.state is HELD and not data.users:
                self.move(data, GONE)
                deleted.append(key)
        if deleted:
            self.mail().dropped.extend(deleted)
        return deleted

    def session_lost(self, now: float) -> None:
        """There has been no scheduler for too long: nothing of what was handed over counts."""
        self.now = now
        drop_all(self)
        self._decide()

    def session_began(
        self,
        unacknowledged: Iterable[worker_pb2.FromWorker],
        now: float,
        *,
        same_scheduler: bool,
    ) -> None:
        """A new session after one that is gone: say what is here and what runs.

        What was handed over and has not begun is given up without a word: it is not in the
        inventory, and the scheduler hands it out again.

        Parameters
        ----------
        unacknowledged
            What was said in the old session and perhaps never heard.
        same_scheduler
            Whether the numbers of templates and peers still mean the same.
        """
        self.now = now
        take_inventory(self, unacknowledged)
        if not same_scheduler:
            forget_numbers(self)
        self._decide()

    @property
    def deadline(self) -> float | None:
        """When `on_time` is to be called at the latest."""
        return self.agenda.deadline

    def on_time(self, now: float) -> None:
        """Do what has come due."""
        self.now = now
        self.agenda.act(now)
        self._decide()

    # ---- Questions

    def is_awaited(self, key: str, attempt: int) -> bool:
        """Say whether the result of a run is wanted; otherwise it is not to be stored."""
        run = self.runs.get(key)
        return run is not None and run.attempt == attempt and run.state is EXECUTING

    def is_wanted(self, data: DataRecord) -> bool:
        """Say whether a value that is not here is needed by a run or by the scheduler."""
        return data.users > 0 or data.is_copied

    @property
    def status(self) -> worker_pb2.WorkerStatus.ValueType:
        """What may be expected of the worker."""
        if self.is_draining:
            return CLOSING
        return PAUSED if self.memory.is_paused else RUNNING

    def executing(self) -> list[str]:
        """Return the keys of the tasks that were given to threads."""
        running = [run.key for run in self.runs.values() if run.state is EXECUTING]
        return running + [key for key, _ in self.abandoned]

    # ---- For the other files of this room

    def move(self, record: RunRecord | DataRecord, target: State) -> None:
        """Take a record to another state, with all that follows."""
        edge = TRANSITIONS.get((record.state, target))
        if edge is None:
            raise self.broken(record.key, f"there is no way from {record.state} to {target}")
        if self.moves is not None:
            self.moves.append((record.key, record.state, target))
        record.state = target
        edge(self, record)

    def mail(self, nbytes: int = 0) -> worker_pb2.FromWorker:
        """Return the open batch for the scheduler, to which about `nbytes` will be added."""
        return self.outbox.to(SCHEDULER, nbytes)

    def mail_of_value(self, nbytes: int = 0) -> worker_pb2.FromWorker:
        """Return the open batch, to say in it that a value is here: after all word of absence."""
        return self.outbox.after(SCHEDULER, "dropped", "missing", nbytes=nbytes)

    def take_mail(self) -> list[worker_pb2.FromWorker]:
        """Take all mail out of the outbox."""
        batches = []
        while (batch := self.outbox.take(SCHEDULER)) is not None:
            batches.append(batch)
        return batches

    def note(self, key: str, what: str) -> None:
        """Remember something odd."""
        self.story.append((self.now, key, what))

    def broken(self, key: str, what: str) -> InvariantBroken:
        """Return the error that says that the books do not agree."""
        return InvariantBroken(f"{key!r}: {what}; story: {[n for n in self.story if n[1] == key]}")

    def release(self, data: DataRecord) -> None:
        """Let a value go that no run needs, unless it is to stay or is on its way."""
        if data.users or (data.state is not HELD and data.is_copied):
            return
        if data.state in ON_ITS_WAY:
            self.move(data, KNOWN)
        if data.state is KNOWN or (data.state is HELD and data.is_freed and not data.put):
            self.move(data, GONE)

    # ---- Steps of events

    def hold(self, key: str, nbytes: int, type_name: str) -> DataRecord:
        """Book a value that is in the store now, however it came there."""
        data = self.data.get(key)
        if data is None:
            data = self.data[key] = DataRecord(key, nbytes, type_name)
            self.move(data, HELD)
            return data
        if data.state is HELD:
            self.held_nbytes += nbytes - data.nbytes
        elif data.state is not KNOWN:
            self.move(data, KNOWN)
        data.nbytes, data.type, data.attempt, data.put = nbytes, type_name, 0, 0
        if data.state is KNOWN:
            self.move(data, HELD)
        return data

    def drop_unless_held(self, key: str) -> None:
        """Have a value that came dropped from the store, unless it was held before."""
        data = self.data.get(key)
        if data is None or data.state is not HELD:
            self.to_drop.append(key)

    def _fail_users(self, data: DataRecord, error: error_pb2.TaskError) -> None:
        """A value that is wanted cannot be had, so those that need it err."""
        for run in list(data.waiters or ()):
            run.error = error
            self.move(run, ENDED)
        data.is_copied = False
        if data.key in self.data:
            self.release(data)

    def _running(self, key: str, attempt: int) -> RunRecord | None:
        run = self.runs.get(key)
        if run is not None and run.attempt == attempt:
            return run
        run = self.abandoned.get((key, attempt))
        if run is None:
            self.note(key, f"report of attempt {attempt}, which is not known")
        return run

    # ---- Decisions, on books that agree

    def _decide(self) -> None:
        if self.peers_to_ask:
            begin_fetches(self)
        if self.ready:
            self._begin_runs()

    def _begin_runs(self) -> None:
        """Give the threads work for a while ahead, at least one run each."""
        if self.status != RUNNING:
            return
        capacity_ns = self.nthreads * self.slot_ns
        while self.ready and self.load_ns < capacity_ns:
            run = heappop(self.ready)[2]
            if run.state is READY:
                self.move(run, EXECUTING)
