"""A worker that is judged, and who it meets: a scheduler and two peers, all of them played.

What happens between them is waited for here: streams that come and break, words of the worker, the
end of its process. Every wait ends when the rule's time is up.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, Final, TypeVar

import grpc

from gdistributed.conformance.calls import WorkerCalls
from gdistributed.conformance.conversation import Conversation, new_welcome
from gdistributed.conformance.peer import Peer
from gdistributed.conformance.process import WorkerProcess
from gdistributed.conformance.rule import NoWorker, Violation, cut_in_the_middle
from gdistributed.conformance.scheduler import PlayedScheduler, Visit
from gdistributed.errors import ConnectionLost, GDistributedError
from gdistributed.v1 import server_pb2, worker_pb2
from gdistributed.wire.status import StatusError

Found = TypeVar("Found")

BROKEN: Final = ConnectionLost("the stream breaks, to see what the worker does")
HEARD_LENGTH: Final = 600
CLOSING: Final = StatusError(grpc.StatusCode.UNAVAILABLE, "CLOSING", "the scheduler stops")


class Meeting:
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
    deadline
        When the rule's time is up, by the loop's clock.
    """

    def __init__(self, command: str, address: str, start_s: float) -> None:
        self._command = command
        self._start_s = start_s
        self._news = asyncio.Event()
        self.scheduler: Final = PlayedScheduler(address, self._news.set)
        self.holder: Final = Peer(1)
        self.other_holder: Final = Peer(2)
        self.deadline = math.inf
        self._process: WorkerProcess | None = None
        self._conversation: Conversation | None = None
        self._visit: Visit | None = None
        self._worker: WorkerCalls | None = None
        self._heard_before = 0

    # ---- Life

    async def open(self) -> None:
        """Listen, and start the worker."""
        for server in (self.scheduler, self.holder, self.other_holder):
            await server.start()
        if self._command:
            self._process = await WorkerProcess.start(
                self._command, self.scheduler.address, self._news.set
            )

    async def close(self) -> None:
        """End the worker, and all else."""
        try:
            if self._process is not None:
                await self._end(self._process)
        finally:
            if self._worker is not None:
                await self._worker.close()
            for server in (self.scheduler, self.holder, self.other_holder):
                await server.stop(0)

    async def _end(self, process: WorkerProcess) -> None:
        conversation = self._conversation
        if conversation is None or conversation.visit.is_over:
            await process.kill()
            return
        conversation.visit.write(
            worker_pb2.ToWorker(
                sequence=conversation.sent + 1,
                goodbye=server_pb2.Goodbye(reason="the rules are played"),
            )
        )
        await process.end()

    async def start_again(self) -> None:
        """Kill the worker, and start another in its place."""
        await self.process.kill()
        self._process = await WorkerProcess.start(
            self._command, self.scheduler.address, self._news.set
        )

    def begin_rule(self, timeout_s: float) -> None:
        """Get ready for a rule, which has so much time."""
        self.deadline = asyncio.get_running_loop().time() + timeout_s
        self._heard_before = len(self._conversation.messages) if self._conversation else 0
        for peer in (self.holder, self.other_holder):
            peer.forget()

    @property
    def process(self) -> WorkerProcess:
        """The worker's process.

        Raises
        ------
        NoWorker
            If a person has started it.
        """
        if self._process is None:
            raise NoWorker("the worker's process is not the suite's")
        return self._process

    @property
    def remaining_s(self) -> float:
        """How much time the rule has left."""
        return max(self.deadline - asyncio.get_running_loop().time(), 0.0)

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
    def worker(self) -> WorkerCalls:
        """The worker's own server."""
        if self._worker is None:
            self._worker = WorkerCalls(self.hello, lambda: self.remaining_s)
        return self._worker

    @property
    def is_usable(self) -> bool:
        """Whether there is a session that a rule can play in."""
        return self._conversation is not None and not self._conversation.visit.is_over

    async def next_visit(self) -> Visit:
        """Wait for a stream of the worker, and take it up."""
        await self._wait_for_a_visit()
        last, self._visit = self._visit, self.scheduler.visits.popleft()
        is_another = last is not None and last.first.hello.worker_id != self.hello.worker_id
        if is_another and self._worker is not None:
            await self._worker.close()
            self._worker = None
        return self._visit

    async def _wait_for_a_visit(self) -> None:
        visits = self.scheduler.visits
        await self.until(lambda: bool(visits), "a stream of the worker", needs_stream=False)

    async def arrive(self) -> None:
        """Wait for the worker's first stream; for one that a person starts without end.

        Raises
        ------
        NoWorker
            If it does not come.
        """
        self.deadline = math.inf
        if self._process is not None:
            self.deadline = asyncio.get_running_loop().time() + self._start_s
        try:
            await self._wait_for_a_visit()
        except Violation:
            raise NoWorker(self._why_nobody_came()) from None

    def _why_nobody_came(self) -> str:
        process = self.process
        how = f"did not connect to {self.scheduler.address} within {self._start_s:g} s"
        if process.exit_status is not None:
            how = f"never connected: {process.ended_how()}"
        return f"the worker {how};\n{process.last_words()}"

    def welcome(self, visit: Visit, **changes: Any) -> Conversation:  # noqa: ANN401
        """Answer a hello by the welcome of a new session."""
        welcome = new_welcome(**changes)
        visit.write(worker_pb2.ToWorker(welcome=welcome))
        self._conversation = Conversation(visit, welcome)
        self._heard_before = 0
        return self._conversation

    def resume(self, visit: Visit, received: int | None = None) -> None:
        """Let the session go on over another stream, as if so many messages had come."""
        conversation = self.conversation
        received = conversation.received if received is None else received
        welcome = new_welcome(
            session_id=conversation.welcome.session_id, resumed=True, received=received
        )
        visit.write(worker_pb2.ToWorker(welcome=welcome))
        conversation.go_on(visit, received)

    async def break_stream(self, error: GDistributedError | None = BROKEN) -> Visit:
        """End the worker's stream, with a status or in order, and wait for the next one."""
        self.conversation.visit.end(error)
        return await self.next_visit()

    # ---- Waiting

    async def until(
        self, look: Callable[[], Found | None], what: str, *, needs_stream: bool = True
    ) -> Found:
        """Wait until something is seen.

        Raises
        ------
        Violation
            If it does not come before the rule's time is up, or cannot come any more.
        """
        while not (found := look()):
            if self._process is not None and self._process.exit_status is not None:
                raise Violation(what, f"{self._process.ended_how()};\n{self._process.last_words()}")
            if needs_stream and self.conversation.visit.is_over:
                if self._process is not None and await self._process.ends_soon():
                    continue  # that explains it
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
        return cut_in_the_middle("; ".join(words), HEARD_LENGTH) if words else "only heartbeats"

    async def wait_for_end(self, why: str) -> WorkerProcess:
        """Wait until the worker's process has ended."""
        process = self.process
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
