"""How a nanny finds the cluster of its worker, and tells it how workers end."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

import grpc.aio

from gdistributed.errors import ConnectTimeout, GDistributedError
from gdistributed.v1 import center_pb2, nanny_pb2, scheduler_pb2, scheduler_pb2_grpc
from gdistributed.wire.channel import Channels, connect
from gdistributed.wire.membership import Membership
from gdistributed.wire.scheduler_file import address_in

logger = logging.getLogger("gdistributed.nanny")

TRY_S: Final = 1.0
PAUSE_S: Final = 1.0
CALL_TIMEOUT_S: Final = 2.0


class Contact:
    """A nanny's place in the cluster.

    Parameters
    ----------
    scheduler
        Address of the scheduler or of a Center, or the file in which it will stand.
    member
        How the nanny registers at the Center.
    """

    def __init__(self, scheduler: str | Path, member: center_pb2.Member) -> None:
        self._scheduler = scheduler
        self._member = member
        self._membership: Membership | None = None
        self._center: grpc.aio.Channel | None = None
        self._channels = Channels()

    async def run(self) -> None:
        """Look for the Center until it is found, and join it."""
        while self._membership is None:
            try:
                await self._join()
            except ConnectTimeout:
                continue  # it may not have been started yet; the worker says that it waits
            except GDistributedError as error:
                logger.warning("a nanny cannot join yet", extra={"cause": str(error)})
                await asyncio.sleep(PAUSE_S)

    async def _join(self) -> None:
        address = await address_in(self._scheduler)
        channel = await connect(address, TRY_S)
        try:
            self._membership = await Membership.join(channel, address, self._member)
        except BaseException:
            await channel.close()
            raise
        self._center = channel

    def scheduler_channel(self) -> grpc.aio.Channel | None:
        """Return a channel to the scheduler; None while it is not known."""
        scheduler = None if self._membership is None else self._membership.scheduler
        if scheduler is None:
            return None
        return self._channels.get(scheduler.address_to_workers or scheduler.address)

    async def report(self, exit: nanny_pb2.WorkerExit, restarting: bool) -> bool:
        """Tell Center and scheduler how the worker ended; False if the scheduler was not reached.

        The Center has to know before another worker of the same name registers.
        """
        membership = self._membership
        if membership is None:
            return False
        await membership.take_out(exit.worker_id, exit.cause)
        channel = self.scheduler_channel()
        if channel is None:
            return False
        stub = scheduler_pb2_grpc.SchedulerStub(channel)
        request = scheduler_pb2.ReportWorkerExitRequest(exit=exit, restarting=restarting)
        try:
            await stub.ReportWorkerExit(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            logger.debug("the scheduler was not told", extra={"cause": error.details()})
            return error.code() is grpc.StatusCode.UNIMPLEMENTED
        return True

    async def leave(self) -> None:
        """Leave the cluster."""
        if self._membership is not None:
            await self._membership.leave("closed")
        if self._center is not None:
            await self._center.close()
        await self._channels.close()
