"""A scheduler's brain with workers and clients that do as they are told: builder and ear in one.

A script plays messages in and looks at the messages that come out. `close` audits the brain and
insists that nothing was said that the test did not look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gdistributed.core.scheduler.audit import audit
from gdistributed.core.scheduler.brain import SchedulerBrain
from gdistributed.settings import SchedulerSettings
from gdistributed.v1 import (
    error_pb2,
    scheduler_pb2,
    server_pb2,
    task_pb2,
    worker_pb2,
)


class Script:
    """One brain, driven by hand. Task `x` on worker `w` by client `c` are all just names."""

    def __init__(self, settings: SchedulerSettings | None = None) -> None:
        self.brain = SchedulerBrain(settings)
        self.now = 0.0
        self.attempts: dict[tuple[str, str], int] = {}
        self.heard: dict[str, list[str]] = {}
        self.templates: dict[str, dict[tuple, int]] = {}
        self.graphs: dict[str, int] = {}

    # Peers

    def worker(self, name: str, threads: int = 1, **hello: object) -> None:
        runtimes = [worker_pb2.RuntimeOffer(runtime="python", runs_code=True, any_name=True)]
        software = server_pb2.Software(protocol_major=1)
        hello = {"runtimes": runtimes, "host": "h", "software": software, **hello}
        hello = worker_pb2.WorkerHello(
            worker_id=name,
            name=name,
            address=f"{name}:1",
            nthreads=threads,
            **hello,
        )
        self.brain.worker_connected(hello, self.now)
        self.listen()

    def client(self, name: str) -> None:
        self.brain.client_connected(scheduler_pb2.ClientHello(client_id=name, name=name), self.now)
        self.listen()
        self.heard[name] = []

    def worker_breaks(self, name: str) -> None:
        """The stream of a worker breaks."""
        self.brain.worker_disconnected(name, self.now)
        self.listen()

    def worker_resumes(self, name: str) -> bool:
        """A worker comes back with its session, having heard all; False if that is gone."""
        worker = self.brain.books.workers[name]
        hello = worker_pb2.WorkerHello.FromString(worker.hello.SerializeToString())
        session = self.brain.worker_sessions.of(name)
        assert session is not None
        hello.resume.session_id, hello.resume.received = session.id, session.sent
        session = self.brain.worker_connected(hello, self.now)
        self.listen(name)
        return session.resumed

    def worker_returns(
        self,
        name: str,
        held: Iterable[str] = (),
        running: Iterable[str] = (),
        finished: Iterable[str] = (),
        threads: int = 1,
        **hello: object,
    ) -> None:
        """A worker comes back without its session; what it has are the runs it heard of last."""
        self.worker(name, threads, epoch=1, **hello)
        inventory = worker_pb2.Inventory(last=True)
        for key in (*held, *finished):
            attempt = self.attempts.get((name, key), 0)
            inventory.held.add(key=key, nbytes=8, type="int", attempt=attempt)
        for key in finished:
            inventory.finished.add(key=key, attempt=self.attempts[name, key], nbytes=8, type="int")
        for key in running:
            inventory.running.add(key=key, attempt=self.attempts[name, key])
        self.say_worker(name, worker_pb2.FromWorker(inventory=inventory))

    def client_breaks(self, name: str) -> None:
        """The stream of a client breaks."""
        self.brain.client_disconnected(name, self.now)
        self.listen()

    def client_resumes(self, name: str) -> bool:
        """A client comes back with its session, having heard all; False if that is gone."""
        hello = scheduler_pb2.ClientHello(client_id=name, name=name)
        session = self.brain.client_sessions.of(name)
        if session is not None:
            hello.resume.session_id, hello.resume.received = session.id, session.sent
        session = self.brain.client_connected(hello, self.now)
        self.listen(name)
        return session.resumed

    def pass_time(self, seconds: float, silent: Iterable[str] = ()) -> None:
        """Let time pass; workers that have a stream send heartbeats, but for those named."""
        target = self.now + seconds
        while self.now < target:
            self.now = min(self.now + 1.0, target)
            for worker in list(self.brain.books.workers.values()):
                if worker.is_connected and worker.id not in silent:
                    heartbeat = worker_pb2.Heartbeat(status=worker.status)
                    batch = worker_pb2.FromWorker(heartbeat=heartbeat)
                    self.brain.on_worker(worker.id, batch, self.now)
            self.brain.on_time(self.now)
        self.listen()

    def worker_dies(self, name: str) -> None:
        self.brain.worker_lost(name, "killed", self.now)
        self.heard.pop(name, None)
        self.listen()

    def worker_leaves(self, name: str) -> None:
        self.brain.worker_lost(name, "goodbye", self.now, died=False)
        self.listen()

    def client_leaves(self, name: str) -> None:
        self.brain.client_gone(name, "goodbye", self.now)
        self.heard.pop(name, None)
        self.listen()

    # What clients say

    def submit(
        self,
        client: str,
        tasks: str,
        wants: Iterable[str] | None = None,
        array: bool = False,
        trace: str = "",
        **options: object,
    ) -> None:
        """Submit a graph written as "x y=x z=x,y": each task and what it depends on."""
        batch = scheduler_pb2.FromClient()
        template = self._template(client, batch, options)
        graph = batch.graphs.add(number=self.graphs.get(client, 0) + 1, traceparent=trace)
        self.graphs[client] = graph.number
        if array:
            keys = tasks.split()
            graph.arrays.add(template=template, keys=keys, arguments=[b"a"] * len(keys))
        else:
            for order, word in enumerate(tasks.split()):
                key, _, names = word.partition("=")
                graph.tasks.add(
                    key=key,
                    template=template,
                    dependencies=[name for name in names.split(",") if name],
                    order=order,
                    arguments=b"a",
                )
        if wants is None:
            graph.wants_all = True
        else:
            graph.wants.extend(wants)
        self.say_client(client, batch)

    def piece(
        self,
        client: str,
        tasks: str,
        wants: Iterable[str] = (),
        begun_by: int = 0,
        more: bool | None = None,
        dependents: Mapping[str, int] | None = None,
        trace: str = "",
    ) -> None:
        """Submit a piece of a graph; it is the last one if it wants something or has no tasks."""
        batch = scheduler_pb2.FromClient()
        template = self._template(client, batch, {})
        wants = list(wants)
        graph = batch.graphs.add(
            number=self.graphs.get(client, 0) + 1,
            begun_by=begun_by,
            wants=wants,
            more=bool(tasks and not wants) if more is None else more,
            traceparent=trace,
        )
        self.graphs[client] = graph.number
        for order, word in enumerate(tasks.split()):
            key, _, names = word.partition("=")
            graph.tasks.add(
                key=key,
                template=template,
                dependencies=[name for name in names.split(",") if name],
                order=order,
                dependents=(dependents or {}).get(key, 0),
            )
        self.say_client(client, batch)

    def _template(
        self, client: str, batch: scheduler_pb2.FromClient, options: dict[str, object]
    ) -> int:
        known = self.templates.setdefault(client, {})
        identity = tuple(sorted((name, repr(value)) for name, value in options.items()))
        if identity not in known:
            known[identity] = len(known) + 1
            runtime, name = options.pop("runtime", "python"), options.pop("function", "m.f")
            function_id = f"{runtime}:{name}"
            batch.functions.add(id=function_id, runtime=runtime, name=name)
            batch.templates.add(id=known[identity], function_id=function_id, prefix="f", **options)
        return known[identity]

    def scatter(self, client: str, key: str, *workers: str, nbytes: int = 8) -> None:
        batch = scheduler_pb2.FromClient()
        batch.scattered.add(key=key, nbytes=nbytes, worker_ids=workers)
        self.say_client(client, batch)

    def release(self, client: str, *keys: str) -> None:
        self.say_client(client, scheduler_pb2.FromClient(release=keys))

    def cancel(self, client: str, *keys: str, force: bool = False, reason: str = "") -> None:
        batch = scheduler_pb2.FromClient()
        batch.cancel.add(keys=keys, force=force, reason=reason)
        self.say_client(client, batch)

    def retry(self, client: str, *keys: str) -> None:
        batch = scheduler_pb2.FromClient()
        batch.retry.add(keys=keys)
        self.say_client(client, batch)

    def hold(self, client: str, *keys: str, holder: str = "") -> None:
        batch = scheduler_pb2.FromClient()
        batch.hold.add(keys=keys, holder=holder)
        self.say_client(client, batch)

    def say_client(self, client: str, batch: scheduler_pb2.FromClient) -> None:
        self.brain.on_client(client, batch, self.now)
        self.listen()

    # What workers say

    def finish(
        self,
        worker: str,
        *keys: str,
        nbytes: int = 8,
        value: bytes = b"",
        seconds: float = 0.01,
        attempt: int | None = None,
    ) -> None:
        batch = worker_pb2.FromWorker()
        for key in keys:
            batch.finished.add(
                key=key,
                attempt=self.attempts[worker, key] if attempt is None else attempt,
                nbytes=nbytes,
                run_ns=int(seconds * 1e9),
                value=value,
                type="int",
            )
        self.say_worker(worker, batch)

    def fail(
        self, worker: str, key: str, error: str = "ValueError", retryable: bool = True
    ) -> None:
        failure = error_pb2.TaskError(type=error, retryable=retryable, counts=True, key=key)
        batch = worker_pb2.FromWorker()
        batch.erred.add(key=key, attempt=self.attempts[worker, key], error=failure)
        self.say_worker(worker, batch)

    def missing(self, worker: str, key: str, holder: str, unreachable: bool = False) -> None:
        batch = worker_pb2.FromWorker()
        batch.missing.add(key=key, worker_id=holder, unreachable=unreachable)
        self.say_worker(worker, batch)

    def stored(self, worker: str, *keys: str) -> None:
        batch = worker_pb2.FromWorker(stored=[task_stored(key) for key in keys])
        self.say_worker(worker, batch)

    def begin(self, worker: str, key: str) -> None:
        started = worker_pb2.TaskAttempt(key=key, attempt=self.attempts[worker, key])
        self.say_worker(worker, worker_pb2.FromWorker(started=[started]))

    def secede(self, worker: str, key: str, rejoined: bool = False) -> None:
        batch = worker_pb2.FromWorker()
        batch.seceded.add(key=key, attempt=self.attempts[worker, key], rejoined=rejoined)
        self.say_worker(worker, batch)

    def reschedule(self, worker: str, key: str) -> None:
        run = worker_pb2.TaskAttempt(key=key, attempt=self.attempts[worker, key])
        self.say_worker(worker, worker_pb2.FromWorker(rescheduled=[run]))

    def answer_revoke(self, worker: str, key: str, given_back: bool) -> None:
        answer = worker_pb2.RevokeAnswer(
            key=key, attempt=self.attempts[worker, key], given_back=given_back
        )
        self.say_worker(worker, worker_pb2.FromWorker(revoked=[answer]))

    def status(self, worker: str, status: int) -> None:
        batch = worker_pb2.FromWorker(heartbeat=worker_pb2.Heartbeat(status=status))
        self.say_worker(worker, batch)

    def say_worker(self, worker: str, batch: worker_pb2.FromWorker) -> None:
        self.brain.on_worker(worker, batch, self.now)
        self.listen()

    # What was heard

    def said(self, peer: str) -> list[str]:
        """Return what was said to a peer since the last look, a word for each message."""
        return self.heard.pop(peer, [])

    def state(self, key: str) -> str:
        task = self.brain.books.tasks.get(key)
        return task.state if task is not None else "forgotten"

    def close(self) -> None:
        """Audit, and insist that everything was looked at."""
        audit(self.brain)
        unheard = {peer: words for peer, words in self.heard.items() if words}
        assert not unheard

    def listen(self, back: str = "") -> None:
        """Take the mail of those who have streams; `back` is somebody who has one again."""
        books = self.brain.books
        for peer in dict.fromkeys((*self.brain.workers.fresh(), back)):
            worker = books.workers.get(peer)
            while worker is None or worker.is_connected:
                batch = self.brain.workers.take(peer)
                if batch is None:
                    break
                self.heard.setdefault(peer, []).extend(self._worker_words(peer, batch))
        for peer in dict.fromkeys((*self.brain.clients.fresh(), back)):
            client = books.clients.get(peer)
            while client is None or client.is_live:
                mail = self.brain.take_for_client(peer)
                if mail is None:
                    break
                self.heard.setdefault(peer, []).extend(client_words(mail))
        audit(self.brain)

    def _worker_words(self, worker: str, batch: worker_pb2.ToWorker) -> Iterable[str]:
        for wanted in batch.fetch:
            names = {worker.number: worker.name for worker in self.brain.books.workers.values()}
            places = ",".join(names.get(number, "?") for number in wanted.holders)
            yield f"fetch {wanted.key} from {places}"
        yield from (f"revoke {each.key}" for each in batch.revoke)
        for key in batch.reconcile.drop:
            yield f"drop {key}"
        for run in (*batch.reconcile.cancel, *batch.cancel):
            yield f"cancel {run.key}"
        for key in batch.free:
            yield f"free {key}"
        for run in batch.run:
            assert run.attempt > self.attempts.get((worker, run.key), 0)
            self.attempts[worker, run.key] = run.attempt
            places = ",".join(
                dependency.key
                + ("!" if dependency.value else "")
                + ("~" if dependency.own_result else "")
                for dependency in run.dependencies
            )
            trace = f" in {run.traceparent}" if run.traceparent else ""
            yield f"run {run.key}" + (f" with {places}" if places else "") + trace
        if batch.HasField("goodbye"):
            yield f"goodbye {batch.goodbye.reason}"


def client_words(batch: scheduler_pb2.ToClient) -> Iterable[str]:
    """Yield a word for each message to a client, but for answers, in their order."""
    for part in batch.output:
        yield f"output {part.key} {part.text}" + (f" -{part.left_out}" if part.left_out else "")
    for refused in batch.refused:
        yield f"refused {refused.reason} {','.join(refused.keys)}"
    yield from (f"lost {key}" for key in batch.lost)
    yield from (f"finished {each.key}" for each in batch.finished)
    yield from (f"erred {each.key} {each.error.type}" for each in batch.erred)
    yield from (f"cancelled {each.key}" for each in batch.cancelled if not each.own)


def task_stored(key: str) -> worker_pb2.StoredData:
    return worker_pb2.StoredData(key=key, nbytes=8)


__all__ = ["Script", "client_words", "task_pb2"]
