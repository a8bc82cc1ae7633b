"""A scheduler written by hand from the protocol: it says what the test tells it to say.

It plays the other side of a worker's stream over real gRPC, as any implementation might; the Center
beside it is the real one.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio

from gdistributed.core.center.brain import CenterBrain
from gdistributed.data.arguments import pack_call
from gdistributed.data.functions import pack_function
from gdistributed.errors import GDistributedError
from gdistributed.services.center.service import CenterService
from gdistributed.services.worker.server import Worker
from gdistributed.v1 import (
    center_pb2,
    center_pb2_grpc,
    scheduler_pb2_grpc,
    server_pb2,
    task_pb2,
    value_pb2,
    worker_pb2,
)
from gdistributed.wire.server import Server
from gdistributed.wire.software import own_software

Context = grpc.aio.ServicerContext[Any, Any]
Found = TypeVar("Found")


class Stage(Server):
    """A server to which workers connect; each stream becomes a `Line`."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(role="scheduler", port=port)
        self.lines: asyncio.Queue[Line] = asyncio.Queue()
        self.refusal: GDistributedError | None = None
        self.software = own_software()
        self.greeted = asyncio.Event()
        self.may_welcome = asyncio.Event()
        self.may_welcome.set()
        self._open: list[Line] = []
        self._begin()

    async def opening(self) -> None:
        self.center = CenterService(CenterBrain("the-cluster"))
        member = center_pb2.Member(
            id=self.id, role="scheduler", name="stage", address=self.address,
            address_to_workers=self.address, software=own_software(),
        )  # fmt: skip
        self.center.call(self.center.brain.register, member, math.inf, self.center.now())
        self.add_servicer(center_pb2_grpc.add_CenterServicer_to_server, self.center)
        self.add_servicer(scheduler_pb2_grpc.add_SchedulerServicer_to_server, _Streams(self))

    async def closing(self, grace_s: float) -> None:
        self.may_welcome.set()
        for line in self._open:
            line.break_off()

    async def closed(self) -> None:
        self.center.close()

    async def serve(self, requests: AsyncIterator[worker_pb2.FromWorker], context: Context) -> None:
        first = await context.read()
        if self.refusal is not None:
            raise self.refusal
        self.greeted.set()
        await self.may_welcome.wait()
        await context.write(
            worker_pb2.ToWorker(
                welcome=server_pb2.Welcome(
                    software=self.software, cluster_id="the-cluster", epoch=1, session_id="s",
                    limits=server_pb2.Limits(inline_nbytes=16_384, heartbeat={"nanos": 50_000_000}),
                )
            )
        )  # fmt: skip
        line = Line(context, first.hello)
        self._open.append(line)
        self.lines.put_nowait(line)
        await line.serve()

    async def line(self) -> Line:
        """Return the next stream."""
        return await self.lines.get()


class _Streams(scheduler_pb2_grpc.SchedulerServicer):
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def ConnectWorker(
        self, requests: AsyncIterator[worker_pb2.FromWorker], context: Context
    ) -> None:
        await self._stage.serve(requests, context)


class Line:
    """One stream of a worker."""

    def __init__(self, context: Context, hello: worker_pb2.WorkerHello) -> None:
        self.hello = hello
        self.said = worker_pb2.FromWorker()
        self._context = context
        self._sequence = 0
        self._functions: dict[str, int] = {}
        self._news = asyncio.Event()
        self._over = asyncio.Event()

    async def serve(self) -> None:
        reading = asyncio.create_task(self._read())
        over = asyncio.create_task(self._over.wait())
        await asyncio.wait([reading, over], return_when=asyncio.FIRST_COMPLETED)
        reading.cancel()
        over.cancel()

    async def _read(self) -> None:
        sequence = 0
        while (message := await self._context.read()) is not grpc.aio.EOF:
            sequence += 1
            assert message.sequence == sequence
            self.said.MergeFrom(message)
            self._news.set()
        self._over.set()
        self._news.set()

    def break_off(self) -> None:
        """End the stream without a word."""
        self._over.set()

    async def ended(self) -> None:
        """Wait until the worker ends the stream."""
        await self._over.wait()

    async def say(self, **fields: object) -> None:
        self._sequence += 1
        await self._context.write(
            worker_pb2.ToWorker(sequence=self._sequence, **fields)  # type: ignore[arg-type]
        )

    async def until(self, condition: Callable[[worker_pb2.FromWorker], Found]) -> Found:
        """Wait until all that was said fulfils a condition, and return what the condition does."""
        while not (found := condition(self.said)):
            self._news.clear()
            await self._news.wait()
        return found

    async def run(
        self,
        key: str,
        function: Callable[..., object],
        *args: object,
        attempt: int = 1,
        dependencies: tuple[worker_pb2.Dependency, ...] = (),
        codecs: tuple[str, ...] = (),
        actor: bool = False,
        **fields: object,
    ) -> None:
        """Hand a task out, with all that it needs."""
        message = pack_function(function)
        number = self._functions.setdefault(
            f"{message.id} {codecs} {actor}", len(self._functions) + 1
        )
        template = task_pb2.TaskTemplate(
            id=number, function_id=message.id, prefix="f", result_codecs=codecs, actor=actor
        )
        task = worker_pb2.RunTask(
            key=key,
            attempt=attempt,
            template=number,
            dependencies=dependencies,
            arguments=pack_call(args, {})[0],
        )
        await self.say(functions=[message], templates=[template], run=[task], **fields)

    async def finished(self, key: str) -> task_pb2.TaskFinished:
        return await self._report("finished", key)

    async def erred(self, key: str) -> task_pb2.TaskErred:
        return await self._report("erred", key)

    async def _report(self, kind: str, key: str) -> Any:  # noqa: ANN401
        def find(said: worker_pb2.FromWorker) -> object:
            return next((each for each in getattr(said, kind) if each.key == key), None)

        return await self.until(find)


def peer(worker: Worker, number: int = 1) -> task_pb2.Peer:
    return task_pb2.Peer(number=number, worker_id=worker.id, address=worker.address, host="h")


def payload(data: bytes) -> value_pb2.Payload:
    return value_pb2.Payload.FromString(data)


# ---- What tasks do. They are pickled by name, so that they see the gates of the test.


GATES: dict[str, threading.Event] = {}
REACHED: dict[str, threading.Event] = {}


def pass_gate(name: str) -> None:
    """Wait until the test opens a gate."""
    if name in REACHED:
        REACHED[name].set()
    GATES[name].wait(30)


def fail(x: int) -> None:
    """Raise."""
    raise ValueError(f"bad {x}")
