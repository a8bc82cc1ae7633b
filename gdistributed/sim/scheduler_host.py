"""A scheduler in the simulation: the real brain, and a shell as thin as the one in `services`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import Message

from gdistributed.core.scheduler.ahead import CALLED_BACK
from gdistributed.core.scheduler.brain import SchedulerBrain
from gdistributed.core.scheduler.events import Events
from gdistributed.core.session import Session
from gdistributed.errors import ClusterError, InvariantBroken, ProtocolError, UsageError
from gdistributed.settings import SchedulerSettings
from gdistributed.sim.center_host import CenterHost, LocationReports, Membership
from gdistributed.sim.link import Link
from gdistributed.sim.network import Network, Stream
from gdistributed.sim.world import Host, World
from gdistributed.v1 import (
    center_pb2,
    nanny_pb2,
    scheduler_pb2,
    server_pb2,
    task_pb2,
    worker_pb2,
)

if TYPE_CHECKING:
    from gdistributed.sim.worker_host import WorkerHost


# What is remarked of tasks, by the name of the rare situation that it tells of.
NAMED: Final = {
    "its value was adopted": "late adoption",
    "its run was adopted": "late adoption",
    "late report, dropped": "stale attempt dropped",
    "was executing as its worker died": "blamed for a death",
    CALLED_BACK: "called back",
}


class CountedEvents(Events):
    """Events among which it counts the rare situations."""

    def __init__(self, reached: Counter[str]) -> None:
        super().__init__()
        self._reached = reached

    def remark(self, now: float, key: str, text: str, worker: str = "") -> None:
        """Add a note about a task."""
        super().remark(now, key, text, worker)
        if text in NAMED:
            self._reached[NAMED[text]] += 1


class SchedulerHost(Host):
    """Runs a scheduler's brain.

    Attributes
    ----------
    workers, clients
        The live links, by peer.
    processes
        Gives the process of a worker by its id, to knock at its port.
    reports
        What the Center is told of where data lies.
    """

    def __init__(
        self, world: World, network: Network, center: CenterHost, settings: SchedulerSettings
    ) -> None:
        super().__init__(world, "scheduler", world.random.uniform(0.0, 1e6))
        self.network = network
        self.brain = SchedulerBrain(settings)
        self.brain.events = CountedEvents(world.reached)
        self.brain.workers.rarely = self.brain.clients.rarely = world.rarely
        member = center_pb2.Member(id="scheduler", role="scheduler", address="scheduler")
        self.reports = LocationReports(self, network, center, self.brain.books)
        self._membership = Membership(self, network, center, member, self.reports.begin)
        self._membership.register()
        self.workers: dict[str, Link[Any, Any]] = {}
        self.clients: dict[str, Link[Any, Any]] = {}
        self.processes: dict[str, WorkerHost] = {}
        self._links: dict[Stream, tuple[str, Link[Any, Any]]] = {}

    # Streams

    def on_message(self, stream: Stream, message: Message) -> None:
        """A message came on a stream."""
        if stream in self._links:
            _, link = self._links[stream]
            try:
                link.receive(message)
            except ProtocolError as error:
                self.note(f"refuses a message: {error}")
                self._end(stream)
        elif isinstance(message, worker_pb2.FromWorker) and message.HasField("hello"):
            self._greet_worker(stream, message.hello)
        elif isinstance(message, scheduler_pb2.FromClient) and message.HasField("hello"):
            self._greet_client(stream, message.hello)
        self.settle()

    def on_broken(self, stream: Stream) -> None:
        """A stream is over."""
        if stream not in self._links:
            return
        peer, link = self._links.pop(stream)
        link.is_over = True
        if self.workers.get(peer) is link:
            del self.workers[peer]
            self.brain.worker_disconnected(peer, self.now)
            self.later(self.world.random.random() * 0.1, self._knock, peer)
        elif self.clients.get(peer) is link:
            del self.clients[peer]
            self.brain.client_disconnected(peer, self.now)
        self.settle()

    def _greet_worker(self, stream: Stream, hello: worker_pb2.WorkerHello) -> None:
        older = self.workers.pop(hello.worker_id, None)
        if older is not None:
            self._end(older.stream)
        try:
            session = self.brain.worker_connected(hello, self.now)
        except (ProtocolError, UsageError) as error:
            self.note(f"refuses {hello.name}: {error}")
            stream.close(1)
            return
        self._begin(session, hello.name)
        worker_id = hello.worker_id

        def receive(batch: worker_pb2.FromWorker) -> None:
            if not all(answer.given_back for answer in batch.revoked):
                self.world.reached["steal refused"] += 1
            if batch.HasField("goodbye"):
                self.workers.pop(worker_id, None)
                self.brain.on_worker(worker_id, batch, self.now)
                self.brain.worker_lost(worker_id, batch.goodbye.reason, self.now, died=False)
            else:
                with self._looking_at_attempts(worker_id, batch):
                    self.brain.on_worker(worker_id, batch, self.now)

        link: Link[worker_pb2.FromWorker, worker_pb2.ToWorker] = Link(
            self, stream, 1, session, lambda: self._take_for_worker(worker_id), receive
        )
        self._links[stream] = worker_id, link
        self.workers[worker_id] = link
        stream.send(1, worker_pb2.ToWorker(welcome=self._welcome(session)))
        link.wake()

    def _greet_client(self, stream: Stream, hello: scheduler_pb2.ClientHello) -> None:
        older = self.clients.pop(hello.client_id, None)
        if older is not None:
            self._end(older.stream)
        session = self.brain.client_connected(hello, self.now)
        self._begin(session, hello.name)
        client_id = hello.client_id

        def receive(batch: scheduler_pb2.FromClient) -> None:
            self.brain.on_client(client_id, batch, self.now)
            if batch.HasField("goodbye"):
                self.clients.pop(client_id, None)
                self.brain.client_gone(client_id, batch.goodbye.reason, self.now)

        link: Link[scheduler_pb2.FromClient, scheduler_pb2.ToClient] = Link(
            self, stream, 1, session, lambda: self.brain.take_for_client(client_id), receive
        )
        self._links[stream] = client_id, link
        self.clients[client_id] = link
        stream.send(1, scheduler_pb2.ToClient(welcome=self._welcome(session)))
        link.wake()

    def _begin(self, session: Session[Any], name: str) -> None:
        """A session begins, or goes on."""
        self.note(f"{'resumes' if session.resumed else 'welcomes'} {name}")
        if session.resumed and session.unacknowledged():
            self.world.reached["resume with replay"] += 1

    def _take_for_worker(self, worker_id: str) -> worker_pb2.ToWorker | None:
        batch = self.brain.workers.take(worker_id)
        if batch is not None and (batch.reconcile.cancel or batch.reconcile.drop):
            self.world.reached["zombie's result dropped"] += 1
        if batch is not None:
            needed = (each for run in batch.run for each in run.dependencies)
            self.world.reached["followed"] += any(each.own_result for each in needed)
        return batch

    @contextmanager
    def _looking_at_attempts(self, worker_id: str, batch: worker_pb2.FromWorker) -> Iterator[None]:
        """Insist that a report on a run that was given up changes nothing."""
        tasks, worker = self.brain.books.tasks, self.brain.books.workers.get(worker_id)
        reports: list[task_pb2.TaskFinished | task_pb2.TaskErred] = [*batch.finished, *batch.erred]
        attempts = {}
        for report in reports:
            task = tasks.get(report.key)
            if task is not None and task.processing_on is worker and report.attempt != task.attempt:
                attempts[task] = task.attempt
                self.world.reached["report on an older run"] += 1
        yield
        current = {(report.key, report.attempt) for report in reports}
        for task, attempt in attempts.items():
            if (task.key, attempt) in current:
                continue  # of which there was a report as well
            if not batch.missing and (task.attempt, task.processing_on) != (attempt, worker):
                raise InvariantBroken(f"a report on an older run of {task.key!r} counted [12]")

    def _welcome(self, session: Session[Any]) -> server_pb2.Welcome:
        return server_pb2.Welcome(
            cluster_id="cluster",
            epoch=self.brain.epoch,
            scheduler_id="scheduler",
            session_id=session.id,
            resumed=session.resumed,
            received=session.received,
        )

    def _end(self, stream: Stream) -> None:
        """End a stream; to the brain that is the same as if it had broken."""
        if stream in self._links:
            self._links[stream][1].end()
            self.on_broken(stream)

    def _knock(self, worker_id: str) -> None:
        """Look whether the process of a worker still listens at its port."""
        process = self.processes.get(worker_id)
        if process is None or process.is_alive or self.network.is_cut(self, process):
            return
        record = self.brain.books.workers.get(worker_id)
        if record is not None and not record.is_connected:
            self.brain.worker_lost(worker_id, "its port refuses", self.now)
            self.settle()

    # Others

    def order(self, order: Callable[..., object], *arguments: object) -> None:
        """Give the brain an order, as a plain call does."""
        try:
            order(self.brain, *arguments, self.now)
        except ClusterError as error:
            self.note(f"refuses an order: {error}")
        self.settle()

    def worker_exited(self, exit: nanny_pb2.WorkerExit) -> None:
        """A nanny says how its worker ended."""
        self.brain.worker_exited(exit, self.now)
        self.settle()

    def settle(self) -> None:
        """Wake the links that have mail, and set the timer."""
        brain = self.brain
        for peer in brain.workers.fresh():
            if peer in self.workers:
                self.workers[peer].wake()
        for peer in brain.clients.fresh():
            if peer in self.clients:
                self.clients[peer].wake()
        departed, brain.departed = brain.departed, {}
        for peer, (_, cause) in departed.items():
            self.note(f"gives up {peer}: {cause}")
            if peer in self.workers:
                self._end(self.workers[peer].stream)
        brain.warnings.clear()
        self.reports.wake()
        self.set_timer(brain.deadline, self._on_time)

    def _on_time(self) -> None:
        self.brain.on_time(self.now)
        self.settle()
