"""One server for Center, scheduler, worker, nanny, and for users' own services.

A server has any number of servicers; every one also answers who it is (service `Server`), whether
it is well (grpc.health.v1), and what it offers (reflection). It lives in both worlds: made while an
event loop runs it starts when awaited, and `close` is awaited too; made in plain synchronous code
it starts at once on the process's loop thread, and `close` blocks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha.reflection import aio as reflection_aio

from gdistributed.errors import AddressInUse
from gdistributed.settings import LOOPBACK
from gdistributed.v1 import server_pb2_grpc
from gdistributed.wire.access import server_credentials
from gdistributed.wire.addresses import join_host_port, normalise_address
from gdistributed.wire.channel import SERVER_OPTIONS, security_at
from gdistributed.wire.handlers import add_handlers
from gdistributed.wire.hosts import contact_of, told_address
from gdistributed.wire.loop_thread import LoopThread
from gdistributed.wire.self_service import SelfService
from gdistributed.wire.status import StatusInterceptor

logger = logging.getLogger("gdistributed.server")

Servicer = TypeVar("Servicer")

STOP_GRACE_S = 2.0
REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"


class Server:
    """A gRPC server on the usual footing.

    Parameters
    ----------
    role
        What it is: "scheduler", "worker", ..., or a word of yours.
    name
        Name for people; by default role, host and process id.
    host, port
        Where to listen; loopback and a free port by default.
    addresses
        Several places to listen instead, as "host:port" or "unix:PATH"; port 0 picks a free one.
    handlers
        Plain functions to serve by name (see `gdistributed.wire.handlers`).
    asynchronous
        Whether it is used from a running event loop; found out by default.

    Attributes
    ----------
    id : str
        The incarnation: new for each server.
    addresses : list of str
        Where it listens, the ports filled in; known once it has started.

    Raises
    ------
    AddressInUse
        When it starts, if it cannot listen where it was told to.

    Examples
    --------
    >>> async def main():
    ...     async with Server() as server:  # health, reflection and what handlers you give it
    ...         return server.address.startswith("127.0.0.1:")
    >>> asyncio.run(main())
    True
    """

    capabilities: tuple[str, ...] = ()
    """Optional behaviour that this kind of server offers, as words of the protocol."""

    def __init__(
        self,
        *,
        role: str = "server",
        name: str | None = None,
        host: str = LOOPBACK,
        port: int = 0,
        addresses: Sequence[str] | None = None,
        handlers: Mapping[str, Callable[..., object]] | None = None,
        asynchronous: bool | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex
        self.role = role
        self.name = name or f"{role}-{socket.gethostname()}-{os.getpid()}"
        self.cluster_id = ""
        self.addresses = [normalise_address(each) for each in addresses or ()] or [
            join_host_port(host, port)
        ]
        self.told_towards = ""  # who is to hear where this server is
        self.contact_address = ""  # where others reach it, if somebody knows better: HOST[:PORT]
        self.services: list[str] = []
        self._told: dict[str, str] = {}
        self._handlers = handlers
        self._servicers: list[tuple[Callable[[Any, Any], None], object]] = []
        self._asynchronous = _loop_runs() if asynchronous is None else asynchronous
        self._grpc: grpc.aio.Server | None = None
        self._health: health_aio.HealthServicer | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._stopped: asyncio.Event | None = None
        if type(self) is Server:
            self._begin()

    # What a kind of server adds

    def add_servicer(
        self, add: Callable[[Servicer, grpc.aio.Server], None], servicer: Servicer
    ) -> None:
        """Serve a service; to be called before the server starts, or in `opening`.

        Parameters
        ----------
        add
            The generated function ``add_...Servicer_to_server``.
        servicer
            Its implementation.
        """
        self._servicers.append((add, servicer))

    async def opening(self) -> None:
        """Get ready: the addresses are known, but nobody is served yet. For subclasses."""

    async def opened(self) -> None:
        """Begin to work: the server serves. For subclasses."""

    async def closing(self, grace_s: float) -> None:
        """Say goodbye: the server still serves. For subclasses."""

    async def closed(self) -> None:
        """Clean up: the server serves no longer. For subclasses."""

    # Life

    def _begin(self) -> None:
        """Start, if this is plain synchronous code; the last thing that a constructor does."""
        if not self._asynchronous:
            LoopThread.shared().run(self.start())

    async def start(self) -> Self:
        """Listen, and serve; once."""
        if self._grpc is not None:
            return self
        self._stopped = asyncio.Event()
        server = self._grpc = grpc.aio.server(
            options=SERVER_OPTIONS, interceptors=(StatusInterceptor(),)
        )
        try:
            self.addresses = [bind(server, address) for address in self.addresses]
            self._told = await asyncio.to_thread(self._tell)
            await self.opening()
            await self._register_all(server)
            await server.start()
            await self.opened()
        except BaseException:
            self._stopped.set()
            await server.stop(0)
            await self.closed()
            raise
        return self

    async def _register_all(self, server: grpc.aio.Server) -> None:
        recorder = cast("grpc.aio.Server", _Recorder(server, self.services))
        server_pb2_grpc.add_ServerServicer_to_server(SelfService(self), recorder)
        if self._handlers is not None:
            add_handlers(self._handlers, recorder)
        for add, servicer in self._servicers:
            add(servicer, recorder)
        self._health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, recorder)
        names = (*self.services, REFLECTION_V1, reflection.SERVICE_NAME)
        for name in (*self.services, ""):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        servicer = reflection_aio.ReflectionServicer(service_names=names)
        for name in (REFLECTION_V1, reflection.SERVICE_NAME):
            server.add_generic_rpc_handlers((_reflection_handler(name, servicer),))

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Stop: say goodbye, let calls end within the grace, then end them; harmless twice."""
        if self._grpc is None:
            return
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop(self._grpc, grace_s))
        await asyncio.shield(self._stopping)

    async def _stop(self, server: grpc.aio.Server, grace_s: float) -> None:
        try:
            if self._health is not None:
                await self._health.enter_graceful_shutdown()
            await self.closing(grace_s)
        finally:
            await server.stop(grace_s)
            await self.closed()
            if self._stopped is not None:
                self._stopped.set()

    async def wait_stopped(self) -> None:
        """Wait until the server has stopped, for whatever reason."""
        if self._stopped is not None:
            await self._stopped.wait()

    def close(self, grace_s: float = STOP_GRACE_S) -> Awaitable[None] | None:
        """Stop the server: to be awaited where an event loop runs, blocking elsewhere."""
        if self._asynchronous:
            return asyncio.ensure_future(self.stop(grace_s))
        return LoopThread.shared().run(self.stop(grace_s))

    def __await__(self) -> Generator[Any, None, Self]:
        return self.start().__await__()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        if self._asynchronous:
            raise RuntimeError("an event loop runs here: use `async with`")
        self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """The first address, as others are told it: one of this host, if it listens on all."""
        return self.told(self.addresses[0])

    def told(self, address: str) -> str:
        """Return what others are told of an address at which this server listens."""
        return self._told.get(address, address)

    def _tell(self) -> dict[str, str]:
        """Find out what others are told of each address; a name may have to be looked up."""
        if self.contact_address:
            return {each: contact_of(self.contact_address, each) for each in self.addresses}
        return {each: told_address(each, self.told_towards) for each in self.addresses}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} at {', '.join(self.addresses)}>"


