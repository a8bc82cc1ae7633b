"""`gd tasks`: the tasks that the scheduler knows, filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gdistributed.cli.asking import (
    address_argument,
    address_option,
    ask_scheduler,
    timeout_option,
)
from gdistributed.cli.figures import in_bytes, small_table
from gdistributed.cli.json_lines import as_dict, json_option, print_object
from gdistributed.cli.logs import quiet_grpc
from gdistributed.cli.status import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc

PAGE_SIZE: Final = 10_000


@click.command()
@address_argument
@address_option
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(STATES, case_sensitive=False),
    metavar="STATE",
    help=f"Only tasks in this state: {', '.join(STATES)}; may be given several times.",
)
@click.option("--prefix", default="", metavar="PREFIX", help="Only tasks of this kind.")
@click.option("--key", default="", metavar="TEXT", help="Only tasks whose key contains this text.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Show the first N of them.",
)
@json_option
@timeout_option
def tasks(
    address: str,
    states: tuple[str, ...],
    prefix: str,
    key: str,
    limit: int,
    as_json: bool,
    timeout_s: float,
) -> None:
    """List tasks, in the order in which they came.

    ADDRESS is the scheduler's or the Center's.

    \b
      gd tasks --state erred
      gd tasks --state queued --state no_worker --limit 1000
      gd tasks --json --state erred | jq -r '.key + ": " + .error.message'
    """
    quiet_grpc()
    import asyncio

    from gdistributed.v1 import scheduler_pb2, task_pb2

    request = scheduler_pb2.ListTasksRequest(
        states=[task_pb2.TaskState.Value(f"TASK_STATE_{state.upper()}") for state in states],
        prefix=prefix,
        key_contains=key,
        view=scheduler_pb2.TASK_VIEW_FULL,
    )
    found, are_all = asyncio.run(_list(request, limit, address, timeout_s))
    if as_json:
        for task in found:
            print_object(as_dict(task))
        return
    from rich.console import Console

    console = Console()
    console.print(report(found) if found else "No tasks.", highlight=False)
    if not are_all:
        console.print(f"These are the first {limit:,}; --limit shows more.")


async def _list(
    request: scheduler_pb2.ListTasksRequest, limit: int, address: str, timeout_s: float
) -> tuple[list[scheduler_pb2.TaskDescription], bool]:
    """Return the first tasks of a list, and whether they are all."""
    found: list[scheduler_pb2.TaskDescription] = []

    async def ask(scheduler: scheduler_pb2_grpc.SchedulerAsyncStub) -> bool:
        while len(found) < limit:
            request.page_size = min(limit - len(found), PAGE_SIZE)
            answer = await scheduler.ListTasks(request, timeout=timeout_s)
            found.extend(answer.tasks)
            if not answer.next_page_token:
                return True
            request.page_token = answer.next_page_token
        return False

    are_all = await ask_scheduler(address, timeout_s, "listing tasks", ask)
    return found, are_all


def report(found: Iterable[scheduler_pb2.TaskDescription]) -> RenderableType:
    """What is shown of tasks: a line each, folded where the terminal is narrow."""
    from rich.text import Text

    from gdistributed.core.words import word_of_state

    found = list(found)
    table = small_table("key")
    table.columns[0].ratio = 1 if any(task.HasField("error") for task in found) else 2
    table.add_column("state", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("where, or why", overflow="fold", ratio=1)
    table.expand = True
    for task in found:
        state = word_of_state(task.state)
        size = in_bytes(task.nbytes) if task.nbytes else "-"
        table.add_row(*(Text(text) for text in (task.key, state, size, _place_or_cause(task))))
    return table


def _place_or_cause(task: scheduler_pb2.TaskDescription) -> str:
    if task.HasField("error"):
        return f"{task.error.type.removeprefix('builtins.')}: {task.error.message}"
    if task.waiting_on:
        others = len(task.waiting_on) - 1
        return f"waits for {task.waiting_on[0]}" + (f" and {others:,} more" if others else "")
    return task.processing_on or ", ".join(task.holders)
