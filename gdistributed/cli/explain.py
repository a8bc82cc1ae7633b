"""`gd explain`: why a task is not running, or what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gdistributed.cli.asking import address_option, ask_scheduler, timeout_option
from gdistributed.cli.json_lines import as_dict, json_option, print_object
from gdistributed.cli.logs import quiet_grpc

if TYPE_CHECKING:
    from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc


@click.command()
@click.argument("key")
@address_option
@json_option
@timeout_option
def explain(key: str, address: str, as_json: bool, timeout_s: float) -> None:
    """Say why a task is not running, or what became of it.

    KEY is the task's name, as `future.key` and `gd tasks` have it.

    \b
      gd explain "('sum', 0)"
      gd explain x --json | jq -r .state
    """
    quiet_grpc()
    import asyncio

    answer = asyncio.run(explained(key, address, timeout_s))
    if as_json:
        print_object(as_dict(answer))
    else:
        click.echo(answer.explanation)


async def explained(key: str, address: str, timeout_s: float) -> scheduler_pb2.ExplainTaskResponse:
    """Ask the scheduler about a task."""
    from gdistributed.v1 import scheduler_pb2

    async def ask(
        scheduler: scheduler_pb2_grpc.SchedulerAsyncStub,
    ) -> scheduler_pb2.ExplainTaskResponse:
        request = scheduler_pb2.ExplainTaskRequest(key=key)
        return await scheduler.ExplainTask(request, timeout=timeout_s)

    return await ask_scheduler(address, timeout_s, "explaining a task", ask)
