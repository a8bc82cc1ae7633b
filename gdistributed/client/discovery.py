"""Who answers at the address that a user gave, and where the scheduler is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import grpc.aio

from gdistributed.errors import ConnectTimeout, UsageError
from gdistributed.v1 import center_pb2, center_pb2_grpc, server_pb2, server_pb2_grpc
from gdistributed.wire.channel import connect
from gdistributed.wire.status import error_from_call

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Found:
    """Channels to the scheduler and to the Center, often the same; `address` is the scheduler's."""

    address: str
    scheduler: grpc.aio.Channel
    center: grpc.aio.Channel

    @property
    def channels(self) -> list[grpc.aio.Channel]:
        """Each channel once."""
        return list(dict.fromkeys((self.scheduler, self.center)))


async def find_scheduler(address: str, timeout_s: float) -> Found:
    """Connect to the scheduler at an address, or to the one of the Center at that address.

    Raises
    ------
    ConnectTimeout
        If nobody answers within the timeout, or the Center knows no scheduler.
    UsageError
        If something else than a scheduler or a Center answers.
    """
    channel = await connect(address, timeout_s)
    try:
        role = await _role_at(channel, address, timeout_s)
        if role == "scheduler":
            return Found(address, channel, channel)
        if role != "center":
            raise UsageError(
                f"a {role} answers at {address}: a client needs the address of the scheduler or "
                f"of the Center"
            )
        scheduler_address = await _scheduler_of(channel, address, timeout_s)
        return Found(scheduler_address, await connect(scheduler_address, timeout_s), channel)
    except BaseException:
        await channel.close()
        raise


async def _role_at(channel: grpc.aio.Channel, address: str, timeout_s: float) -> str:
    stub: server_pb2_grpc.ServerAsyncStub = server_pb2_grpc.ServerStub(channel)
    try:
        answer = await stub.Identify(server_pb2.IdentifyRequest(), timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            return "server that is not gdistributed's"
        raise error_from_call(error, address, "asking who answers") from error
    return answer.role


async def _scheduler_of(channel: grpc.aio.Channel, address: str, timeout_s: float) -> str:
    """Ask a Center for its scheduler until there is one."""
    stub: center_pb2_grpc.CenterAsyncStub = center_pb2_grpc.CenterStub(channel)
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                answer = await stub.ListMembers(center_pb2.ListMembersRequest(role="scheduler"))
                if answer.members:
                    return answer.members[0].address
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise ConnectTimeout(
            f"the Center at {address} knows no scheduler after {timeout_s:g} s: start one with "
            f"gd scheduler --center {address}"
        ) from None
    except grpc.aio.AioRpcError as error:
        raise error_from_call(error, address, "asking the Center for its scheduler") from error
