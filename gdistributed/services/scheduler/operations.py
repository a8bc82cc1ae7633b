"""What operators, nannies and clients order and wait for: data that moves, workers that leave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar

import grpc.aio

from gdistributed.core.scheduler import orders
from gdistributed.core.scheduler.records import WorkerRecord
from gdistributed.core.scheduler.replicas import Copy
from gdistributed.services.scheduler.restarting import restart_workers
from gdistributed.services.scheduler.shell import Shell
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.wire.channel import Channels

logger = logging.getLogger("gdistributed.scheduler")

Context = grpc.aio.ServicerContext[Any, Any]
Default = TypeVar("Default")

CAPABILITIES: Final = ("nanny", "replicas", "retire", "restart", "extensions", "shutdown")
COPY_TIMEOUT_S: Final = 300.0
RESTART_TIMEOUT_S: Final = 60.0


class Operations:
    """The rpcs ReplicateData, RebalanceData, RetireWorkers, RestartWorkers, ReportWorkerExit and
    Shutdown.

    Parameters
    ----------
    shell
        Runs the brain.
    channels
        Lead to the nannies.
    stop
        Ends the scheduler.
    """

    def __init__(
        self, shell: Shell, channels: Channels, stop: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._stop = stop
        self._stopping: asyncio.Task[None] | None = None
        self._shell = shell
        self._channels = channels

    async def ReplicateData(
        self, request: pb.ReplicateDataRequest, _: Context
    ) -> pb.ReplicateDataResponse:
        """Copy results until so many workers hold each."""
        shell, brain = self._shell, self._shell.brain
        copies = shell.call(orders.replicate, brain, request.keys, request.count, request.workers)
        return pb.ReplicateDataResponse(copied=await self._settled(copies))

    async def RebalanceData(
        self, request: pb.RebalanceDataRequest, _: Context
    ) -> pb.RebalanceDataResponse:
        """Move results until workers hold about the same."""
        shell, brain = self._shell, self._shell.brain
        copies = shell.call(orders.rebalance, brain, request.keys, request.workers)
        return pb.RebalanceDataResponse(moved=await self._settled(copies))

    async def RetireWorkers(
        self, request: pb.RetireWorkersRequest, _: Context
    ) -> pb.RetireWorkersResponse:
        """Have workers leave once nothing is lost with them."""
        shell, brain = self._shell, self._shell.brain
        leaving = shell.call(orders.retire, brain, request.workers)
        timeout_s = _timeout_s(request, None)
        try:
            async with asyncio.timeout(timeout_s):
                await self._until(lambda: not self._present(leaving))
        except TimeoutError:
            shell.call(orders.stay, brain, self._present(leaving))
        stayed = self._present(leaving)
        return pb.RetireWorkersResponse(
            retired=[worker.address for worker in leaving if worker not in stayed],
            stayed=[worker.address for worker in stayed],
        )

    async def RestartWorkers(
        self, request: pb.RestartWorkersRequest, _: Context
    ) -> pb.RestartWorkersResponse:
        """Forget all tasks, and have all workers' processes started anew."""
        shell, brain = self._shell, self._shell.brain
        workers = shell.call(orders.forget_all, brain, "the cluster was restarted")
        timeout_s = _timeout_s(request, RESTART_TIMEOUT_S)
        return await restart_workers(shell, self._channels, workers, timeout_s)

    async def ReportWorkerExit(
        self, request: pb.ReportWorkerExitRequest, _: Context
    ) -> pb.ReportWorkerExitResponse:
        """Take a nanny's word on how its worker ended."""
        self._shell.call(self._shell.brain.worker_exited, request.exit)
        return pb.ReportWorkerExitResponse()

    async def Shutdown(self, request: pb.ShutdownRequest, context: Context) -> pb.ShutdownResponse:
        """End the cluster, once the caller has been told that it ends."""
        logger.info("shutting down", extra={"cause": request.reason or "asked to"})
        context.add_done_callback(self._begin_to_stop)  # type: ignore[arg-type]  # a stub too narrow
        return pb.ShutdownResponse()

    def _begin_to_stop(self, _: object) -> None:
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop())

    def _present(self, workers: Iterable[WorkerRecord]) -> list[WorkerRecord]:
        there = self._shell.brain.books.workers
        return [worker for worker in workers if there.get(worker.id) is worker]

    async def _settled(self, copies: list[Copy]) -> int:
        """Wait until copies have come or failed; return how many have come."""
        under_way = self._shell.brain.books.copying
        try:
            async with asyncio.timeout(COPY_TIMEOUT_S):
                await self._until(
                    lambda: not any(target in under_way.get(task, ()) for task, target in copies)
                )
        except TimeoutError:
            pass  # what has come by now counts
        return sum(1 for task, target in copies if target in task.who_has)

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds; it is looked at whenever there are new events."""
        while not holds():
            await self._shell.news()


def _timeout_s(
    request: pb.RetireWorkersRequest | pb.RestartWorkersRequest, default: Default
) -> float | Default:
    return request.timeout.ToNanoseconds() / 1e9 if request.HasField("timeout") else default
