"""`gd output`: what a task has printed and logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from gdistributed.cli.asking import address_option, ask_scheduler, timeout_option
from gdistributed.cli.logs import quiet_grpc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc, task_pb2


@click.command()
@click.argument("key")
@address_option
@timeout_option
@click.option(
    "--json", "as_json", is_flag=True, help="Write a JSON object for each part, one a line."
)
def output(key: str, address: str, timeout_s: float, as_json: bool) -> None:
    """Show what a task has printed and logged.

    KEY is the task's name, as `future.key` has it. Standard error and logs go to standard error.
    """
    quiet_grpc()
    import asyncio

    parts = asyncio.run(_output(key, address, timeout_s)).output
    if as_json:
        _write_json(parts)
    else:
        _write(parts)


def _write(parts: Iterable[task_pb2.TaskOutput]) -> None:
    from gdistributed.v1 import task_pb2

    for part in parts:
        is_error = part.stream in (task_pb2.OUTPUT_STREAM_STDERR, task_pb2.OUTPUT_STREAM_LOG)
        if part.left_out:
            click.echo(f"\n... {part.left_out} bytes left out ...", err=is_error)
        click.echo(part.text, nl=False, err=is_error)


def _write_json(parts: Iterable[task_pb2.TaskOutput]) -> None:
    from gdistributed.client.output import as_dict

    for part in parts:
        click.echo(json.dumps(as_dict(part)))


async def _output(key: str, address: str, timeout_s: float) -> scheduler_pb2.GetTaskOutputResponse:
    from gdistributed.v1 import scheduler_pb2

    async def ask(
        scheduler: scheduler_pb2_grpc.SchedulerAsyncStub,
    ) -> scheduler_pb2.GetTaskOutputResponse:
        request = scheduler_pb2.GetTaskOutputRequest(key=key)
        return await scheduler.GetTaskOutput(request, timeout=timeout_s)

    return await ask_scheduler(address, timeout_s, "asking what a task has said", ask)
