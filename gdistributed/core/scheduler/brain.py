"""The scheduler's brain: messages and the time in; `workers`, `clients` and `deadline` out.

One method for each thing that can happen. Each notes facts, settles all that follows from them,
then takes decisions on books that agree, and settles again. A peer's mistake is skipped and noted
in the story, never an exception; an exception here is a bug of ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from gdistributed.core.outbox import Outbox
from gdistributed.core.scheduler import intake, loss, placement, wants
from gdistributed.core.scheduler.books import Books
from gdistributed.core.scheduler.estimates import learn_duration
from gdistributed.core.scheduler.records import ClientRecord, TaskRecord, WorkerRecord
from gdistributed.core.scheduler.states import (
    FORGOTTEN,
    MEMORY,
    State,
)
from gdistributed.core.scheduler.story import Story
from gdistributed.core.scheduler.transitions import TRANSITIONS, next_state
from gdistributed.core.scheduler.watching import Watchers
from gdistributed.errors import BadGraph, InvariantBroken, MalformedMessage, NameTaken
from gdistributed.settings import SchedulerSettings
from gdistributed.v1 import scheduler_pb2, task_pb2, worker_pb2

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
    locations
        Changes of who holds what, for a Center in another process; None when nobody asks.
    watchers
        Events for those who watch.
    story
        What happened to tasks.
    """

    def __init__(self, settings: SchedulerSettings | None = None, epoch: int = 1) -> None:
        self.settings = settings or SchedulerSettings()
        self.books = Books()
        limit = self.settings.limits.batch_nbytes
        self.workers: Outbox[worker_pb2.ToWorker] = Outbox(worker_pb2.ToWorker, limit)
        self.clients: Outbox[scheduler_pb2.ToClient] = Outbox(scheduler_pb2.ToClient, limit)
        self.story = Story()
        self.watchers = Watchers()
        self.now = 0.0
        self.next_rank = 0
        self.worker_numbers = 0
        self.epoch_attempts = epoch << EPOCH_SHIFT
        self.report: task_pb2.TaskFinished | None = None
        self._worklist: deque[TaskRecord] = deque()
        self._expiring: dict[str, ClientRecord] = {}

    # Workers

    def worker_joined(self, hello: worker_pb2.WorkerHello, now: float) -> WorkerRecord:
        """Enter a worker.

        Raises
        ------
        MalformedMessage
            If the hello lacks an id, an address or threads.
        NameTaken
            If another worker that lives has this name.
        """
        self.now = now
        if not (hello.worker_id and hello.address and hello.nthreads):
            raise MalformedMessage(
                "the hello of a worker needs worker_id, address and nthreads"
            ).with_reason("BAD_HELLO")
        name = hello.name or hello.address
        other = self.books.names.get(name)
        if other is not None:
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
            host=hello.host,
            nthreads=hello.nthreads,
            hello=hello,
            memory_limit_nbytes=hello.memory_limit_nbytes,
            last_seen=now,
        )
        self.books.add_worker(worker)
        self.watchers.note(now, "worker", name, "", "joined", detail=hello.address)
        self._tell_worker_count()
        loss.find_work_for(self, worker)
        self._decide()
        return worker

    def on_worker(self, worker_id: str, batch: worker_pb2.FromWorker, now: float) -> None:
        """Take in one batch of a worker, kind by kind in the order of the field numbers."""
        self.now = now
        worker = self.books.workers.get(worker_id)
        if worker is None:
            return
        worker.last_seen = now
        if batch.HasField("heartbeat"):
            self._heartbeat(worker, batch.heartbeat)
        for stored in batch.stored:
            self._stored(worker, stored)
        for finished in batch.finished:
            self._finished(worker, finished)
        for erred in batch.erred:
            self._erred(worker, erred)
        for rescheduled in batch.rescheduled:
            task = self._running(worker, rescheduled.key, rescheduled.attempt)
            if task is not None:
                self.books.end_run(task)
                self.reconsider(task)
        for answer in batch.revoked:
            task = self._running(worker, answer.key, answer.attempt)
            if task is not None and answer.given_back:
                self.books.end_run(task)
                self.reconsider(task)
        for key in batch.dropped:
            self._dropped(worker, key)
        for missing in batch.missing:
            self.story.note(now, missing.key, "was not found where it should be", worker.name)
            loss.lose_replica(self, worker, missing)
        self._decide()

    def worker_lost(self, worker_id: str, cause: str, now: float, died: bool = True) -> None:
        """A worker is gone: by its death, or by its goodbye when `died` is False."""
        self.now = now
        worker = self.books.workers.get(worker_id)
        if worker is None:
            return
        self.watchers.note(now, "worker", worker.name, "", "left", detail=cause)
        loss.lose_worker(self, worker, cause, died)
        self._tell_worker_count()
        self._decide()

    def _heartbeat(self, worker: WorkerRecord, heartbeat: worker_pb2.Heartbeat) -> None:
        worker.metrics = heartbeat.metrics
        status = heartbeat.status or worker_pb2.WORKER_STATUS_RUNNING
        if status != worker.status:
            worker.status = status
            self.books.freed[worker] = None
            name = worker_pb2.WorkerStatus.Name(status).removeprefix("WORKER_STATUS_").lower()
            self.watchers.note(self.now, "worker", worker.name, "", name)

    def _running(self, worker: WorkerRecord, key: str, attempt: int) -> TaskRecord | None:
        """Return the task of a report; None, and a note, if that run was given up."""
        task = self.books.tasks.get(key)
        if task is not None and task.processing_on is worker and task.attempt == attempt:
            return task
        self.story.note(self.now, key, "late report, dropped", worker.name)
        return None

    def _finished(self, worker: WorkerRecord, report: task_pb2.TaskFinished) -> None:
        task = self._running(worker, report.key, report.attempt)
        if task is None:
            known = self.books.tasks.get(report.key)
            if known is None or (known not in worker.has and known.processing_on is not worker):
                self.workers.to(worker.id, len(report.key)).free.append(report.key)
            return
        self.books.end_run(task)
        task.nbytes = report.nbytes
        task.type = report.type
        self.books.add_replica(task, worker)
        self.books.keep_value(task, report.value, self.settings.kept_nbytes)
        assert task.template is not None
        learn_duration(task.template.prefix, report.run_ns)
        report.holders.append(worker.number)
        self.report = report
        self.transition(task, next_state(task))
        self.report = None

    def _erred(self, worker: WorkerRecord, report: task_pb2.TaskErred) -> None:
        task = self._running(worker, report.key, report.attempt)
        if task is None:
            return
        self.books.end_run(task)
        assert task.template is not None
        if report.error.retryable and task.failures < task.template.retries:
            task.failures += 1
            self.story.note(self.now, task.key, f"failed: {report.error.type}", worker.name)
        else:
            task.error = report.error
            task.error.key = task.error.key or task.key
        self.reconsider(task)

    def _stored(self, worker: WorkerRecord, stored: worker_pb2.StoredData) -> None:
        task = self.books.tasks.get(stored.key)
        if task is not None and task.state is MEMORY:
            self.books.add_replica(task, worker)
        else:
            self.workers.to(worker.id, len(stored.key)).free.append(stored.key)

    def _dropped(self, worker: WorkerRecord, key: str) -> None:
        task = self.books.tasks.get(key)
        if task is not None:
            self.books.remove_replica(task, worker)
            self.reconsider(task)

    # Clients

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
        )
        self.books.clients[client.id] = client
        self.watchers.note(now, "client", client.name, "", "joined")
        self._count_workers_for(client)
        return client

    def on_client(self, client_id: str, batch: scheduler_pb2.FromClient, now: float) -> None:
        """Take in one batch of a client, kind by kind in the order of the field numbers."""
        self.now = now
        client = self.books.clients.get(client_id)
        if client is None:
            return
        for function in batch.functions:
            client.functions[function.id] = function
        for template in batch.templates:
            wants.announce(self, client, template)
        for scattered in batch.scattered:
            wants.bring(self, client, scattered)
        for graph in batch.graphs:
            wants.submit(self, client, graph)
        for hold in batch.hold:
            wants.hold(self, self.holder(hold.holder) if hold.holder else client, hold.keys)
        self._settle()
        for retry in batch.retry:
            wants.retry(self, retry.keys)
        for cancel in batch.cancel:
            wants.cancel(self, client, cancel.keys, cancel.reason, cancel.force)
        wants.release(self, client, batch.release)
        for name in batch.unhold:
            self._end_holder(name)
        self._decide()

    def take_for_client(self, client_id: str) -> scheduler_pb2.ToClient | None:
        """Return the next batch for a client, or None.

        That its graphs were accepted is said with whatever goes out next: it is worth no message
        of its own, which would wake a third process in the middle of a round trip.
        """
        batch = self.clients.take(client_id)
        if batch is not None and (client := self.books.clients.get(client_id)) is not None:
            batch.graphs_accepted = client.graphs_accepted
        return batch

    def client_gone(self, client_id: str, cause: str, now: float) -> None:
        """A client is gone, and wants nothing more."""
        self.now = now
        client = self.books.clients.get(client_id)
        if client is None:
            return
        self.watchers.note(now, "client", client.name, "", "left", detail=cause)
        wants.release(self, client, [task.key for task in client.wants])
        del self.books.clients[client_id]
        self.clients.drop(client_id)
        self._decide()

    def holder(self, name: str, expires: float | None = None) -> ClientRecord:
        """Return the holder of a name, made on first use: it wants keys as a client does."""
        holder = self.books.clients.get(name)
        if holder is None:
            holder = self.books.clients[name] = ClientRecord(id=name, name=name)
        if expires is not None:
            holder.expires = expires
            self._expiring[name] = holder
        return holder

    def _end_holder(self, name: str) -> None:
        holder = self.books.clients.get(name)
        if holder is not None and not holder.connected:
            del self.books.clients[name]
            self._expiring.pop(name, None)
            wants.release(self, holder, [task.key for task in holder.wants])

    # People and tools

    def cancel(self, keys: Iterable[str], reason: str, now: float) -> list[str]:
        """Cancel tasks for all who want them, and return the keys that were given up."""
        self.now = now
        cancelled = wants.cancel(self, ClientRecord("", "an operator"), keys, reason, force=True)
        self._decide()
        return cancelled

    def retry(self, keys: Iterable[str], now: float) -> list[str]:
        """Run erred tasks again, and return their keys."""
        self.now = now
        retried = wants.retry(self, keys)
        self._decide()
        return retried

    def submit(
        self, batch: scheduler_pb2.FromClient, name: str, expires: float, now: float
    ) -> None:
        """Enter graphs on behalf of a holder that ends at a time.

        Raises
        ------
        BadGraph
            If a graph is refused.
        """
        self.now = now
        holder = self.holder(name, expires)
        holder.functions = {function.id: function for function in batch.functions}
        for template in batch.templates:
            wants.announce(self, holder, template)
        try:
            for graph in batch.graphs:
                wants.want(self, holder, intake.accept_graph(self, holder, graph))
                wants.forget_unneeded(self, holder)
        except BadGraph:
            self._end_holder(name)
            raise
        self._decide()

    def end_holders(self, names: Iterable[str], now: float) -> None:
        """End holders, with all that they want."""
        self.now = now
        for name in names:
            self._end_holder(name)
        self._decide()

    # Time

    @property
    def deadline(self) -> float | None:
        """When `on_time` is to be called at the latest."""
        return min((each.expires or 0.0 for each in self._expiring.values()), default=None)

    def on_time(self, now: float) -> None:
        """Do what has come due."""
        expired = [each.id for each in self._expiring.values() if (each.expires or 0.0) <= now]
        self.end_holders(expired, now)

    # Facts, then decisions

    def reconsider(self, task: TaskRecord) -> None:
        """Put a task on the worklist: a fact about it has changed."""
        self._worklist.append(task)

    def transition(self, task: TaskRecord, target: State) -> None:
        """Take one edge."""
        origin = task.state
        edge = TRANSITIONS.get((origin, target))
        if edge is None:
            raise InvariantBroken(f"no edge leads from {origin} to {target}: {task.key!r}")
        task.state = target
        counts = self.books.counts
        counts[origin] -= 1
        if target is not FORGOTTEN:
            counts[target] += 1
        edge(self, task)
        place = task.processing_on or (task.who_has[-1] if task.who_has else None)
        worker = place.name if place is not None else ""
        self.story.note(self.now, task.key, target, worker)
        if self.watchers.watching:
            self.watchers.note(
                self.now, "task", task.key, origin, target, worker=worker, prefix=task.prefix
            )

    def _settle(self) -> None:
        """Take every edge that follows from the facts."""
        worklist = self._worklist
        while worklist:
            task = worklist.popleft()
            while task.state is not FORGOTTEN and (target := next_state(task)) is not task.state:
                self.transition(task, target)

    def _decide(self) -> None:
        """Settle, then hand out what is ready to those that have room."""
        self._settle()
        for worker in self.books.freed:
            placement.regain_room(worker, self.settings)
        self.books.freed.clear()
        placement.hand_out(self)
        self._settle()

    def expected_ns(self, task: TaskRecord) -> int:
        """Return how long a task is expected to keep a thread."""
        assert task.template is not None
        learned = task.template.prefix.duration_ns
        if not learned:
            return int(self.settings.unknown_duration_s * placement.NS)
        return max(int(learned), OVERHEAD_NS)

    def _tell_worker_count(self) -> None:
        for client in self.books.clients.values():
            self._count_workers_for(client)

    def _count_workers_for(self, client: ClientRecord) -> None:
        if client.connected:
            count = self.clients.to(client.id).workers
            count.count = len(self.books.workers)
            count.nthreads = self.books.nthreads
