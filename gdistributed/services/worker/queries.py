"""What peers, clients and people ask of a worker: values, calls, and how it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from gdistributed.core.worker.records import HELD
from gdistributed.data.transfer import accept_values
from gdistributed.errors import MalformedMessage
from gdistributed.runtime.visits import Visit
from gdistributed.services.bulk_handlers import REQUESTS, RESPONSES, adding_bytes, again
from gdistributed.services.calling import WORKER, Caller
from gdistributed.services.worker.actors import serve_calls
from gdistributed.services.worker.giving import give_values
from gdistributed.services.worker.shell import Shell
from gdistributed.v1 import worker_pb2, worker_pb2_grpc
from gdistributed.wire.pages import PAGE_SIZE, PAGE_SIZE_MAX
from gdistributed.wire.status import StatusError

Code = grpc.StatusCode
Context = grpc.aio.ServicerContext[Any, Any]

TOKEN: Final = "after:"


class WorkerService(worker_pb2_grpc.WorkerServicer):
    """All rpcs of the Worker service.

    Parameters
    ----------
    shell
        The worker.
    metrics
        Measures its process.
    """

    def __init__(self, shell: Shell, metrics: Callable[[], worker_pb2.WorkerMetrics]) -> None:
        self._shell = shell
        self._metrics = metrics
        self._caller = Caller(shell.place.worker, WORKER, Visit(shell.place))

    async def GetData(  # type: ignore[override]  # see add_worker_service
        self, request: worker_pb2.GetDataRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """Send values, as serialised messages."""
        self._must_be(request.worker_id)
        async with aclosing(give_values(self._shell, request, context.peer())) as responses:
            async for response in responses:
                yield response

    async def PutData(  # type: ignore[override]  # see add_worker_service
        self, requests: AsyncIterator[bytes], _: Context
    ) -> worker_pb2.PutDataResponse:
        """Store values, which come as serialised messages."""
        opening = await anext(requests, b"")
        try:
            first = worker_pb2.PutDataRequest.FromString(opening)
        except DecodeError as error:
            raise MalformedMessage(f"the first message cannot be read: {error}") from error
        self._must_be(first.worker_id)
        if self._shell.brain.memory.is_paused:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                "NO_MEMORY",
                f"worker {self._shell.place.worker_name} is paused near its memory limit: "
                f"put the data elsewhere, or let go of what is there",
            )
        return await accept_values(
            again(opening, requests),
            list(first.keys),
            self._shell.keep_put,
            self._shell.shared_memory,
        )

    async def DeleteData(
        self, request: worker_pb2.DeleteDataRequest, _: Context
    ) -> worker_pb2.DeleteDataResponse:
        """Drop values that are not in use."""
        self._must_be(request.worker_id)
        deleted = self._shell.call(self._shell.brain.data_deleted, list(request.keys))
        return worker_pb2.DeleteDataResponse(deleted=deleted)

    async def ListData(
        self, request: worker_pb2.ListDataRequest, _: Context
    ) -> worker_pb2.ListDataResponse:
        """List what is held."""
        token = request.page_token
        if token and not token.startswith(TOKEN):
            raise StatusError(
                Code.INVALID_ARGUMENT, "BAD_PAGE_TOKEN", f"not one of mine: {token!r}"
            )
        after, prefix = token.removeprefix(TOKEN), request.key_prefix
        size = min(request.page_size or PAGE_SIZE, PAGE_SIZE_MAX)
        held = sorted(
            key
            for key, data in self._shell.brain.data.items()
            if data.state is HELD and key.startswith(prefix) and (not token or key > after)
        )
        response = worker_pb2.ListDataResponse()
        for key in held[:size]:
            data = self._shell.brain.data[key]
            response.data.add(key=key, nbytes=data.nbytes, type=data.type)
        if len(held) > size:
            response.next_page_token = TOKEN + held[size - 1]
        return response

    async def Run(self, request: worker_pb2.RunRequest, _: Context) -> worker_pb2.RunResponse:
        """Call a function at once."""
        self._must_be(request.worker_id)
        return worker_pb2.RunResponse(**await self._caller.call(request))

    async def GetCallStack(
        self, request: worker_pb2.GetCallStackRequest, _: Context
    ) -> worker_pb2.GetCallStackResponse:
        """Say where in their code the tasks are that run now."""
        return worker_pb2.GetCallStackResponse(stacks=self._shell.stacks(request.keys))

    async def GetProfile(
        self, request: worker_pb2.GetProfileRequest, _: Context
    ) -> worker_pb2.GetProfileResponse:
        """Say in which functions tasks have spent their time."""
        return await self._shell.profiling.answer(request)

    async def CallActor(
        self, requests: AsyncIterator[worker_pb2.CallActorRequest], _: Context
    ) -> AsyncIterator[worker_pb2.CallActorResponse]:
        """Call methods of actors."""
        first = await anext(requests, None)
        if first is not None:
            self._must_be(first.worker_id)
            async for response in serve_calls(self._shell, first, requests):
                yield response

    async def GetStatus(
        self, _request: worker_pb2.GetStatusRequest, _: Context
    ) -> worker_pb2.GetStatusResponse:
        """Say what the worker is doing."""
        shell, brain = self._shell, self._shell.brain
        return worker_pb2.GetStatusResponse(
            worker_id=shell.place.worker_id,
            name=shell.place.worker_name,
            nthreads=brain.nthreads,
            status=brain.status,
            executing=brain.executing(),
            ready=brain.ready_count,
            fetching=brain.fetching_count,
            held=brain.held_count,
            metrics=self._metrics(),
        )

    def _must_be(self, worker_id: str) -> None:
        own = self._shell.place.worker_id
        if worker_id not in ("", own):
            raise StatusError(
                Code.FAILED_PRECONDITION,
                "WRONG_WORKER",
                f"this is worker {own}, and {worker_id} is meant, which is gone from this address",
            )


add_worker_service: Final = adding_bytes(
    worker_pb2_grpc.add_WorkerServicer_to_server,
    {"GetData": (RESPONSES,), "PutData": (REQUESTS,)},
)
