"""`gd retire`: workers leave after what they alone hold has been copied to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gdistributed.cli.asking import address_option, ask_scheduler, timeout_option
from gdistributed.cli.logs import quiet_grpc

if TYPE_CHECKING:
    from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc


@click.command()
@click.argument("workers", nargs=-1, required=True)
@address_option
@timeout_option
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=None,
    metavar="SECONDS",
    help="Workers that could not leave by then stay; without it, wait as long as it takes.",
)
def retire(workers: tuple[str, ...], address: str, timeout_s: float, wait_s: float | None) -> None:
    """Have workers finish what they have begun, give their data away, and leave.

    WORKERS are names, addresses or ids.
    """
    quiet_grpc()
    import asyncio

    answer = asyncio.run(_retire(workers, address, timeout_s, wait_s))
    for left in answer.retired:
        click.echo(f"{left} has left")
    for stayed in answer.stayed:
        click.echo(f"{stayed} stays: it is busy, or its data has nowhere to go")
    if answer.stayed:
        raise SystemExit(1)


async def _retire(
    workers: tuple[str, ...], address: str, timeout_s: float, wait_s: float | None
) -> scheduler_pb2.RetireWorkersResponse:
    from gdistributed.v1 import scheduler_pb2

    request = scheduler_pb2.RetireWorkersRequest(workers=workers)
    if wait_s is not None:
        request.timeout.FromNanoseconds(int(wait_s * 1e9))

    async def ask(
        scheduler: scheduler_pb2_grpc.SchedulerAsyncStub,
    ) -> scheduler_pb2.RetireWorkersResponse:
        return await scheduler.RetireWorkers(request)

    return await ask_scheduler(address, timeout_s, "retiring workers", ask)
