"""What a rule plays on: a worker with its scheduler and two peers, and the words to direct them."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import grpc
import grpc.aio

from gdistributed.conformance.conversation import EPOCH, Conversation, new_welcome
from gdistributed.conformance.functions import NAMES
from gdistributed.conformance.peer import Peer
from gdistributed.conformance.process import WorkerProcess
from gdistributed.conformance.rule import NoWorker, Violation, expect, expect_equal, shortened
from gdistributed.conformance.scheduler import PlayedScheduler, Visit
from gdistributed.conformance.transfers import Answer
from gdistributed.conformance.values import CODECS, argument_of, value_in, value_in_bytes
from gdistributed.errors import ConnectionLost, GDistributedError
from gdistributed.v1 import (
    server_pb2,
    server_pb2_grpc,
    task_pb2,
    value_pb2,
    worker_pb2,
    worker_pb2_grpc,
)
from gdistributed.wire.channel import open_channel
from gdistributed.wire.status import StatusError, reason_of_call

Found = TypeVar("Found")

ATTEMPTS: Final = EPOCH << 40  # the high bits of an attempt are the epoch

BROKEN: Final = ConnectionLost("the stream breaks, to see what the worker does")
CLOSING: Final = StatusError(grpc.StatusCode.UNAVAILABLE, "CLOSING", "the scheduler stops")

_keys = itertools.count(1)
_attempts = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task that was handed to the worker."""

    key: str
    attempt: int

    def named(self) -> worker_pb2.TaskAttempt:
        """Return its name on the wire."""
        return worker_pb2.TaskAttempt(key=self.key, attempt=self.attempt)


