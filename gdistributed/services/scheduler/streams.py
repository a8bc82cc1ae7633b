"""The two streams: a hello comes in, a welcome goes out, and then batches both ways."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio
from google.protobuf import duration_pb2

from gdistributed.core.session import Session, check_software
from gdistributed.errors import MalformedMessage, Superseded
from gdistributed.services.extending import CAPABILITY
from gdistributed.services.scheduler.knocking import Knocks
from gdistributed.services.scheduler.shell import Shell
from gdistributed.v1 import scheduler_pb2, server_pb2, worker_pb2
from gdistributed.wire.link import Link
from gdistributed.wire.software import own_software
from gdistributed.wire.status import StatusError

logger = logging.getLogger("gdistributed.scheduler")

Context = grpc.aio.ServicerContext[Any, Any]


class Streams:
    """The rpcs ConnectWorker and ConnectClient.

    Parameters
    ----------
    shell
        Runs the brain.
    identity
        Gives cluster id, epoch and scheduler id for a welcome.
    """

    def __init__(self, shell: Shell, identity: Callable[[], server_pb2.Welcome]) -> None:
        self._shell = shell
        self._identity = identity
        self._limits = shell.brain.settings.limits
        self._knocks = Knocks(shell)
        self._is_closing = False

    async def ConnectWorker(
        self, _requests: AsyncIterator[worker_pb2.FromWorker], context: Context
    ) -> None:
        """Serve the stream of a worker until it ends."""
        shell, brain = self._shell, self._shell.brain
        hello = await self._first(context, "worker")
        self._check_extensions(hello)
        worker_id = hello.worker_id
        if (older := shell.worker_links.pop(worker_id, None)) is not None:
            older.end(Superseded(f"a newer stream of the worker {hello.name!r} took its place"))
        session = shell.call(brain.worker_connected, hello)
        ending = _Ending()

        def receive(batch: worker_pb2.FromWorker) -> None:
            if batch.HasField("goodbye"):
                ending.goodbye = batch.goodbye.reason or "goodbye"
            shell.call(brain.on_worker, worker_id, batch)

        link: Link[worker_pb2.FromWorker, worker_pb2.ToWorker] = Link(
            session, partial(brain.workers.take, worker_id), receive
        )
        shell.worker_links[worker_id] = link
        self._knocks.watch()
        fields = {"worker": hello.name or hello.address, "address": hello.address}
        logger.info("worker resumed" if session.resumed else "worker joined", extra=fields)
        try:
            await context.write(worker_pb2.ToWorker(welcome=self._welcome(session)))
            await link.run(context.read, context.write)
        finally:
            if shell.worker_links.get(worker_id) is link:
                del shell.worker_links[worker_id]
                if ending.goodbye:
                    lost = partial(brain.worker_lost, worker_id, ending.goodbye)
                    shell.call(lambda now: lost(now, died=False))
                elif brain.has_dismissed(worker_id):
                    shell.call(brain.worker_disconnected, worker_id)
                elif not self._is_closing:
                    logger.warning("the stream of a worker broke", extra=fields)
                    shell.call(brain.worker_disconnected, worker_id)
                    self._knocks.begin(hello)

    async def ConnectClient(
        self, _requests: AsyncIterator[scheduler_pb2.FromClient], context: Context
    ) -> None:
        """Serve the stream of a client until it ends."""
        shell, brain = self._shell, self._shell.brain
        hello = await self._first(context, "client")
        client_id = hello.client_id
        if (older := shell.client_links.pop(client_id, None)) is not None:
            older.end(Superseded(f"a newer stream of the client {hello.name!r} took its place"))
        session = shell.call(brain.client_connected, hello)
        ending = _Ending()

        def receive(batch: scheduler_pb2.FromClient) -> None:
            if batch.HasField("goodbye"):
                ending.goodbye = batch.goodbye.reason or "goodbye"
            shell.call(brain.on_client, client_id, batch)

        link: Link[scheduler_pb2.FromClient, scheduler_pb2.ToClient] = Link(
            session, partial(brain.take_for_client, client_id), receive
        )
        shell.client_links[client_id] = link
        fields = {"client": hello.name or client_id}
        logger.info("client resumed" if session.resumed else "client joined", extra=fields)
        try:
            await context.write(scheduler_pb2.ToClient(welcome=self._welcome(session)))
            await link.run(context.read, context.write)
        finally:
            if shell.client_links.get(client_id) is link:
                del shell.client_links[client_id]
                if ending.goodbye:
                    logger.info("client left", extra={**fields, "cause": ending.goodbye})
                    shell.call(brain.client_gone, client_id, ending.goodbye)
                elif not self._is_closing:
                    logger.warning("the stream of a client broke", extra=fields)
                    shell.call(brain.client_disconnected, client_id)

    def close(self, reason: str) -> None:
        """Tell all peers that the scheduler stops, and end the streams when they have been told."""
        self._is_closing = True
        self._knocks.close()
        brain = self._shell.brain
        for worker_id, link in self._shell.worker_links.items():
            brain.workers.to(worker_id).goodbye.reason = reason
            link.finish()
        for client_id, link in self._shell.client_links.items():
            brain.clients.to(client_id).closing.reason = reason
            link.finish()

    async def _first(self, context: Context, role: str) -> Any:  # noqa: ANN401
        message = await context.read()
        if message is grpc.aio.EOF or not message.HasField("hello"):
            raise MalformedMessage(f"the first message of a {role} must be its hello").with_reason(
                "BAD_HELLO"
            )
        check_software(message.hello.software, own_software(), role, "scheduler")
        return message.hello

    def _check_extensions(self, hello: worker_pb2.WorkerHello) -> None:
        """Let nobody in who would run tasks without what users have added."""
        newest = self._shell.worker_extensions
        if CAPABILITY in hello.software.capabilities and hello.extensions != newest:
            raise StatusError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "EXTENSIONS_CHANGED",
                f"the worker has revision {hello.extensions} of the extensions, and {newest} is "
                f"the newest: list them, and connect again",
            )

    def _welcome(self, session: Session[Any]) -> server_pb2.Welcome:
        welcome = self._identity()
        welcome.session_id = session.id
        welcome.resumed = session.resumed
        welcome.received = session.received
        limits = self._limits
        welcome.limits.CopyFrom(
            server_pb2.Limits(
                inline_nbytes=limits.inline_nbytes,
                chunk_nbytes=limits.chunk_nbytes,
                message_nbytes=limits.message_nbytes,
                heartbeat=_duration(limits.heartbeat_s),
                grace=_duration(limits.grace_s),
            )
        )
        return welcome


class _Ending:
    """How a stream ended: with what goodbye; empty for none."""

    goodbye = ""


def _duration(seconds: float) -> duration_pb2.Duration:
    duration = duration_pb2.Duration()
    duration.FromNanoseconds(int(seconds * 1e9))
    return duration
