"""What operators, nannies and clients order and wait for: data that moves, workers that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

import grpc.aio

from gdistributed.core.scheduler import orders
from gdistributed.core.scheduler.records import WorkerRecord
from gdistributed.core.scheduler.replicas import Copy
from gdistributed.services.scheduler.shell import Shell
from gdistributed.v1 import scheduler_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]

CAPABILITIES: Final = ("nanny", "replicas", "retire")
COPY_TIMEOUT_S: Final = 300.0


class Operations:
    """The rpcs ReplicateData, RebalanceData, RetireWorkers and ReportWorkerExit.

    Parameters
    ----------
    shell
        Runs the brain.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

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
        timeout_s = None
        if request.HasField("timeout"):
            timeout_s = request.timeout.ToNanoseconds() / 1e9
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

    async def ReportWorkerExit(
        self, request: pb.ReportWorkerExitRequest, _: Context
    ) -> pb.ReportWorkerExitResponse:
        """Take a nanny's word on how its worker ended."""
        self._shell.call(self._shell.brain.worker_exited, request.exit)
        return pb.ReportWorkerExitResponse()

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
            await self._shell.news.wait()
