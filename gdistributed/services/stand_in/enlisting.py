"""Workers that have no process of their own, as the Center sees them: members like all others."""

from __future__ import annotations

import asyncio
import logging

from gdistributed.errors import GDistributedError
from gdistributed.v1 import center_pb2, worker_pb2
from gdistributed.wire.channel import Channels
from gdistributed.wire.membership import Membership

logger = logging.getLogger("gdistributed.scheduler")


class Enlisting:
    """Registers workers at the Center, and takes them out when they leave.

    Parameters
    ----------
    channels
        Lead to the Center.
    address
        Of the Center, wherever it is.
    """

    def __init__(self, channels: Channels, address: str) -> None:
        self._channels = channels
        self._address = address
        self._members: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # of those who leave, too

    def enter(self, hello: worker_pb2.WorkerHello) -> None:
        """Register a worker, and renew that for it."""
        member = center_pb2.Member(
            id=hello.worker_id,
            role="worker",
            name=hello.name,
            address=hello.address,
            host=hello.host,
            process_id=hello.process_id,
            nthreads=hello.nthreads,
        )
        task = self._members[hello.worker_id] = asyncio.create_task(self._belong(member))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def leave(self, worker_id: str) -> None:
        """Take a worker out."""
        self._members.pop(worker_id).cancel()

    async def close(self) -> None:
        """Take all out that are left."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _belong(self, member: center_pb2.Member) -> None:
        """Be a member until cancelled."""
        membership: Membership | None = None
        try:
            channel = self._channels.get(self._address)
            membership = await Membership.join(channel, self._address, member)
            await asyncio.Event().wait()
        except GDistributedError as error:
            fields = {"worker": member.name or member.address, "cause": str(error)}
            logger.warning("the Center does not take a worker", extra=fields)
        finally:
            if membership is not None:
                await membership.leave("it left")
