"""The client's brain: what the user and the scheduler say goes in, batches to send come out.

It knows which keys are wanted, by how many futures, and what became of them; it announces functions
and templates once; when a session is lost it says again what was not acknowledged, so that nothing
is lost and nothing is done twice. It holds no values but the small ones that came along.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from gdistributed.core.client.futures import (
    CANCELLED,
    ERROR,
    FINISHED,
    LOST,
    PENDING,
    FutureRecord,
    FutureState,
    Outcome,
    Watch,
    move,
)
from gdistributed.errors import BadGraph, UnknownFunction
from gdistributed.settings import LimitSettings
from gdistributed.v1 import error_pb2, server_pb2, task_pb2
from gdistributed.v1 import scheduler_pb2 as pb

MESSAGE_OVERHEAD_NBYTES = 64
SYSTEM = "gdistributed"


class ClientBrain:
    """Events in; batches, and the watches that fired, out. Call one method at a time.

    Parameters
    ----------
    limits
        Limits of the session: how large a batch may grow.

    Attributes
    ----------
    records
        What is wanted, by key on the wire.
    peers
        Workers that results lie on, by their numbers on this stream.
    workers
        How many workers there are, as the scheduler said last.
    closing
        Why the scheduler ends; None while it does not.
    submitted_by
        Key of the task that submits now, where the client is that of a worker.
    fired
        Watches that fired; whoever takes them wakes those who wait.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self.limits = limits
        self.records: dict[str, FutureRecord] = {}
        self.peers: dict[int, task_pb2.Peer] = {}
        self.workers = pb.WorkerCount()
        self.closing: str | None = None
        self.submitted_by = ""
        self.fired: list[Watch] = []
        self._worker_watches: list[Watch] = []
        self._functions: dict[str, task_pb2.Function] = {}
        self._templates: dict[bytes, task_pb2.TaskTemplate] = {}
        self._last_graph = 0
        self._graphs_accepted = 0
        self._asked: deque[tuple[int, Watch]] = deque()
        self._cancelling: Counter[str] = Counter()  # our own cancels that are not answered yet
        self._open: pb.FromClient | None = None
        self._open_nbytes = 0
        self._closed: deque[pb.FromClient] = deque()
        self._releases: dict[str, None] = {}
        self._forwards_output = False

    # What the user says

    def want(self, key: str) -> FutureRecord:
        """Count one more future of a key, known or new."""
        record = self.records.get(key)
        if record is None:
            record = self.records[key] = FutureRecord(key)
            if key in self._releases:
                self._close()  # what is wanted again may be another task: the old one goes first
        record.count += 1
        return record

    def release(self, record: FutureRecord) -> None:
        """Count one future less; a key of which there is none is wanted no longer."""
        record.count -= 1
        if not record.count and self.records.get(record.key) is record:
            del self.records[record.key]
            self._releases[record.key] = None

    def template(self, function: task_pb2.Function, template: task_pb2.TaskTemplate) -> int:
        """Return the number of a template, announcing it and its function when they are new.

        Parameters
        ----------
        function
            What its tasks run.
        template
            Everything but the number.
        """
        words = template.SerializeToString(deterministic=True)
        known = self._templates.get(words)
        if known is not None:
            return known.id
        numbered = task_pb2.TaskTemplate()
        numbered.CopyFrom(template)
        numbered.id = len(self._templates) + 1
        self._templates[words] = numbered
        if function.id not in self._functions:
            self._functions[function.id] = function
            self._batch(function.ByteSize()).functions.append(function)
        self._batch(len(words)).templates.append(numbered)
        return numbered.id

    def submit(
        self,
        key: str,
        template: int,
        dependencies: Sequence[str],
        arguments: bytes,
        traceparent: str = "",
    ) -> None:
        """Submit one task, the result of which is wanted; as part of a trace, if one is named."""
        self._last_graph += 1
        graph = self._batch(len(arguments) + 2 * len(key)).graphs.add(
            number=self._last_graph, wants_all=True, submitted_by=self.submitted_by
        )
        graph.tasks.add(key=key, template=template, dependencies=dependencies, arguments=arguments)
        if traceparent:
            self._trace(graph, [key], traceparent)

    def submit_array(
        self, template: int, keys: list[str], arguments: list[bytes], traceparent: str = ""
    ) -> None:
        """Submit many tasks without dependencies, the results of which are wanted."""
        self._last_graph += 1
        nbytes = sum(map(len, arguments)) + sum(map(len, keys))
        graph = self._batch(nbytes).graphs.add(
            number=self._last_graph, wants_all=True, submitted_by=self.submitted_by
        )
        graph.arrays.add(template=template, keys=keys, arguments=arguments)
        if traceparent:
            self._trace(graph, keys, traceparent)

    def submit_graph(self, piece: pb.SubmitGraph, begun_by: int = 0, traceparent: str = "") -> int:
        """Submit a graph, or a piece of one that says `more` in all pieces but the last.

        Parameters
        ----------
        begun_by
            What was returned for the first piece, with all further ones.

        Returns
        -------
        Its number.
        """
        if self._releases:
            self._close()  # what they needed may have names that are other tasks in this graph
        self._last_graph += 1
        piece.number, piece.begun_by = self._last_graph, begun_by
        piece.submitted_by = self.submitted_by
        if traceparent:
            self._trace(piece, piece.wants, traceparent)
        self._batch(piece.ByteSize()).graphs.append(piece)
        return self._last_graph

    def hold(self, keys: Iterable[str], holder: str = "", until_done: bool = False) -> None:
        """Have keys kept that were submitted by somebody, for this client or for a holder."""
        self._batch().hold.add(keys=keys, holder=holder, until_done=until_done)

    def unhold(self, holder: str) -> None:
        """End a holder."""
        self._batch().unhold.append(holder)

    def replace_holder(self, holder: str, keys: Iterable[str]) -> None:
        """Have a holder hold these keys and no others."""
        self.unhold(holder)
        self._close()  # a batch is applied holds first
        self.hold(keys, holder)

    def ask_whether_heard(self, watch: Watch) -> None:
        """Have a watch fire once the scheduler has taken in all that was said until now."""
        self._close()  # a batch is applied graphs first
        self._last_graph += 1
        self._batch().graphs.add(number=self._last_graph)
        self._asked.append((self._last_graph, watch))

    def scattered(self, data: Iterable[pb.ScatteredData]) -> None:
        """Tell of values that were put on workers; they are wanted."""
        for each in data:
            self._batch(each.ByteSize()).scattered.append(each)

    def cancel(self, keys: Iterable[str], reason: str, force: bool = False) -> None:
        """Give keys up. Their records are cancelled at once, and a new submission starts afresh."""
        keys = list(dict.fromkeys(keys))
        self._cancelling.update(keys)
        for key in keys:
            record = self.records.pop(key, None)
            if record is not None:
                self._move(record, CANCELLED, cancelled_error(key, reason, ""))
        self._batch().cancel.add(keys=keys, reason=reason, force=force)
        self._close()  # a batch is applied submissions first: the next one must come after this

    def retry(self, keys: Iterable[str]) -> None:
        """Have erred keys computed again."""
        keys = list(keys)
        for key in keys:
            record = self.records.get(key)
            if record is not None:
                self._move(record, PENDING)
        self._batch().retry.add(keys=keys)

    def forward_output(self, on: bool) -> None:
        """Have the scheduler tell what tasks print, from now on or no longer."""
        self._forwards_output = on
        self._batch().forward_output = on

    def goodbye(self, reason: str) -> None:
        """Leave on purpose: the last message."""
        self._batch().goodbye.reason = reason

    def watch(self, records: Iterable[FutureRecord], watch: Watch) -> None:
        """Have a watch told when records settle; it is told at once of those that have."""
        for record in records:
            if record.is_settled:
                if watch.settled(record):
                    self.fired.append(watch)
            elif record.watches is None:
                record.watches = [watch]
            else:
                record.watches.append(watch)

    def unwatch(self, records: Iterable[FutureRecord], watch: Watch) -> None:
        """Forget a watch that nobody waits for any more."""
        for record in records:
            if record.watches is not None and watch in record.watches:
                record.watches.remove(watch)

    def watch_workers(self, watch: Watch) -> None:
        """Have a watch fire whenever the number of workers changes."""
        self._worker_watches.append(watch)

    def unwatch_workers(self, watch: Watch) -> None:
        """Forget a watch on the number of workers."""
        self._worker_watches.remove(watch)

    # What the scheduler says

    def on_scheduler(self, batch: pb.ToClient) -> None:
        """Take in one batch of the scheduler, kind by kind in the order of the field numbers."""
        for field, said in batch.ListFields():  # only what is in it: a small batch costs little
            if (take := self.FROM_SCHEDULER.get(field.name)) is not None:
                take(self, said)

    def session_began(self, unacknowledged: Iterable[pb.FromClient] = ()) -> None:
        """A new session: the scheduler may know nothing of this client.

        What was not acknowledged is said again, but for what has been answered; after that all
        that is wanted is stated, and the scheduler answers with the state of each key.
        """
        old = [*unacknowledged, *self._closed, *([self._open] if self._open is not None else [])]
        self._closed.clear()
        self._releases.clear()
        self._cancelling.clear()
        self._open = None
        self.peers.clear()
        if self._functions:
            batch = self._batch()
            batch.functions.extend(self._functions.values())
            batch.templates.extend(self._templates.values())
        if self._forwards_output:
            self._batch().forward_output = True
        for batch in old:
            self._say_again(batch)
        if self._last_graph or self.records:
            self._close()  # a key is wanted once the graph that it came with is known
            wanted = self._batch(sum(map(len, self.records))).wanted
            wanted.keys.extend(self.records)
            wanted.last_graph = self._last_graph
            self._close()  # what is submitted from now on is not in the statement

    def heartbeat(self) -> None:
        """Say that this client lives."""
        self._batch().heartbeat = True

    def gave_up(self, reason: str, message: str, target: FutureState = ERROR) -> None:
        """There will be no more news: settle all who wait.

        Parameters
        ----------
        reason
            Reason of an exception of `errors`: "CONNECTION_LOST", "CLIENT_CLOSED".
        message
            What happened and what to do, for people.
        target
            ERROR, or CANCELLED where it was the user's own wish.
        """
        for record in list(self.records.values()):
            if not record.is_settled:
                self._move(record, target, own_error(record.key, reason, message))
        self.fired.extend(self._worker_watches)
        self.fired.extend(watch for _, watch in self._asked)
        self._asked.clear()

    # What to send

    @property
    def has_mail(self) -> bool:
        """Whether there is something to send."""
        return bool(self._open is not None or self._closed or self._releases)

    def take(self) -> pb.FromClient | None:
        """Return the next batch to send, or None. The session keeps it until it is acknowledged."""
        if not self._closed:
            self._close()
        if not self._closed:
            return None
        return self._closed.popleft()

    # Inside

    def _batch(self, nbytes: int = 0) -> pb.FromClient:
        """Return the open batch, to which about `nbytes` will be added now."""
        nbytes += MESSAGE_OVERHEAD_NBYTES
        if self._open is not None and self._open_nbytes + nbytes > self.limits.batch_nbytes:
            self._closed.append(self._open)
            self._open = None
        if self._open is None:
            self._open = pb.FromClient()
            self._open_nbytes = 0
        self._open_nbytes += nbytes
        return self._open

    def _close(self) -> None:
        """Close the open batch: what is said from now on is applied after all of it."""
        if self._releases:
            self._batch().release.extend(self._releases)
            self._releases.clear()
        if self._open is not None:
            self._closed.append(self._open)
            self._open = None

    def _trace(self, graph: pb.SubmitGraph, keys: Iterable[str], traceparent: str) -> None:
        """Make a graph part of a trace; who waits for what it wants joins that."""
        graph.traceparent = traceparent
        for key in keys:
            if (record := self.records.get(key)) is not None:
                record.traceparent = traceparent

    def _move(self, record: FutureRecord, target: FutureState, outcome: Outcome = None) -> None:
        self.fired.extend(move(record, target, outcome))

    def _peers(self, peers: Iterable[task_pb2.Peer]) -> None:
        for peer in peers:
            self.peers[peer.number] = task_pb2.Peer.FromString(peer.SerializeToString())

    def _lost(self, keys: Iterable[str]) -> None:
        for key in keys:
            if (record := self._current(key)) is not None:
                self._move(record, LOST)

    def _finished(self, reports: Iterable[task_pb2.TaskFinished]) -> None:
        records, fired, cancelling = self.records, self.fired, self._cancelling
        for report in reports:
            record = records.get(report.key)
            if record is None or (cancelling and record.key in cancelling):
                continue  # released, or it is of the task that was cancelled
            record.type = sys.intern(report.type)
            watches = move(record, FINISHED, report.value or tuple(report.holders))
            if watches:
                fired.extend(watches)

    def _erred(self, reports: Iterable[task_pb2.TaskErred]) -> None:
        for report in reports:
            if (record := self._current(report.key)) is not None:
                error = error_pb2.TaskError()
                error.CopyFrom(report.error)
                self._move(record, ERROR, error)

    def _refused(self, refusals: Iterable[pb.GraphRefused]) -> None:
        for refused in refusals:
            is_unknown = refused.reason == UnknownFunction.reason
            reason = UnknownFunction.reason if is_unknown else BadGraph.reason
            for key in refused.wanted:
                record = self._current(key)
                if record is not None:
                    error = own_error(key, reason, refused.message)
                    error.missing_keys.extend(refused.keys)
                    self._move(record, ERROR, error)

    def _accepted(self, number: int) -> None:
        self._graphs_accepted = max(self._graphs_accepted, number)
        while self._asked and self._asked[0][0] <= self._graphs_accepted:
            self.fired.append(self._asked.popleft()[1])

    def _counted(self, workers: pb.WorkerCount) -> None:
        self.workers.CopyFrom(workers)
        self.fired.extend(self._worker_watches)

    def _closes(self, closing: server_pb2.Closing) -> None:
        self.closing = closing.reason or "it stops"

    def _cancelled(self, keys: Iterable[pb.KeyCancelled]) -> None:
        for cancelled in keys:
            self._was_cancelled(cancelled)

    def _was_cancelled(self, cancelled: pb.KeyCancelled) -> None:
        key = cancelled.key
        if cancelled.own:
            self._cancelling[key] -= 1
            if self._cancelling[key] <= 0:
                del self._cancelling[key]
            return
        record = self._current(key)
        if record is not None:
            del self.records[key]
            error = cancelled_error(key, cancelled.reason, cancelled.client)
            self._move(record, CANCELLED, error)
            self._releases[key] = None  # if it was submitted anew meanwhile, nobody holds that

    def _current(self, key: str) -> FutureRecord | None:
        """Return the record that news of a key is about; None if it is about an older task."""
        return None if key in self._cancelling else self.records.get(key)

    def _say_again(self, old: pb.FromClient) -> None:
        """Put into the open batch what of an older one still has to be said."""
        for graph in old.graphs:
            if graph.number > self._graphs_accepted:
                self._batch(graph.ByteSize()).graphs.append(graph)
        batch = self._batch()
        batch.scattered.extend(old.scattered)
        batch.hold.extend(hold for hold in old.hold if hold.holder)
        batch.retry.extend(old.retry)
        if old.HasField("goodbye"):
            batch.goodbye.CopyFrom(old.goodbye)
        batch.unhold.extend(old.unhold)
        if old.cancel:
            batch.cancel.extend(old.cancel)
            self._cancelling.update(key for cancel in old.cancel for key in cancel.keys)
            self._close()

    FROM_SCHEDULER: ClassVar[dict[str, Callable[[ClientBrain, Any], None]]] = {
        "peers": _peers,
        "refused": _refused,
        "lost": _lost,
        "finished": _finished,
        "erred": _erred,
        "cancelled": _cancelled,
        "graphs_accepted": _accepted,
        "workers": _counted,
        "closing": _closes,
    }


def own_error(key: str, reason: str, message: str) -> error_pb2.TaskError:
    """Describe an error that the system itself gives a key."""
    return error_pb2.TaskError(
        runtime=SYSTEM,
        type=SYSTEM,
        reason=reason,
        message=message,
        key=key,
        kind=error_pb2.TASK_ERROR_KIND_SYSTEM,
    )


def cancelled_error(key: str, reason: str, client: str) -> error_pb2.TaskError:
    """Say who gave a key up and why, as far as it is known."""
    by = f" by {client}" if client else ""
    why = f": {reason}" if reason else ""
    error = own_error(key, "CANCELLED", f"the task {key!r} was cancelled{by}{why}")
    error.kind = error_pb2.TASK_ERROR_KIND_CANCELLED
    return error
