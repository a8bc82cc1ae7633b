"""The worker's stream with its scheduler: opened with a hello, and again when it breaks.

A worker keeps trying for as long as it lives. It ends when a scheduler says goodbye or refuses its
hello: `run` then returns, or raises what the scheduler said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from random import random
from typing import Any, Final

import grpc.aio

from gdistributed.core.session import Session, check_epoch, check_software
from gdistributed.core.worker.brain import SCHEDULER
from gdistributed.errors import (
    CapabilityMissing,
    ConnectionLost,
    ConnectTimeout,
    GDistributedError,
    InvariantBroken,
    MalformedMessage,
    NameTaken,
    Superseded,
    VersionMismatch,
)
from gdistributed.services.extending import Extended
from gdistributed.services.worker.heartbeats import Heartbeats
from gdistributed.services.worker.shell import Shell
from gdistributed.v1 import center_pb2, scheduler_pb2_grpc, server_pb2, worker_pb2
from gdistributed.wire.channel import connect, open_channel
from gdistributed.wire.link import Link
from gdistributed.wire.membership import Membership
from gdistributed.wire.software import own_software
from gdistributed.wire.status import error_from_call

logger = logging.getLogger("gdistributed.worker")

TRY_S: Final = 1.0
PAUSE_S: Final = 0.2
PAUSE_S_MAX: Final = 5.0
HELLO_TIMEOUT_S: Final = 10.0
REFUSALS: Final = (VersionMismatch, CapabilityMissing, NameTaken, Superseded)


class SchedulerStream:
    """The conversation with the scheduler, over as many streams as it takes.

    Parameters
    ----------
    shell
        The worker.
    address
        Of a scheduler or a Center.
    member
        How the worker registers at the Center.
    hello
        Gives a fresh hello.
    extended
        What users have added to the worker.

    Attributes
    ----------
    is_connected
        Set while a scheduler has welcomed the worker.
    welcome
        The last welcome; empty before the first.
    """

    def __init__(
        self,
        shell: Shell,
        address: str,
        member: center_pb2.Member,
        hello: Callable[[], worker_pb2.WorkerHello],
        extended: Extended,
    ) -> None:
        self.is_connected = asyncio.Event()
        self.welcome = server_pb2.Welcome()
        self._shell = shell
        self._address = address
        self._member = member
        self._hello = hello
        self._extended = extended
        self._heartbeats = Heartbeats(shell)
        self._membership: Membership | None = None
        self._center: grpc.aio.Channel | None = None
        self._session: Session[worker_pb2.FromWorker] = Session(worker_pb2.FromWorker)
        self._orphaned: asyncio.TimerHandle | None = None
        self._link: Link[worker_pb2.ToWorker, worker_pb2.FromWorker] | None = None
        self._goodbye: str | None = None
        self._is_greeting = False
        self._pause_s = PAUSE_S

    async def run(self) -> str:
        """Serve one scheduler after the other; return the reason of the one that said goodbye.

        Raises
        ------
        ProtocolError, NameTaken
            If a scheduler or Center refuses this worker.
        """
        try:
            while self._goodbye is None:
                try:
                    await self._serve(await self._find_scheduler())
                except REFUSALS:
                    raise
                except (GDistributedError, InvariantBroken) as error:
                    fields = {"address": self._address, "cause": str(error)}
                    logger.warning("no session with the scheduler: trying again", extra=fields)
                    await asyncio.sleep(self._pause_s * (0.5 + random()))
                    self._pause_s = min(self._pause_s * 1.6, PAUSE_S_MAX)
            return self._goodbye
        finally:
            await self._leave()

    def finish(self, reason: str) -> bool:
        """Say goodbye, once all that was to be said is out; False when nobody is listening.

        A scheduler that has the hello may have this worker in its books already: it is told as
        soon as its welcome is here.
        """
        if self._link is None and not self._is_greeting:
            return False
        self._goodbye = reason
        if self._link is not None:
            self._say_goodbye(self._link, reason)
        return True

    def _say_goodbye(self, link: Link[Any, Any], reason: str) -> None:
        self._shell.brain.mail().goodbye.reason = reason
        link.wake()

    def beat(self) -> bool:
        """Send a heartbeat now; False when nobody is listening."""
        if self._link is None:
            return False
        self._heartbeats.beat()
        return True

    # ---- To the scheduler

    async def _find_scheduler(self) -> str:
        """Wait until there is a scheduler, and return its address for workers."""
        if self._membership is None:
            channel = await self._reach(self._address)
            try:
                self._membership = await Membership.join(channel, self._address, self._member)
            except BaseException:
                await channel.close()
                raise
            self._center = channel
            if self._membership.scheduler is None:
                logger.info("waiting for a scheduler", extra={"center": self._address})
        scheduler = await self._membership.wait_for_scheduler()
        return scheduler.address_to_workers or scheduler.address

    async def _reach(self, address: str) -> grpc.aio.Channel:
        """Open a channel as soon as somebody answers. A fresh one each time has no backoff."""
        tries = 0
        while True:
            try:
                return await connect(address, TRY_S)
            except ConnectTimeout as error:
                tries += 1
                if tries == 1:
                    fields = {"address": address, "cause": str(error)}
                    logger.info("waiting for a scheduler", extra=fields)

    async def _serve(self, address: str) -> None:
        """Hold one session, from its hello to its end."""
        async with open_channel(address) as channel:
            call = scheduler_pb2_grpc.SchedulerStub(channel).ConnectWorker()
            try:
                await self._extended.catch_up(channel)
                self._is_greeting = True
                self._enter_session(await self._greet(call))
                self._pause_s = PAUSE_S
                logger.info(
                    "resumed" if self.welcome.resumed else "registered",
                    extra={"scheduler": address},
                )
                await self._converse(call)
            except grpc.aio.AioRpcError as error:
                raise error_from_call(error, address, "talking to the scheduler") from None
            finally:
                self._is_greeting = False
                call.cancel()

    async def _greet(self, call: Any) -> server_pb2.Welcome:  # noqa: ANN401
        """Send the hello, and return the welcome."""
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                await call.write(worker_pb2.FromWorker(hello=self._own_hello()))
                answer = await call.read()
        except TimeoutError:
            raise ConnectTimeout(
                f"the scheduler did not answer the hello within {HELLO_TIMEOUT_S:g} s"
            ) from None
        except asyncio.InvalidStateError:
            answer = await call.read()  # the call is over: reading says why
        if answer is grpc.aio.EOF or not answer.HasField("welcome"):
            raise MalformedMessage("the first message of the scheduler is no welcome")
        check_software(answer.welcome.software, own_software(), "scheduler", "worker")
        welcome: server_pb2.Welcome = answer.welcome
        check_epoch(welcome, self.welcome)
        return welcome

    def _own_hello(self) -> worker_pb2.WorkerHello:
        """Say who this is, and where the last session ended."""
        hello = self._hello()
        if self._session.id:
            hello.resume.session_id = self._session.id
            hello.resume.received = self._session.received
            hello.cluster_id = self.welcome.cluster_id
            hello.epoch = self.welcome.epoch
        return hello

    def _enter_session(self, welcome: server_pb2.Welcome) -> None:
        """Go on with the session, or begin a new one and say what is left of the last."""
        last, self.welcome = self.welcome, welcome
        if self._orphaned is not None:
            self._orphaned.cancel()
        if welcome.resumed:
            self._session.resume(welcome.received)
            return
        unacknowledged = self._session.unacknowledged()
        self._session = Session(worker_pb2.FromWorker, welcome.session_id)
        if last.session_id:
            self._shell.begin_session(
                unacknowledged, same_scheduler=welcome.scheduler_id == last.scheduler_id
            )

    async def _converse(self, call: Any) -> None:  # noqa: ANN401
        shell = self._shell
        limits = self.welcome.limits
        if limits.inline_nbytes:
            shell.place.inline_nbytes = limits.inline_nbytes
        link = self._link = Link[worker_pb2.ToWorker, worker_pb2.FromWorker](
            self._session, partial(shell.brain.outbox.take, SCHEDULER), self._receive
        )
        shell.wake = link.wake
        shell.failed = link.end
        interval_s = limits.heartbeat.ToNanoseconds() / 1e9
        beating = asyncio.create_task(
            self._heartbeats.run(interval_s or shell.brain.settings.limits.heartbeat_s)
        )
        self.is_connected.set()
        if self._goodbye is not None:
            self._say_goodbye(link, self._goodbye)
        try:
            await link.run(call.read, partial(_write, call))
            if self._goodbye is None:
                raise ConnectionLost("the scheduler ended the stream")
        finally:
            beating.cancel()
            self.is_connected.clear()
            self._link = shell.wake = shell.failed = None
            self._orphaned = asyncio.get_running_loop().call_later(
                shell.brain.settings.orphan_s, self._give_up
            )

    def _give_up(self) -> None:
        """There has been no scheduler for too long: begin empty."""
        logger.warning("no scheduler for too long: what was held for it is dropped")
        self._session = Session(worker_pb2.FromWorker)
        self.welcome = server_pb2.Welcome()
        self._shell.begin_anew()

    # ---- In the session

    def _receive(self, batch: worker_pb2.ToWorker) -> None:
        if batch.HasField("goodbye"):
            self._goodbye = batch.goodbye.reason or "goodbye"
        self._shell.call(self._shell.brain.on_scheduler, batch)
        if self._goodbye is not None and self._link is not None:
            self._link.finish()

    async def _leave(self) -> None:
        if self._membership is not None:
            await self._membership.leave(self._goodbye or "closed")
        if self._orphaned is not None:
            self._orphaned.cancel()
        if self._center is not None:
            await self._center.close()

    def metrics(self) -> worker_pb2.WorkerMetrics:
        """Measure the process."""
        return self._heartbeats.metrics()


async def _write(call: Any, batch: worker_pb2.FromWorker) -> None:  # noqa: ANN401
    """Write a batch; after a goodbye the scheduler ends the stream, once it has read it."""
    await call.write(batch)
    if batch.HasField("goodbye"):
        await call.done_writing()