def bind(server: grpc.aio.Server, address: str) -> str:
    """Let a server listen at an address, and return it with its port filled in.

    Raises
    ------
    AddressInUse
        If it is taken, or not an address of this host.
    """
    if address.startswith("unix:"):
        return _bind_file(server, address)
    security = security_at(address)
    try:
        if security is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, server_credentials(security))
    except RuntimeError:
        port = 0
    if not port:
        raise AddressInUse(
            f"cannot listen at {address}: the port is taken, or the host is not this one"
        )
    host, _, given = address.rpartition(":")
    return f"{host}:{port}" if given == "0" else address


def _bind_file(server: grpc.aio.Server, address: str) -> str:
    """Listen on a socket file; gRPC itself would take over one that another server listens on."""
    path = address.removeprefix("unix:")
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(path) == 0:
            raise AddressInUse(f"cannot listen at {address}: another server listens there")
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise AddressInUse(f"cannot listen at {address}: {error}") from None
    return address


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _reflection_handler(
    service: str, servicer: reflection_aio.ReflectionServicer
) -> grpc.GenericRpcHandler:
    """Serve reflection under a name: v1 has the same messages as v1alpha."""
    return grpc.method_handlers_generic_handler(
        service,
        {
            "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
                servicer.ServerReflectionInfo,
                request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
                response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
            )
        },
    )


class _Recorder:
    """Stands for a gRPC server where services are added, and notes their names."""

    def __init__(self, server: grpc.aio.Server, names: list[str]) -> None:
        self._server = server
        self._names = names

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        self._names.extend(handler.service_name() for handler in handlers)
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        self._server.add_registered_method_handlers(service, handlers)
