"""The shell of the client's brain: one session with a scheduler, on one event loop.

Users' threads and the loop share the brain under one lock. The loop reads and writes the stream,
and wakes those who wait; nothing that blocks is done under the lock.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import uuid
from collections import deque
from contextlib import AbstractContextManager
from contextvars import Context
from typing import TypeVar

import grpc.aio

from gdistributed.client.bridge import Bridge
from gdistributed.client.discovery import find_scheduler
from gdistributed.client.locked import Locked
from gdistributed.client.names.following import Following
from gdistributed.client.names.leases import Leases
from gdistributed.client.printing import Printing
from gdistributed.client.routes import Routes
from gdistributed.core.client.brain import ClientBrain
from gdistributed.core.client.futures import (
    CANCELLED,
    ERROR,
    FutureRecord,
    FutureState,
    Watch,
    wake_all,
)
from gdistributed.core.session import Session, check_software
from gdistributed.data.shared_memory import SharedMemory, same_host
from gdistributed.errors import (
    CapabilityMissing,
    ClientClosed,
    ConnectionLost,
    ConnectTimeout,
    GDistributedError,
    MalformedMessage,
    ProtocolError,
    Superseded,
    UsageError,
    VersionMismatch,
)
from gdistributed.runtime.context import current_key
from gdistributed.settings import ClientSettings
from gdistributed.v1 import (
    activity_pb2_grpc,
    center_pb2_grpc,
    extensions_pb2_grpc,
    names_pb2_grpc,
    scheduler_pb2_grpc,
    server_pb2,
    server_pb2_grpc,
)
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.wire.addresses import normalise_address
from gdistributed.wire.channel import Channels
from gdistributed.wire.lanes import Lanes
from gdistributed.wire.link import Link
from gdistributed.wire.software import own_software
from gdistributed.wire.status import error_from_call

logger = logging.getLogger("gdistributed.client")

Request = TypeVar("Request")
Response = TypeVar("Response")
Stream = grpc.aio.StreamStreamCall[pb.FromClient, pb.ToClient]

# What another try will not change. Everything else may be how a broken connection looks.
FATAL = (VersionMismatch, CapabilityMissing, Superseded, MalformedMessage, UsageError)

ASK_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 2.0
RECONNECT_PAUSE_S = 0.1
HEARTBEAT_S = 1.0


class Connection:
    """One client's session with a scheduler.

    Parameters
    ----------
    loop
        The event loop that it lives on.
    bridge
        How the client's own callers wait.
    settings
        How long to try to connect, and the like.
    name
        Name of the client, for people.
    worker_id
        Of the worker in whose tasks the client is used; empty for others.

    Attributes
    ----------
    address
        Where the scheduler listens; empty before the start.
    welcome
        By the scheduler, the last time that this client connected.
    status
        "created", "running", "connecting" (again, after a break), "closing" or "closed".
    center, names, scheduler, activity, server, runner, extensions
        Stubs of the unary calls of Center and scheduler, for `ask`.
    lanes
        Stubs for calls on names that may wait long.
    leases
        What this client holds of locks and semaphores.
    following
        The topics that it follows.
    channels
        Channels to workers.
    routes
        How values come from workers and get there.
    """

    center: center_pb2_grpc.CenterAsyncStub
    scheduler: scheduler_pb2_grpc.SchedulerAsyncStub
    activity: activity_pb2_grpc.ActivityAsyncStub
    names: names_pb2_grpc.NamesAsyncStub
    server: server_pb2_grpc.ServerAsyncStub
    runner: extensions_pb2_grpc.RunnerAsyncStub
    extensions: extensions_pb2_grpc.ExtensionsAsyncStub
    lanes: Lanes

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bridge: Bridge,
        settings: ClientSettings,
        name: str,
        worker_id: str = "",
    ) -> None:
        self.loop = loop
        self.bridge = bridge
        self.settings = settings
        self.id = uuid.uuid4().hex
        self.worker_id = worker_id
        self.name = name or f"{socket.gethostname()}-{os.getpid()}-{self.id[:6]}"
        self.address = ""
        self.welcome = server_pb2.Welcome()
        self.status = "created"
        self.channels = Channels()
        self.routes = Routes(self.channels)
        self.leases = Leases(self)
        self.following = Following(self)
        self.shared_memory = SharedMemory(
            same_host() if settings.shared_memory else "", settings.shared_nbytes_min
        )
        self._printing = Printing()
        self._brain = ClientBrain(settings.limits)
        self._lock = threading.Lock()
        self._locked = Locked(self)
        self._opening = asyncio.Lock()
        self._session: Session[pb.FromClient] = Session(pb.FromClient)
        self._link: Link[pb.ToClient, pb.FromClient] | None = None
        self._life: asyncio.Task[None] | None = None
        self._control: list[grpc.aio.Channel | Lanes] = []
        self._wake_is_due = False
        self._dropped: deque[FutureRecord] = deque()
        self._drop_is_due = False
        self._heartbeat_s = HEARTBEAT_S
        self._end: GDistributedError = ClientClosed("the client has not been started: await it")

    # From any thread

    def locked(self) -> AbstractContextManager[ClientBrain]:
        """Give the brain to one caller, and then send what it has to say.

        Raises
        ------
        ClientClosed
            If the client is closed, or was never started.
        ConnectionLost
            If its scheduler is gone for good.
        """
        return self._locked

    @property
    def workers(self) -> pb.WorkerCount:
        """How many workers there are, as the scheduler has last said."""
        return self._brain.workers

    @property
    def has_mail(self) -> bool:
        """Whether something was said that has not been taken out to the scheduler yet."""
        return self._brain.has_mail

    def check_open(self) -> None:
        """Raise when nothing can be asked of this client. Errors are those of `locked`."""
        if self.status not in ("running", "connecting"):
            raise type(self._end)(*self._end.args)

    def unwatch(self, records: list[FutureRecord], watch: Watch) -> None:
        """Forget a watch that nobody waits for any more; of a closed client too."""
        with self._lock:
            self._brain.unwatch(records, watch)

    def drop(self, record: FutureRecord) -> None:
        """Count one future less. For finalisers: takes no lock and returns at once."""
        self._dropped.append(record)
        if not self._drop_is_due and self.status != "closed":
            self._drop_is_due = True
            try:
                self.loop.call_soon_threadsafe(self._release_dropped)
            except RuntimeError:
                return  # the loop is closed: the program ends, and its modules may be gone

    def peer(self, number: int) -> tuple[str, str] | None:
        """Return the address and the id of a worker that holds results; None when unknown."""
        peer = self._brain.peers.get(number)
        return None if peer is None else (peer.address, peer.worker_id)

    async def ask(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        doing: str,
        timeout_s: float | None = ASK_TIMEOUT_S,
    ) -> Response:
        """Make a unary call. `doing` says what for, as in "listing workers".

        Raises
        ------
        GDistributedError
            The class that stands for the status with which the call failed.
        """
        self.check_open()
        return await self.bridge.on_loop(self._ask(method, request, doing, timeout_s), self.loop)

    def enter(self) -> ClientBrain:
        """Take the lock; what `with locked()` begins with."""
        self._lock.acquire()
        try:
            self.check_open()
        except BaseException:
            self._lock.release()
            raise
        if self._dropped:
            self._count_dropped()  # what was dropped before is released before what comes now
        if self.worker_id:
            self._brain.submitted_by = current_key()
        return self._brain

    def leave(self) -> None:
        """Give the lock back, and see to what follows; what `with locked()` ends with."""
        brain = self._brain
        fired, brain.fired = brain.fired, []
        has_mail = brain.has_mail
        self._lock.release()
        if has_mail and not self._wake_is_due:
            self._wake_is_due = True
            self.loop.call_soon_threadsafe(self._wake)
        wake_all(fired)

    # On the loop

    async def open(self, address: str, timeout_s: float) -> None:
        """Find the scheduler at an address, and begin a session with it, once.

        Raises
        ------
        ConnectTimeout
            If nobody answers within the timeout; it names both.
        ProtocolError
            If scheduler and client do not understand each other.
        """
        async with self._opening:
            if self.status != "created":
                return
            self.address = normalise_address(address)
            try:
                stream = await self._connect(timeout_s)
            except BaseException:
                await self._close_channels()
                raise
            self.status = "running"
            self._life = asyncio.create_task(
                self._live(stream), name="gdistributed-client", context=Context()
            )

    async def close(self, reason: str = "closed") -> None:
        """Say goodbye and end the session. Futures that are pending are cancelled."""
        if self.status in ("closing", "closed"):
            return
        self.status = "closing"
        self._end = ClientClosed("the client is closed: make a new one")
        await self.following.close()
        await self.leases.close()
        link = self._link
        if link is not None and self._life is not None:
            with self._lock:
                self._brain.goodbye(reason)
            link.finish()
            await asyncio.wait([self._life], timeout=CLOSE_TIMEOUT_S)
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        self._printing.close()
        self._settle_all("the client is closed", CANCELLED)
        self.status = "closed"
        await self._close_channels()

    async def _connect(self, timeout_s: float) -> Stream:
        """Open the control channel, and a stream on it that has been welcomed."""
        found = await find_scheduler(self.address, timeout_s)
        self.lanes = Lanes(found.center, self.address)
        self.routes.relay_address = found.address
        old, self._control = self._control, [*found.channels, self.lanes]
        self.center = center_pb2_grpc.CenterStub(found.center)
        self.names = names_pb2_grpc.NamesStub(found.center)
        self.scheduler = scheduler_pb2_grpc.SchedulerStub(found.scheduler)
        self.activity = activity_pb2_grpc.ActivityStub(found.scheduler)
        self.server = server_pb2_grpc.ServerStub(found.scheduler)
        self.runner = extensions_pb2_grpc.RunnerStub(found.scheduler)
        self.extensions = extensions_pb2_grpc.ExtensionsStub(found.scheduler)
        for each in old:  # now that nobody finds them any more
            await each.close()
        stream = self.scheduler.ConnectClient()
        try:
            async with asyncio.timeout(timeout_s):
                await stream.write(pb.FromClient(hello=self._hello()))
                message = await stream.read()
            if not isinstance(message, pb.ToClient) or not message.HasField("welcome"):
                raise ProtocolError(f"the scheduler at {self.address} did not welcome this client")
            check_software(message.welcome.software, own_software(), "scheduler", "client")
            self._enter_session(message.welcome)
        except grpc.aio.AioRpcError as error:
            raise error_from_call(error, self.address, "connecting to the scheduler") from error
        except TimeoutError:
            stream.cancel()
            raise ConnectTimeout(
                f"the scheduler at {self.address} did not answer within {timeout_s:g} s"
            ) from None
        except BaseException:
            stream.cancel()
            raise
        return stream

    def _hello(self) -> pb.ClientHello:
        hello = pb.ClientHello(
            software=own_software(),
            client_id=self.id,
            name=self.name,
            host=socket.gethostname(),
            process_id=os.getpid(),
            worker_id=self.worker_id,
        )
        if self._session.id:
            hello.resume.session_id = self._session.id
            hello.resume.received = self._session.received
        return hello

    def _enter_session(self, welcome: server_pb2.Welcome) -> None:
        """Go on with the session, or begin a new one and say again what counts."""
        self.welcome = welcome
        self._heartbeat_s = welcome.limits.heartbeat.ToNanoseconds() / 1e9 or HEARTBEAT_S
        if welcome.resumed:
            self._session.resume(welcome.received)
            return
        unacknowledged = self._session.unacknowledged()
        self._session = Session(pb.FromClient, welcome.session_id)
        with self._lock:
            self._brain.session_began(unacknowledged)

    async def _live(self, stream: Stream) -> None:
        """Serve one stream after the other, until there is no scheduler or no client."""
        while True:
            cause = await self._serve(stream)
            if self.status == "closing":
                return
            if isinstance(cause, FATAL):
                self._give_up(str(cause))
                return
            if self._brain.closing is not None:
                self._give_up(f"it said goodbye ({self._brain.closing})")
                return
            logger.warning("lost the scheduler", extra={"address": self.address, "cause": cause})
            self.status = "connecting"
            try:
                stream = await self._connect_again()
            except GDistributedError as error:
                self._give_up(str(error))
                return
            self.status = "running"

    async def _serve(self, stream: Stream) -> object:
        """Read and write one stream until it ends; return why it did."""
        link: Link[pb.ToClient, pb.FromClient] = Link(self._session, self._take, self._receive)
        self._link = link
        beating = asyncio.create_task(self._beat(link))
        try:
            await link.run(stream.read, stream.write, stream.done_writing)
        except grpc.aio.AioRpcError as error:
            return error_from_call(error)
        except (GDistributedError, asyncio.InvalidStateError) as error:
            return error
        finally:
            beating.cancel()
            self._link = None
            stream.cancel()
        return "the stream ended"

    async def _beat(self, link: Link[pb.ToClient, pb.FromClient]) -> None:
        """Say regularly that this client lives; it also acknowledges what has come."""
        while True:
            await asyncio.sleep(self._heartbeat_s)
            with self._lock:
                self._brain.heartbeat()
            link.wake()

    async def _connect_again(self) -> Stream:
        timeout_s = self.settings.disconnect_timeout_s
        deadline = self.loop.time() + timeout_s
        while True:
            remaining_s = max(deadline - self.loop.time(), 0.0)
            try:
                return await self._connect(remaining_s)
            except ConnectTimeout as error:
                raise ConnectTimeout(f"it did not answer again within {timeout_s:g} s") from error
            except GDistributedError as error:
                if isinstance(error, FATAL):
                    raise
                await asyncio.sleep(RECONNECT_PAUSE_S)

    def _give_up(self, why: str) -> None:
        message = f"the scheduler at {self.address} is gone: {why}"
        logger.warning("gave the scheduler up", extra={"address": self.address, "cause": why})
        self._end = ConnectionLost(message)
        self.status = "closed"  # first: what is submitted from now on is refused, and cannot hang
        self._settle_all(message, ERROR)

    def _settle_all(self, message: str, target: FutureState) -> None:
        reason = "CANCELLED" if target is CANCELLED else self._end.reason
        with self._lock:
            self._brain.gave_up(reason, message, target)
            fired, self._brain.fired = self._brain.fired, []
        wake_all(fired)

    def _wake(self) -> None:
        self._wake_is_due = False
        if self._link is not None:
            self._link.wake()

    def _take(self) -> pb.FromClient | None:
        with self._lock:
            return self._brain.take()

    def _receive(self, batch: pb.ToClient) -> None:
        if batch.output:
            self._printing.show(batch.output)
        with self._lock:
            self._brain.on_scheduler(batch)
            fired, self._brain.fired = self._brain.fired, []
        wake_all(fired)

    def _release_dropped(self) -> None:
        self._drop_is_due = False
        with self._lock:
            self._count_dropped()
        self._wake()

    def _count_dropped(self) -> None:
        dropped, release = self._dropped, self._brain.release
        while dropped:
            release(dropped.popleft())

    async def _ask(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        doing: str,
        timeout_s: float | None,
    ) -> Response:
        try:
            return await method(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise error_from_call(error, self.address, doing) from error
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            raise ConnectionLost(f"{doing}: the connection was closed") from None

    async def _close_channels(self) -> None:
        for each in (*self._control, self.channels):
            await each.close()
        self._control = []
