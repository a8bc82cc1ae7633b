"""How a process joins a cluster: it registers at the Center and renews its lease."""

from __future__ import annotations

import asyncio
import logging
from typing import Self

import grpc.aio

from gdistributed.core.session import check_software
from gdistributed.errors import WaitTimeout
from gdistributed.v1 import center_pb2 as pb
from gdistributed.v1 import center_pb2_grpc
from gdistributed.wire.hosts import told_by
from gdistributed.wire.software import own_software
from gdistributed.wire.status import error_from_call, reason_of_call

logger = logging.getLogger("gdistributed.membership")

HEARTBEAT_S = 3.0
CALL_TIMEOUT_S = 10.0


class Membership:
    """One member of a cluster, as it sees the Center.

    Made by `join`. Heartbeats run in the background until `leave`; a member that the Center has
    forgotten registers again.

    Attributes
    ----------
    cluster_id
        Names the cluster.
    epoch
        The epoch given to a scheduler; 0 for others.
    """

    def __init__(self, channel: grpc.aio.Channel, address: str, member: pb.Member) -> None:
        self._stub = center_pb2_grpc.CenterStub(channel)
        self._address = address
        self._member = member
        self._heartbeat_s = HEARTBEAT_S
        self._scheduler: pb.Member | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.cluster_id = ""
        self.epoch = 0

    @classmethod
    async def join(cls, channel: grpc.aio.Channel, address: str, member: pb.Member) -> Self:
        """Register at the Center that a channel leads to.

        Parameters
        ----------
        channel
            A channel to `address`.
        address
            The Center's address, for messages.
        member
            Who joins; its software is filled in.

        Raises
        ------
        VersionMismatch, NameTaken
            As the Center says.
        ConnectionLost
            If it does not answer.
        """
        member.software.CopyFrom(own_software())
        membership = cls(channel, address, member)
        try:
            await membership._register()
        except grpc.aio.AioRpcError as error:
            raise error_from_call(error, address, "joining the cluster") from None
        membership._task = asyncio.create_task(membership._renew())
        return membership

    @property
    def scheduler(self) -> pb.Member | None:
        """The scheduler of the cluster, as last heard; None when there is none."""
        return self._scheduler

    async def wait_for_scheduler(self, timeout_s: float | None = None) -> pb.Member:
        """Return the scheduler of the cluster, as soon as there is one.

        Raises
        ------
        WaitTimeout
            If there is none within the timeout.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self._scheduler is None:
                    self._changed.clear()
                    await self._watch_for_scheduler()
        except TimeoutError:
            raise WaitTimeout(
                f"no scheduler joined the center at {self._address} within {timeout_s:g} s"
            ) from None
        return self._scheduler

    async def _watch_for_scheduler(self) -> None:
        """Ask once more, and wait for a heartbeat or a change to tell of a scheduler."""
        watch = self._stub.Watch(pb.WatchRequest(roles=["scheduler"]))
        first = asyncio.ensure_future(watch.read())
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await self._register()
            if self._scheduler is None:
                await asyncio.wait([first, changed], return_when=asyncio.FIRST_COMPLETED)
                await self._register()
        except grpc.aio.AioRpcError as error:
            logger.debug("the Center does not answer", extra={"cause": error.details()})
            await asyncio.wait([changed], timeout=self._heartbeat_s)
        finally:
            changed.cancel()
            watch.cancel()
            await asyncio.gather(first, return_exceptions=True)

    async def leave(self, reason: str = "") -> None:
        """Leave the cluster; a Center that does not answer is let be."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        await self.take_out(self._member.id, reason)

    async def take_out(self, member_id: str, reason: str = "") -> None:
        """Tell the Center that a member is gone; one that does not answer is let be."""
        try:
            await self._stub.Deregister(
                pb.DeregisterRequest(id=member_id, reason=reason), timeout=1.0
            )
        except grpc.aio.AioRpcError as error:
            logger.debug("the Center does not answer", extra={"cause": error.details()})

    async def _register(self) -> None:
        response = await self._stub.Register(
            pb.RegisterRequest(member=self._member), timeout=CALL_TIMEOUT_S
        )
        check_software(response.software, own_software(), "center")
        self.cluster_id, self.epoch = response.cluster_id, response.epoch
        self._member.epoch = response.epoch
        self._heartbeat_s = response.heartbeat.ToNanoseconds() / 1e9 or HEARTBEAT_S
        self._note(response.scheduler if response.HasField("scheduler") else None)

    def _note(self, scheduler: pb.Member | None) -> None:
        self._scheduler = scheduler
        if scheduler is not None:
            scheduler.address = told_by(scheduler.address, self._address)
            scheduler.address_to_workers = told_by(scheduler.address_to_workers, self._address)
            self._changed.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_s)
            try:
                response = await self._stub.Heartbeat(
                    pb.HeartbeatRequest(id=self._member.id), timeout=CALL_TIMEOUT_S
                )
                self._note(response.scheduler if response.HasField("scheduler") else None)
            except grpc.aio.AioRpcError as error:
                if reason_of_call(error) == "UNKNOWN_MEMBER":
                    await self._register_again()
                else:
                    logger.debug("the Center does not answer", extra={"cause": error.details()})

    async def _register_again(self) -> None:
        try:
            await self._register()
        except grpc.aio.AioRpcError as error:
            logger.warning("could not register again", extra={"cause": error.details()})
