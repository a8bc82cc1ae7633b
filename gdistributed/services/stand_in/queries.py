"""What peers, clients and people ask of workers that call by Synchronize: what is held for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final, NoReturn

import grpc
import grpc.aio

from gdistributed.services.bulk_handlers import RESPONSES, adding_bytes
from gdistributed.services.stand_in.calls import StandIns
from gdistributed.services.stand_in.shell import StandIn
from gdistributed.services.worker.giving import give_values
from gdistributed.v1 import worker_pb2, worker_pb2_grpc
from gdistributed.wire.status import StatusError

Code = grpc.StatusCode
Context = grpc.aio.ServicerContext[Any, Any]


class StandInService(worker_pb2_grpc.WorkerServicer):
    """The Worker service at the address of the scheduler, for all of these workers together.

    Parameters
    ----------
    stand_ins
        The workers.
    """

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins

    async def GetData(  # type: ignore[override]  # see add_stand_in_service
        self, request: worker_pb2.GetDataRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """Send values, as serialised messages."""
        stand_in = self._meant(request.worker_id)
        async with aclosing(give_values(stand_in, request, context.peer())) as responses:
            async for response in responses:
                yield response

    async def PutData(
        self, _requests: AsyncIterator[worker_pb2.PutDataRequest], _: Context
    ) -> NoReturn:
        """Store values: not here."""
        raise _lacking("takes no values")

    async def DeleteData(
        self, request: worker_pb2.DeleteDataRequest, _: Context
    ) -> worker_pb2.DeleteDataResponse:
        """Drop values that are not in use."""
        stand_in = self._meant(request.worker_id)
        deleted = stand_in.call(stand_in.brain.data_deleted, list(request.keys))
        return worker_pb2.DeleteDataResponse(deleted=deleted)

    async def Run(self, _request: worker_pb2.RunRequest, _: Context) -> NoReturn:
        """Call a function at once: not here."""
        raise _lacking("calls no functions outside of tasks")

    async def CallActor(  # type: ignore[override]  # it ends before anything is read
        self, _requests: AsyncIterator[worker_pb2.CallActorRequest], _: Context
    ) -> NoReturn:
        """Call methods of actors: not here."""
        raise _lacking("has no actors")

    async def GetCallStack(
        self, _request: worker_pb2.GetCallStackRequest, _: Context
    ) -> worker_pb2.GetCallStackResponse:
        """Say where in their code tasks are: nobody here knows."""
        return worker_pb2.GetCallStackResponse()

    async def GetProfile(self, _request: worker_pb2.GetProfileRequest, _: Context) -> NoReturn:
        """Say in which functions tasks have spent their time: nobody here knows."""
        raise _lacking("takes no samples of its tasks")

    async def ListData(
        self, _request: worker_pb2.ListDataRequest, _: Context
    ) -> worker_pb2.ListDataResponse:
        """List what is held: of whom, the request does not say."""
        raise _lacking("does not list its values; Center.HasWhat does")

    async def GetStatus(
        self, _request: worker_pb2.GetStatusRequest, _: Context
    ) -> worker_pb2.GetStatusResponse:
        """Say what the worker is doing: of whom, the request does not say."""
        raise _lacking("does not tell its status; Scheduler.ListWorkers does")

    def _meant(self, worker_id: str) -> StandIn:
        stand_in = self._stand_ins.find(worker_id)
        if stand_in is None:
            raise StatusError(
                Code.FAILED_PRECONDITION,
                "WRONG_WORKER",
                f"the worker {worker_id or '(none named)'} is not one for whom this scheduler "
                f"holds values, or it has left",
            )
        return stand_in


def _lacking(what: str) -> StatusError:
    return StatusError(
        Code.UNIMPLEMENTED, "CAPABILITY_MISSING", f"a worker that calls by Synchronize {what}"
    )


add_stand_in_service: Final = adding_bytes(
    worker_pb2_grpc.add_WorkerServicer_to_server, {"GetData": (RESPONSES,)}
)
