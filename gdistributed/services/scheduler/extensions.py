"""The Extensions service: keeps what users add to servers, and has it installed."""

from __future__ import annotations

import asyncio
import difflib
import logging
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Final

import grpc
import grpc.aio

from gdistributed.errors import NotFound
from gdistributed.services.extending import CAPABILITY, SCHEDULER, Extended
from gdistributed.services.extensible import not_allowed
from gdistributed.services.scheduler.shell import Shell
from gdistributed.v1 import error_pb2, extensions_pb2_grpc
from gdistributed.v1 import extensions_pb2 as pb
from gdistributed.wire.channel import Channels
from gdistributed.wire.status import StatusError

logger = logging.getLogger("gdistributed.scheduler")

Context = grpc.aio.ServicerContext[Any, Any]

WORKER: Final = "worker"
NANNY: Final = "nanny"
ROLES: Final = (WORKER, NANNY, SCHEDULER)


class ExtensionsService(extensions_pb2_grpc.ExtensionsServicer):
    """Passes extensions on, and reads only those that are for the scheduler itself.

    Parameters
    ----------
    shell
        Knows the workers; is told the revision that those must have who join.
    channels
        Lead to workers and nannies.
    own
        The scheduler's own extensions; None if it may run no code of users.
    """

    def __init__(self, shell: Shell, channels: Channels, own: Extended | None) -> None:
        self._shell = shell
        self._channels = channels
        self._own = own
        self._kept: dict[tuple[str, str], pb.Extension] = {}
        self._revisions = dict.fromkeys(ROLES, 0)
        self._changing = asyncio.Lock()

    async def AddExtension(
        self, request: pb.AddExtensionRequest, _: Context
    ) -> pb.AddExtensionResponse:
        """Keep an extension and have it installed."""
        extension = request.extension
        self._check(extension)
        extension.id = uuid.uuid4().hex
        async with self._changing:
            # Whoever joins from now on has it: the others are those that are here now.
            self._kept.pop((extension.role, extension.name), None)
            self._kept[extension.role, extension.name] = extension
            self._changed(extension.role)
            outcomes = await self._at_each(extension.role, pb.InstallRequest(extension=extension))
            if any(outcome.HasField("error") for outcome in outcomes):
                await self._take_out(extension.role, extension.name)
        return pb.AddExtensionResponse(outcomes=outcomes)

    async def RemoveExtension(
        self, request: pb.RemoveExtensionRequest, _: Context
    ) -> pb.RemoveExtensionResponse:
        """Take an extension out everywhere."""
        async with self._changing:
            if (request.role, request.name) not in self._kept:
                names = [name for role, name in self._kept if role == request.role]
                near = difflib.get_close_matches(request.name, names) or names[:10]
                raise NotFound(
                    f"no extension of the role {request.role!r} has the name {request.name!r}; "
                    f"there are: {', '.join(near) or 'none'}"
                ).with_reason("UNKNOWN_EXTENSION")
            outcomes = await self._take_out(request.role, request.name)
        return pb.RemoveExtensionResponse(outcomes=outcomes)

    async def ListExtensions(
        self, request: pb.ListExtensionsRequest, _: Context
    ) -> AsyncIterator[pb.ListExtensionsResponse]:
        """Stream the revision, then the extensions of a role."""
        listed = [each for (role, _), each in self._kept.items() if role == request.role]
        revision, known = self._revisions.get(request.role, 0), set(request.known)
        yield pb.ListExtensionsResponse(revision=revision)
        for each in listed:
            if each.id in known:
                each = pb.Extension(name=each.name, role=each.role, id=each.id)
            yield pb.ListExtensionsResponse(extension=each)

    def _check(self, extension: pb.Extension) -> None:
        if extension.role == SCHEDULER and self._own is None:
            raise not_allowed("takes no plugins of users")
        if (
            not extension.name
            or extension.role not in ROLES
            or extension.WhichOneof("content") is None
        ):
            raise StatusError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "BAD_EXTENSION",
                f"an extension needs a name, a content, and one of the roles {', '.join(ROLES)}",
            )

    def _changed(self, role: str) -> None:
        self._revisions[role] += 1
        self._shell.worker_extensions = self._revisions[WORKER]

    async def _take_out(self, role: str, name: str) -> list[pb.ExtensionOutcome]:
        del self._kept[role, name]
        self._changed(role)
        return await self._at_each(role, pb.UninstallRequest(name=name))

    # ---- At the servers that are here

    async def _at_each(
        self, role: str, request: pb.InstallRequest | pb.UninstallRequest
    ) -> list[pb.ExtensionOutcome]:
        """Have all servers of a role do the same; return how they got on."""
        if role == SCHEDULER:
            return [await self._at_home(request)]
        places = self._workers() if role == WORKER else self._nannies()
        found = await asyncio.gather(*(self._at(*place, request) for place in places))
        return [outcome for outcome in found if outcome is not None]

    def _workers(self) -> Iterator[tuple[str, str, str]]:
        for worker in self._shell.brain.books.workers.values():
            if CAPABILITY in worker.hello.software.capabilities:
                yield worker.address, worker.name, worker.id

    def _nannies(self) -> Iterable[tuple[str, str, str]]:
        workers = self._shell.brain.books.workers.values()
        return {
            worker.hello.nanny_address: (worker.hello.nanny_address, worker.name, worker.id)
            for worker in workers
            if worker.hello.nanny_address
        }.values()

    async def _at_home(
        self, request: pb.InstallRequest | pb.UninstallRequest
    ) -> pb.ExtensionOutcome:
        assert self._own is not None
        if isinstance(request, pb.InstallRequest):
            return pb.ExtensionOutcome(error=await self._own.install(request.extension))
        return pb.ExtensionOutcome(error=await self._own.uninstall(request.name))

    async def _at(
        self,
        address: str,
        name: str,
        worker_id: str,
        request: pb.InstallRequest | pb.UninstallRequest,
    ) -> pb.ExtensionOutcome | None:
        """Ask one server; None if it has left, or cannot be extended."""
        channel = self._channels.get(address)
        stub: extensions_pb2_grpc.ExtensibleAsyncStub = extensions_pb2_grpc.ExtensibleStub(channel)
        outcome = pb.ExtensionOutcome(address=address, name=name)
        answer: pb.InstallResponse | pb.UninstallResponse
        try:
            if isinstance(request, pb.InstallRequest):
                answer = await stub.Install(request)
            else:
                answer = await stub.Uninstall(request)
        except grpc.aio.AioRpcError as error:
            is_there = worker_id in self._shell.worker_links
            if error.code() is grpc.StatusCode.UNIMPLEMENTED or not is_there:
                return None  # it catches up when it comes back
            outcome.error.CopyFrom(_unreachable(address, error))
            return outcome
        if answer.HasField("error"):
            outcome.error.CopyFrom(answer.error)
        return outcome


def _unreachable(address: str, error: grpc.aio.AioRpcError) -> error_pb2.TaskError:
    return error_pb2.TaskError(
        type="gdistributed.errors.ConnectionLost",
        message=f"the scheduler does not reach the server at {address}: {error.details()}",
        runtime="gdistributed",
        kind=error_pb2.TASK_ERROR_KIND_SYSTEM,
        reason="CONNECTION_LOST",
        retryable=True,
    )
