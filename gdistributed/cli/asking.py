"""How commands that look into a running cluster reach its scheduler."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import click
from click.core import ParameterSource

from gdistributed.settings import DEFAULT_PORT, LOOPBACK

if TYPE_CHECKING:
    import grpc.aio

    from gdistributed.v1 import scheduler_pb2_grpc

Answer = TypeVar("Answer")

GIVEN: Final = "gdistributed.address"


def _keep(context: click.Context, _: click.Parameter, value: str | None) -> None:
    context.meta[GIVEN] = value


def _choose(context: click.Context, parameter: click.Parameter, value: str) -> str:
    given: str | None = context.meta.pop(GIVEN, None)
    if given is None:
        return value
    if context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE:
        raise click.UsageError("give the address once: as ADDRESS, or with --address")
    return given


address_option = click.option(
    "--address",
    default=f"{LOOPBACK}:{DEFAULT_PORT}",
    show_default=True,
    envvar="GD_ADDRESS",
    show_envvar=True,
    metavar="HOST:PORT",
    callback=_choose,
    help="Of the scheduler or the Center.",
)
# For commands that take nothing else: the address may be written without the option.
address_argument = click.argument(
    "given_address",
    metavar="[ADDRESS]",
    required=False,
    is_eager=True,
    expose_value=False,
    callback=_keep,
)
timeout_option = click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to try to reach the scheduler.",
)


async def ask_scheduler(
    address: str,
    timeout_s: float,
    doing: str,
    ask: Callable[[scheduler_pb2_grpc.SchedulerAsyncStub], Awaitable[Answer]],
) -> Answer:
    """Reach the scheduler that an address leads to, and ask it something.

    Parameters
    ----------
    doing
        What for, as in "listing the workers".

    Raises
    ------
    GDistributedError
        If nobody answers, or what the scheduler said.
    """
    from gdistributed.v1 import scheduler_pb2_grpc

    async with scheduler_at(address, timeout_s, doing) as channel:
        return await ask(scheduler_pb2_grpc.SchedulerStub(channel))


@asynccontextmanager
async def scheduler_at(
    address: str, timeout_s: float, doing: str
) -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel to the scheduler that an address leads to; errors of calls on it are ours.

    Raises
    ------
    GDistributedError
        If nobody answers, or what was said instead of an answer.
    """
    import grpc.aio

    from gdistributed.wire.channel import connect
    from gdistributed.wire.status import error_from_call

    channel = await connect(address, timeout_s)
    try:
        found = await _scheduler_known_at(channel, address, timeout_s)
        if found != address:
            await channel.close()
            channel = await connect(found, timeout_s)
        yield channel
    except grpc.aio.AioRpcError as error:
        raise error_from_call(error, address, doing) from error
    finally:
        await channel.close()


async def find_scheduler(address: str, timeout_s: float) -> str:
    """Return the address of the scheduler that an address leads to.

    Raises
    ------
    GDistributedError
        If nobody answers, or what the Center said.
    """
    import grpc.aio

    from gdistributed.wire.channel import connect
    from gdistributed.wire.status import error_from_call

    channel = await connect(address, timeout_s)
    try:
        return await _scheduler_known_at(channel, address, timeout_s)
    except grpc.aio.AioRpcError as error:
        raise error_from_call(error, address, "asking who answers") from error
    finally:
        await channel.close()


async def _scheduler_known_at(channel: grpc.aio.Channel, address: str, timeout_s: float) -> str:
    """The scheduler's address: this one, unless a Center by itself answers here."""
    from gdistributed.errors import NotFound
    from gdistributed.v1 import center_pb2, center_pb2_grpc, server_pb2, server_pb2_grpc
    from gdistributed.wire.hosts import told_by

    server = server_pb2_grpc.ServerStub(channel)
    who = await server.Identify(server_pb2.IdentifyRequest(), timeout=timeout_s)
    if who.role != "center":
        return address
    center = center_pb2_grpc.CenterStub(channel)
    request = center_pb2.ListMembersRequest(role="scheduler")
    members = (await center.ListMembers(request, timeout=timeout_s)).members
    if not members:
        raise NotFound(f"the Center at {address} knows no scheduler; start one: gd scheduler")
    return told_by(members[0].address, address)
