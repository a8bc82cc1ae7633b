"""The rpcs of the Nanny service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import duration_pb2

from gdistributed.errors import ClusterError
from gdistributed.services.nanny.keeper import Keeper
from gdistributed.services.nanny.measuring import no_process
from gdistributed.v1 import nanny_pb2 as pb
from gdistributed.v1 import nanny_pb2_grpc
from gdistributed.wire.status import StatusError

Context = grpc.aio.ServicerContext[Any, Any]

GRACE_S: Final = 5.0
INTERVAL_S: Final = 1.0
INTERVAL_S_MIN: Final = 0.01
# A killed process ends as soon as the operating system lets it.
KILL_S: Final = 10.0


class NannyService(nanny_pb2_grpc.NannyServicer):
    """Starts, ends and measures a worker for those who ask from afar.

    Parameters
    ----------
    keeper
        Keeps the worker.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def Start(self, _request: pb.StartRequest, _: Context) -> pb.StartResponse:
        """Start the worker if none runs."""
        try:
            worker = await self._keeper.start()
        except ClusterError as error:
            raise _refused(error) from None
        return pb.StartResponse(process=worker.description())

    async def Kill(self, request: pb.KillRequest, _: Context) -> pb.KillResponse:
        """End the worker."""
        grace_s = _grace_s(request)
        try:
            async with asyncio.timeout(grace_s + KILL_S):
                exit = await self._keeper.end("closed", grace_s)
        except TimeoutError:
            raise _too_slow(grace_s) from None
        return pb.KillResponse(exit=exit)

    async def Restart(self, request: pb.RestartRequest, _: Context) -> pb.RestartResponse:
        """End the worker, and start another."""
        grace_s = _grace_s(request)
        try:
            exit, worker = await self._keeper.restart(grace_s)
        except ClusterError as error:
            raise _refused(error) from None
        return pb.RestartResponse(exit=exit, process=worker.description())

    async def MonitorResources(
        self, request: pb.MonitorResourcesRequest, _: Context
    ) -> AsyncIterator[pb.MonitorResourcesResponse]:
        """Measure the worker's process until the caller ends the call."""
        interval_s = _seconds(request.interval) if request.HasField("interval") else INTERVAL_S
        if interval_s < INTERVAL_S_MIN:
            raise StatusError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "BAD_INTERVAL",
                f"the interval of {interval_s:g} s is under {INTERVAL_S_MIN:g} s",
            )
        keeper = self._keeper
        while not keeper.is_closed:
            worker = keeper.worker
            yield worker.gauge.measure() if worker and keeper.is_running else no_process()
            await asyncio.sleep(interval_s)


def _grace_s(request: pb.KillRequest | pb.RestartRequest) -> float:
    return _seconds(request.grace) if request.HasField("grace") else GRACE_S


def _seconds(duration: duration_pb2.Duration) -> float:
    return duration.ToNanoseconds() / 1e9


def _refused(error: ClusterError) -> StatusError:
    return StatusError(grpc.StatusCode.FAILED_PRECONDITION, error.reason, str(error)[:1000])


def _too_slow(grace_s: float) -> StatusError:
    return StatusError(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "KILL_TIMEOUT",
        f"the worker did not end within {grace_s + KILL_S:g} s, though it was killed; try again",
    )
