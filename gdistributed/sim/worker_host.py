"""A worker in the simulation: the real brain, with threads that take virtual time, and a store."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from gdistributed.core.session import Session, check_epoch
from gdistributed.core.worker.brain import SCHEDULER, WorkerBrain
from gdistributed.core.worker.records import Fetch, RunRecord
from gdistributed.core.worker.seceding import abandoned_count
from gdistributed.errors import InvariantBroken, ProtocolError
from gdistributed.settings import OWN_RESULTS, WorkerSettings
from gdistributed.sim.center_host import CenterHost, Membership
from gdistributed.sim.link import Link
from gdistributed.sim.network import Network, Stream
from gdistributed.sim.scheduler_host import SchedulerHost
from gdistributed.sim.workload import Workload, chained
from gdistributed.sim.world import Host, World
from gdistributed.v1 import center_pb2, error_pb2, server_pb2, task_pb2, worker_pb2

MEMORY_NBYTES: Final = 1000
SCALE: Final = 1000  # values are said to be larger than they are
PYTHON = worker_pb2.RuntimeOffer(runtime="python", runs_code=True, any_name=True)


@dataclass(slots=True, eq=False)
class Call:
    """One run that was given to the threads."""

    run: RunRecord
    has_begun: bool = False
    has_seceded: bool = False
    is_withdrawn: bool = False
    is_cancelled: bool = False


class CountedBrain(WorkerBrain):
    """A brain that counts the rare situations that it notes."""

    def __init__(self, nthreads: int, settings: WorkerSettings, reached: Counter[str]) -> None:
        super().__init__(nthreads, settings, MEMORY_NBYTES)
        self._reached = reached

    def note(self, key: str, what: str) -> None:
        """Remember something odd."""
        super().note(key, what)
        if "nobody claimed" in what:
            self._reached["unclaimed data freed"] += 1


class WorkerHost(Host):
    """Runs a worker's brain.

    Attributes
    ----------
    id
        The incarnation.
    store
        Values by key.
    sent, send_s
        How often each value was given to a peer, and how long it takes to send one.
    busy_peers
        How likely a peer is to have no room for transfers.
    killed_by
        Is called with the run of a task that kills its worker.
    """

    def __init__(
        self,
        world: World,
        network: Network,
        scheduler: SchedulerHost,
        center: CenterHost,
        workload: Workload,
        name: str,
        incarnation: int,
        nthreads: int,
        settings: WorkerSettings,
        resources: dict[str, float],
    ) -> None:
        super().__init__(world, name, world.random.uniform(0.0, 1e6))
        self.id = f"{name}.{incarnation}"
        self.network, self.scheduler, self.workload = network, scheduler, workload
        self.nthreads, self.resources = nthreads, resources
        self.brain = CountedBrain(nthreads, settings, world.reached)
        self.brain.rarely = self.brain.outbox.rarely = world.rarely
        self.store: dict[str, bytes] = {}
        self.sent: Counter[str] = Counter()
        self.send_s = world.random.choice([0.0, 0.0, 0.5])
        self.killed_by: Callable[[WorkerHost, RunRecord], None] | None = None
        self.has_left = False
        self._settings = settings
        self.busy_peers = world.random.choice([0.0, 0.0, 0.1])
        self._session: Session[worker_pb2.FromWorker] = Session(worker_pb2.FromWorker)
        self._welcome = server_pb2.Welcome()
        self._link: Link[worker_pb2.ToWorker, worker_pb2.FromWorker] | None = None
        self._stream: Stream | None = None
        self._calls: dict[tuple[str, int], Call] = {}
        self._queue: deque[Call] = deque()
        self._busy = 0
        self._lost_at = 0.0
        scheduler.processes[self.id] = self
        member = center_pb2.Member(id=self.id, role="worker", name=name, address=name)
        self._membership = Membership(self, network, center, member, lambda epoch: self.connect())

    def start(self) -> None:
        """Join the cluster."""
        self._membership.register()

    # The stream

    def connect(self) -> None:
        """Try to open a stream, until one is open."""
        if self._stream is not None or self.has_left:
            return
        if self._session.id and self.now - self._lost_at > self._settings.orphan_s:
            self.note("begins empty: no scheduler for too long")
            self._session = Session(worker_pb2.FromWorker)
            self._welcome = server_pb2.Welcome()
            self.call(self.brain.session_lost)
        stream = self.network.connect(self, self.scheduler)
        if stream is None:
            self.later(self.world.random.uniform(0.1, 2.0), self.connect)
            return
        self._stream = stream
        stream.ends = [self, self.scheduler]
        stream.send(0, worker_pb2.FromWorker(hello=self._hello()))

    def _hello(self) -> worker_pb2.WorkerHello:
        hello = worker_pb2.WorkerHello(
            worker_id=self.id,
            name=self.name,
            address=self.name,
            host=self.name,
            nthreads=self.nthreads,
            resources=self.resources,
            runtimes=[PYTHON],
            software=server_pb2.Software(capabilities=[OWN_RESULTS]),
        )
        if self._session.id:
            hello.resume.session_id = self._session.id
            hello.resume.received = self._session.received
            hello.cluster_id, hello.epoch = self._welcome.cluster_id, self._welcome.epoch
        return hello

    def on_message(self, stream: Stream, message: Message) -> None:
        """A message came on the stream."""
        if stream is not self._stream or not isinstance(message, worker_pb2.ToWorker):
            return
        try:
            if message.HasField("welcome"):
                if self._link is None:
                    self._enter(stream, message.welcome)
            elif self._link is not None:
                self._link.receive(message)
        except ProtocolError as error:
            self.note(f"refuses a message: {error}")
            stream.close(0)
            self.on_broken(stream)

    def _enter(self, stream: Stream, welcome: server_pb2.Welcome) -> None:
        check_epoch(welcome, self._welcome)
        last, self._welcome = self._welcome, welcome
        if welcome.resumed:
            self._session.resume(welcome.received)
        else:
            unacknowledged = self._session.unacknowledged()
            self._session = Session(worker_pb2.FromWorker, welcome.session_id)
            if last.session_id:
                same = welcome.scheduler_id == last.scheduler_id
                self.call(self.brain.session_began, unacknowledged, same_scheduler=same)
        self._link = Link(
            self, stream, 0, self._session, lambda: self.brain.outbox.take(SCHEDULER), self._receive
        )
        self._beat(stream)
        self._link.wake()

    def on_broken(self, stream: Stream) -> None:
        """The stream is over: try for another one."""
        if stream is self._stream:
            self._stream = None
            self._lost_at = self.now
            if self._link is not None:
                self._link.is_over = True
                self._link = None
            self.later(self.world.random.uniform(0.0, 1.0), self.connect)

    def _receive(self, batch: worker_pb2.ToWorker) -> None:
        if batch.HasField("goodbye"):
            self.note(f"is told goodbye: {batch.goodbye.reason}")
            self.leave()
            return
        self.call(self.brain.on_scheduler, batch)

    def _beat(self, stream: Stream) -> None:
        if stream is not self._stream:
            return
        self._tell_status()
        self.later(1.0, self._beat, stream)

    @property
    def is_well(self) -> bool:
        """Whether it runs, and hears what the scheduler says."""
        return self.is_alive and self._link is not None and not (self.is_paused or self.is_hung)

    def _tell_status(self) -> None:
        heartbeat = self.brain.mail().heartbeat
        heartbeat.status = self.brain.status
        heartbeat.metrics.abandoned = abandoned_count(self.brain)
        self._wake()

    def use_memory(self, share: float) -> None:
        """The process uses this share of the memory that it may."""
        if self.brain.memory_measured(int(share * MEMORY_NBYTES), self.now):
            self.note(f"uses {share:.0%} of its memory")
            self._tell_status()
            self.call(self.brain.on_time)

    def drain(self) -> None:
        """SIGTERM: leave without a loss."""
        self.brain.is_draining = True

    def leave(self) -> None:
        """The process ends by itself."""
        self.has_left = True
        self.is_alive = False
        self.network.died(self)

    # The brain and its lanes

    def call(self, event: Callable[..., object], *arguments: object, **named: object) -> None:
        """Tell the brain what happened, and do what it wants."""
        event(*arguments, now=self.now, **named)
        brain = self.brain
        dropped, brain.to_drop = brain.to_drop, []
        for key in dropped:
            self.store.pop(key, None)
        riding, brain.to_store = brain.to_store, []
        for key, value in riding:
            self.later(self.world.random.random() * 0.01, self._keep, key, value)
        cancelled, brain.to_cancel = brain.to_cancel, []
        for run in cancelled:
            self._calls[run.key, run.attempt].is_cancelled = True
        withdrawn, brain.to_withdraw = brain.to_withdraw, []
        fetches, brain.to_fetch = brain.to_fetch, []
        runs, brain.to_run = brain.to_run, []
        for run in runs:
            self._calls[run.key, run.attempt] = call = Call(run)
            self._queue.append(call)
        for run in withdrawn:
            self._withdraw(run)
        for fetch in fetches:
            self._fetch(fetch)
        self._begin_calls()
        self._wake()
        self.set_timer(brain.deadline, self._on_time)

    def _on_time(self) -> None:
        self.call(self.brain.on_time)

    def _wake(self) -> None:
        if self._link is not None and self.brain.outbox.fresh():
            self._link.wake()

    def _keep(self, key: str, value: bytes) -> None:
        self.store[key] = value
        stored = worker_pb2.StoredData(key=key, nbytes=len(value), type="bytes")
        self.call(self.brain.value_stored, stored)

    # Threads

    def _begin_calls(self) -> None:
        while self._busy < self.nthreads and self._queue:
            call = self._queue.popleft()
            if call.is_withdrawn:
                continue
            call.has_begun = True
            self._busy += 1
            plan = self.workload.plans[call.run.task.arguments]
            if plan.secedes:
                self.later(plan.seconds / 2, self._secede, call)
            if plan.is_poison and not call.is_cancelled:
                self.later(plan.seconds, self._die_of, call.run)
            elif plan.is_endless and not call.is_cancelled:
                self.later(60.0, self._end_call, call)  # it is stopped by whoever has the patience
            else:
                self.later(0.0 if call.is_cancelled else plan.seconds, self._end_call, call)

    def _secede(self, call: Call) -> None:
        run = call.run
        if self._calls.get((run.key, run.attempt)) is call:
            call.has_seceded = True
            self._busy -= 1
            self.call(self.brain.run_seceded, run.key, run.attempt, rejoins=False)

    def _rejoin(self, call: Call) -> None:
        self._busy += 1
        if self.world.random.random() < 0.5:
            run = call.run
            self.call(self.brain.run_seceded, run.key, run.attempt, rejoins=True)

    def _die_of(self, run: RunRecord) -> None:
        if self.killed_by is not None:
            self.killed_by(self, run)

    def _withdraw(self, run: RunRecord) -> None:
        call = self._calls.get((run.key, run.attempt))
        taken_back = call is not None and not call.has_begun and not call.is_withdrawn
        if taken_back and call is not None:
            call.is_withdrawn = True
            del self._calls[run.key, run.attempt]
        self.call(self.brain.run_withdrawn, run, taken_back=taken_back)

    def _end_call(self, call: Call) -> None:
        if call.has_seceded:
            self._rejoin(call)
        self._busy -= 1
        run = call.run
        del self._calls[run.key, run.attempt]
        plan = self.workload.plans[run.task.arguments]
        finished: list[task_pb2.TaskFinished] = []
        erred: list[task_pb2.TaskErred] = []
        inputs = self._inputs(run)
        rescheduled: list[worker_pb2.TaskAttempt] = []
        if call.is_cancelled or plan.is_endless or inputs is None:
            erred.append(self._failure(run, "Cancelled"))
        elif plan.rescheduled < plan.reschedules:
            plan.rescheduled += 1
            rescheduled.append(worker_pb2.TaskAttempt(key=run.key, attempt=run.attempt))
        elif plan.raised < plan.failures:
            plan.raised += 1
            erred.append(self._failure(run, "ValueError"))
        else:
            finished.append(self._result(run, chained(plan.salt, inputs)))
        self.call(self.brain.tasks_ended, finished, erred, rescheduled=rescheduled)

    def _inputs(self, run: RunRecord) -> list[bytes] | None:
        values = []
        for dependency in run.task.dependencies:
            value = self.store.get(dependency.key, dependency.value)
            if not value:
                if self.brain.is_awaited(run.key, run.attempt):
                    raise InvariantBroken(
                        f"{run.key!r} runs on {self.id} without {dependency.key!r}"
                    )
                return None
            values.append(value)
        return values

    def _result(self, run: RunRecord, value: bytes) -> task_pb2.TaskFinished:
        if self.brain.is_awaited(run.key, run.attempt):
            self.store[run.key] = value
        rides_along = self.world.random.random() < 0.7
        return task_pb2.TaskFinished(
            key=run.key,
            attempt=run.attempt,
            nbytes=len(value) * SCALE,
            type="bytes",
            run_ns=int(self.workload.plans[run.task.arguments].seconds * 1e9) + 1,
            value=value if rides_along else b"",
        )

    def _failure(self, run: RunRecord, kind: str) -> task_pb2.TaskErred:
        error = error_pb2.TaskError(type=kind, retryable=True, counts=True, key=run.key)
        return task_pb2.TaskErred(key=run.key, attempt=run.attempt, error=error)

    # Peers

    def _fetch(self, fetch: Fetch) -> None:
        peer = self.scheduler.processes[fetch.peer.worker_id]
        keys = list(fetch.wanted)
        self.network.call(
            self,
            peer,
            lambda: peer.serve(keys),
            lambda values: self._fetched(fetch, keys, values),
            lambda values: self.send_s * sum(value is not None for value in values.values()),
        )

    def serve(self, keys: list[str]) -> dict[str, bytes | None]:
        """Answer a peer with the values that are here, and None for those that are crowded."""
        serving = self.brain.serving
        values: dict[str, bytes | None] = {}
        for key in keys:
            if key in self.store:
                nbytes = len(self.store[key]) * SCALE
                call = serving.admit(nbytes, self.now)
                if call is None or not serving.begin(call, key, nbytes, self.now, spreads=True):
                    values[key] = None
                    self.world.reached["crowded"] += 1
                else:
                    values[key] = self.store[key]
                    self.sent[key] += 1
                if call is not None:
                    is_taken = values[key] is not None
                    taken_s = (self.send_s or self.network.delay_s()) if is_taken else 0.0
                    self.later(taken_s, serving.end, call)
        return values

    def _fetched(
        self, fetch: Fetch, keys: list[str], values: dict[str, bytes | None] | None
    ) -> None:
        if values is not None and self.world.random.random() < self.busy_peers:
            self.call(self.brain.fetch_ended, fetch, unreachable=False, is_busy=True)
            return
        if values is not None:
            for key in keys:
                if key not in values:
                    self.call(self.brain.fetch_lacked, fetch, key)
            arrived = []
            for key, value in values.items():
                if value is None:
                    self.call(self.brain.fetch_crowded, fetch, key)
                elif key in fetch.wanted:
                    self.store[key] = value
                    nbytes = len(value) * SCALE
                    arrived.append(worker_pb2.StoredData(key=key, nbytes=nbytes, type="bytes"))
            self.call(self.brain.fetched, fetch, arrived)
        self.call(self.brain.fetch_ended, fetch, unreachable=values is None)

    def put(self, key: str, value: bytes) -> int:
        """A client puts a value here; return the number of the put."""
        self.store[key] = value
        stored: Any = worker_pb2.StoredData(key=key, nbytes=len(value) * SCALE, type="bytes")
        self.call(self.brain.data_put, stored)
        return self.brain.puts