class Stage:
    """A worker under judgement, and who it speaks with.

    Parameters
    ----------
    command
        That starts the worker; empty when a person starts it.
    address
        Where the scheduler listens.
    start_s
        How long the worker may take until it connects.

    Attributes
    ----------
    scheduler
        The scheduler, played.
    holder, other_holder
        Two peers, played.
    process
        The worker's process; None when a person has started it.
    deadline
        When the rule's time is up, by the loop's clock.
    """

    def __init__(self, command: str, address: str, start_s: float) -> None:
        self.command = command
        self._start_s = start_s
        self._news = asyncio.Event()
        self.scheduler = PlayedScheduler(address, self._news.set)
        self.holder = Peer(1)
        self.other_holder = Peer(2)
        self.process: WorkerProcess | None = None
        self.deadline = 0.0
        self._conversation: Conversation | None = None
        self._visit: Visit | None = None
        self._channel: grpc.aio.Channel | None = None
        self._runs: list[Run] = []
        self._heard_before = 0
        self._functions: list[task_pb2.Function] = []
        self._templates: list[task_pb2.TaskTemplate] = []

    # ---- Life

    async def open(self) -> None:
        """Listen, and start the worker."""
        for server in (self.scheduler, self.holder, self.other_holder):
            await server.start()
        if self.command:
            self.process = await WorkerProcess.start(
                self.command, self.scheduler.address, self._news.set
            )

    async def close(self) -> None:
        """End the worker, and all else."""
        try:
            if self.process is not None:
                await self._end(self.process)
        finally:
            if self._channel is not None:
                await self._channel.close()
            for server in (self.scheduler, self.holder, self.other_holder):
                await server.stop(0)

    async def _end(self, process: WorkerProcess) -> None:
        conversation = self._conversation
        if conversation is None or conversation.visit.is_over:
            await process.kill()
            return
        await conversation.visit.write(
            worker_pb2.ToWorker(
                sequence=conversation.sent + 1,
                goodbye=server_pb2.Goodbye(reason="the rules are played"),
            )
        )
        await process.end()

    def begin_rule(self, timeout_s: float) -> None:
        """Get ready for a rule, which has so much time."""
        self.deadline = asyncio.get_running_loop().time() + timeout_s
        self._runs.clear()
        self._heard_before = len(self._conversation.messages) if self._conversation else 0
        for peer in (self.holder, self.other_holder):
            peer.forget()

    async def end_rule(self) -> None:
        """Take back what a rule has left behind."""
        if self._runs:
            runs = [run.named() for run in self._runs]
            await self.say(cancel=runs, free=list(dict.fromkeys(run.key for run in self._runs)))

    # ---- Streams and sessions

    @property
    def conversation(self) -> Conversation:
        """The session with the worker."""
        if self._conversation is None:
            raise NoWorker("there is no session yet")
        return self._conversation

    @property
    def hello(self) -> worker_pb2.WorkerHello:
        """What the worker said of itself last."""
        if self._visit is None:
            raise NoWorker("no worker has connected yet")
        return self._visit.first.hello

    @property
    def is_usable(self) -> bool:
        """Whether there is a session that a rule can play in."""
        return self._conversation is not None and not self._conversation.visit.is_over

    async def next_visit(self) -> Visit:
        """Wait for a stream of the worker, and take it up."""
        await self._wait_for_a_visit()
        self._visit = self.scheduler.visits.popleft()
        return self._visit

    async def _wait_for_a_visit(self) -> None:
        visits = self.scheduler.visits
        await self.until(lambda: bool(visits) or None, "a stream of the worker", needs_stream=False)

    async def arrive(self) -> None:
        """Wait for the worker's first stream; for one that a person starts without end.

        Raises
        ------
        NoWorker
            If it does not come.
        """
        self.deadline = math.inf
        if self.process is not None:
            self.deadline = asyncio.get_running_loop().time() + self._start_s
        try:
            await self._wait_for_a_visit()
        except Violation:
            raise NoWorker(self._why_nobody_came()) from None

    def _why_nobody_came(self) -> str:
        process = self.needs_process()
        how = f"did not connect to {self.scheduler.address} within {self._start_s:g} s"
        if process.exit_status is not None:
            how = f"never connected: {process.ended_how()}"
        return f"the worker {how};\n{process.last_words()}"

    async def welcome(self, visit: Visit, **changes: Any) -> Conversation:  # noqa: ANN401
        """Answer a hello by the welcome of a new session."""
        welcome = new_welcome(**changes)
        await visit.write(worker_pb2.ToWorker(welcome=welcome))
        self._conversation = Conversation(visit, welcome)
        self._heard_before = 0
        return self._conversation

    async def resume(self, visit: Visit, received: int | None = None) -> None:
        """Let the session go on over another stream, as if so many messages had come."""
        conversation = self.conversation
        received = conversation.received if received is None else received
        welcome = new_welcome(
            session_id=conversation.welcome.session_id, resumed=True, received=received
        )
        await visit.write(worker_pb2.ToWorker(welcome=welcome))
        await conversation.go_on(visit, received)

    async def break_stream(self, error: GDistributedError | None = BROKEN) -> Visit:
        """End the worker's stream, with a status or in order, and wait for the next one."""
        self.conversation.visit.end(error)
        return await self.next_visit()

    # ---- Words to the worker

    async def say(self, **fields: Any) -> int:  # noqa: ANN401
        """Say something, together with what was announced since the last time."""
        conversation = self.conversation
        if not conversation.peers_announced:
            conversation.peers_announced = True
            fields["peers"] = [each.announcement() for each in (self.holder, self.other_holder)]
        functions, self._functions = self._functions, []
        templates, self._templates = self._templates, []
        return await conversation.say(functions=functions, templates=templates, **fields)

    def task(
        self,
        name: str,
        *arguments: object,
        key: str = "",
        attempt: int = 0,
        rank: int = 0,
        dependencies: Iterable[worker_pb2.Dependency] = (),
        **template: Any,  # noqa: ANN401
    ) -> worker_pb2.RunTask:
        """Make a task that calls a function of the kit; what it needs is announced with it.

        Parameters
        ----------
        name
            Of the function, without "conformance.".
        arguments
            Values, or Argument messages.
        template
            Fields of its TaskTemplate.
        """
        run = Run(key or self.new_key(), attempt or new_attempt())
        self._runs.append(run)
        given = value_pb2.Arguments(arguments=[argument_of(each) for each in arguments])
        return worker_pb2.RunTask(
            key=run.key,
            attempt=run.attempt,
            template=self._template(name, template),
            rank=rank,
            dependencies=dependencies,
            arguments=given.SerializeToString(),
        )

    def _template(self, name: str, options: dict[str, Any]) -> int:
        runtime = self.runtime
        function_id = f"{runtime}:conformance.{name}"
        if function_id not in self.conversation.functions:
            self.conversation.functions.add(function_id)
            self._functions.append(
                task_pb2.Function(id=function_id, runtime=runtime, name=f"conformance.{name}")
            )
        options.setdefault("result_codecs", CODECS)
        template = task_pb2.TaskTemplate(function_id=function_id, prefix=name, **options)
        template_id, is_new = self.conversation.template_of(template)
        if is_new:
            template.id = template_id
            self._templates.append(template)
        return template_id

    @property
    def runtime(self) -> str:
        """The runtime of the worker that offers the kit.

        Raises
        ------
        NoWorker
            If none does.
        """
        for offer in self.hello.runtimes:
            if set(NAMES) <= {each.name for each in offer.functions}:
                return offer.runtime
        raise NoWorker(
            "the worker offers no runtime with all functions that it is judged by, which are "
            + ", ".join(NAMES)
        )

    @staticmethod
    def new_key() -> str:
        """Return a key that nobody knows."""
        return f"conformance-{next(_keys)}"

    async def run(self, name: str, *arguments: object, **options: Any) -> Run:  # noqa: ANN401
        """Hand a task to the worker; see `task`."""
        task = self.task(name, *arguments, **options)
        await self.say(run=[task])
        return Run(task.key, task.attempt)

    async def settle(self) -> None:
        """Wait until the worker has heard all that was said: it answers each revoke."""
        nobody = worker_pb2.TaskAttempt(key=self.new_key(), attempt=new_attempt())
        await self.say(revoke=[nobody])
        await self.until(
            lambda: self._first("revoked", nobody), "the answer to a revoke of an unknown task"
        )

    # ---- Words of the worker

    async def until(
        self, look: Callable[[], Found | None], what: str, *, needs_stream: bool = True
    ) -> Found:
        """Wait until something is seen.

        Raises
        ------
        Violation
            If it does not come before the rule's time is up, or cannot come any more.
        """
        while (found := look()) is None:
            if self.process is not None and self.process.exit_status is not None:
                raise Violation(what, f"{self.process.ended_how()};\n{self.process.last_words()}")
            if needs_stream and self.conversation.visit.is_over:
                raise Violation(what, f"the worker has ended its stream; {self.heard()}")
            self._news.clear()
            try:
                async with asyncio.timeout_at(self.deadline if self.deadline < math.inf else None):
                    await self._news.wait()
            except TimeoutError:
                raise Violation(f"{what}, in time", self.heard()) from None
        return found

    def heard(self) -> str:
        """Say what the worker has said since the rule began, for people."""
        if self._conversation is None:
            return "nothing"
        words = []
        for message in self._conversation.messages[self._heard_before :]:
            said = worker_pb2.FromWorker()
            said.CopyFrom(message)
            for dull in ("sequence", "acknowledged", "heartbeat"):
                said.ClearField(dull)
            if said.ByteSize():
                words.append(" ".join(str(said).split()))
        return shortened("; ".join(words), 600).strip("'\"") if words else "only heartbeats"

    def _first(self, kind: str, name: Run | worker_pb2.TaskAttempt) -> Any:  # noqa: ANN401
        for each in self.conversation.each(kind):
            if (each.key, each.attempt) == (name.key, name.attempt):
                return each
        return None

    async def finished(self, run: Run) -> task_pb2.TaskFinished:
        """Wait for the report of a task that should succeed."""
        await self.until(lambda: self._report(run), f"a report on the task {run}")
        report = self._report(run)
        if isinstance(report, task_pb2.TaskErred):
            raise Violation(
                "a task that succeeds", f"its error {report.error.type}: {report.error.message}"
            )
        assert report is not None
        return report

    async def erred(self, run: Run) -> task_pb2.TaskErred:
        """Wait for the report of a task that should fail."""
        await self.until(lambda: self._report(run), f"a report on the task {run}")
        report = self._report(run)
        if isinstance(report, task_pb2.TaskFinished):
            raise Violation("a task that fails", f"its result, a {report.type}")
        assert report is not None
        return report

    def _report(self, run: Run) -> task_pb2.TaskFinished | task_pb2.TaskErred | None:
        report: task_pb2.TaskFinished | task_pb2.TaskErred | None
        report = self._first("finished", run) or self._first("erred", run)
        return report

    async def answer(self, kind: str, run: Run, what: str) -> Any:  # noqa: ANN401
        """Wait for what a worker says of a run, of one kind: "revoked", "started", ..."""
        return await self.until(lambda: self._first(kind, run), what)

    async def value(self, run: Run) -> object:
        """Wait for the result of a task, in its report or from the worker."""
        report = await self.finished(run)
        if report.value:
            return value_in_bytes(report.value)
        return value_in((await self.get([run.key], accept_codecs=CODECS)).payload())

    # ---- The worker's own server

    def stub(self) -> worker_pb2_grpc.WorkerAsyncStub:
        """Return the worker's own service."""
        return worker_pb2_grpc.WorkerStub(self.channel())

    def server_stub(self) -> server_pb2_grpc.ServerAsyncStub:
        """Return what every server of a cluster answers."""
        return server_pb2_grpc.ServerStub(self.channel())

    def channel(self) -> grpc.aio.Channel:
        """Return a channel to the worker."""
        if self._channel is None:
            self._channel = open_channel(self.hello.address)
        return self._channel

    async def get(self, keys: Sequence[str], **request: Any) -> Answer:  # noqa: ANN401
        """Ask the worker for values."""
        request.setdefault("worker_id", self.hello.worker_id)
        answer = Answer()
        call = self.stub().GetData(
            worker_pb2.GetDataRequest(keys=keys, caller="conformance", **request),
            timeout=self.remaining_s(),
        )
        try:
            await answer.take(call)
        except grpc.aio.AioRpcError as error:
            raise Violation("an answer of Worker.GetData", described(error)) from None
        return answer

    async def call(self, method: Callable[..., Any], request: object) -> Any:  # noqa: ANN401
        """Call a method of the worker's server that should be answered."""
        try:
            return await method(request, timeout=self.remaining_s())
        except grpc.aio.AioRpcError as error:
            raise Violation(f"an answer to {type(request).__name__}", described(error)) from None

    async def refused(self, call: Any, code: str, reason: str) -> None:  # noqa: ANN401
        """Await a call that should be refused, with this code and reason."""
        try:
            if hasattr(call, "__aiter__"):
                async for _ in call:
                    pass
            else:
                await call
        except grpc.aio.AioRpcError as error:
            expect_equal(error.code().name, code, "the status")
            expect_equal(reason_of_call(error), reason, "the reason in `gdistributed-reason`")
        else:
            raise Violation(f"the status {code} ({reason})", "an answer")

    def remaining_s(self) -> float:
        """How much time the rule has left."""
        return max(self.deadline - asyncio.get_running_loop().time(), 0.0)

    def needs_process(self) -> WorkerProcess:
        """Return the worker's process."""
        expect(self.process is not None, "a process of the worker", "none")
        assert self.process is not None
        return self.process

    async def wait_for_end(self, why: str) -> WorkerProcess:
        """Wait until the worker's process has ended."""
        process = self.needs_process()
        while process.exit_status is None:
            self._news.clear()
            try:
                async with asyncio.timeout_at(self.deadline):
                    await self._news.wait()
            except TimeoutError:
                raise Violation(
                    f"the end of the process, {why}", f"it runs on; {process.last_words()}"
                ) from None
        return process


def new_attempt() -> int:
    """Return the number of a new attempt: larger than all before."""
    return ATTEMPTS + next(_attempts)


def described(error: grpc.aio.AioRpcError) -> str:
    """Say how a call failed, for people."""
    reason = reason_of_call(error)
    return f"{error.code().name}{f' ({reason})' if reason else ''}: {error.details()}"
