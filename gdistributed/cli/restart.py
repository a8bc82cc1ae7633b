"""`gd restart`: all tasks are forgotten, and all workers' processes are started anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gdistributed.cli.asking import address_argument, address_option, ask_scheduler, timeout_option
from gdistributed.cli.logs import quiet_grpc

if TYPE_CHECKING:
    from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc


@click.command()
@address_argument
@address_option
@timeout_option
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the new processes may take to join.",
)
def restart(address: str, timeout_s: float, wait_s: float) -> None:
    """Forget all tasks and results, and start all workers' processes anew.

    Whoever waits for a task is told that it was cancelled. A worker without a nanny drops
    everything and keeps its process.
    """
    quiet_grpc()
    import asyncio

    answer = asyncio.run(_restart(address, timeout_s, wait_s))
    for restarted in answer.restarted:
        click.echo(f"{restarted} is new")
    for kept in answer.kept:
        click.echo(f"{kept} has dropped everything; it has no nanny to start another process")
    for missing in answer.missing:
        click.echo(f"{missing.name} is not back: {missing.cause}")
    if answer.missing:
        raise SystemExit(1)


async def _restart(
    address: str, timeout_s: float, wait_s: float
) -> scheduler_pb2.RestartWorkersResponse:
    from gdistributed.v1 import scheduler_pb2

    request = scheduler_pb2.RestartWorkersRequest()
    request.timeout.FromNanoseconds(int(wait_s * 1e9))

    async def ask(
        scheduler: scheduler_pb2_grpc.SchedulerAsyncStub,
    ) -> scheduler_pb2.RestartWorkersResponse:
        return await scheduler.RestartWorkers(request)

    return await ask_scheduler(address, timeout_s, "restarting the workers", ask)
