"""`gd status`: a look into a running cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gdistributed.cli.asking import (
    address_argument,
    address_option,
    ask_scheduler,
    timeout_option,
)
from gdistributed.cli.figures import counted, in_bytes, in_days, small_table
from gdistributed.cli.json_lines import as_dict, json_option, print_object
from gdistributed.cli.logs import quiet_grpc

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc

# The order in which a task goes through them; states of which there are none are not shown.
STATES: Final = ("released", "waiting", "queued", "no_worker", "processing", "memory", "erred")


@click.command()
@address_argument
@address_option
@json_option
@timeout_option
def status(address: str, as_json: bool, timeout_s: float) -> None:
    """Show a cluster's workers, tasks and memory.

    ADDRESS is the scheduler's or the Center's.

    \b
      gd status 127.0.0.1:8786
      gd status --json | jq -r '.workers[].name'
    """
    quiet_grpc()
    import asyncio

    summary, workers = asyncio.run(_ask(address, timeout_s))
    if as_json:
        print_object({"summary": as_dict(summary), "workers": [as_dict(each) for each in workers]})
        return
    from rich.console import Console

    console = Console()
    for part in report(summary, workers):
        console.print(part)


async def _ask(
    address: str, timeout_s: float
) -> tuple[scheduler_pb2.GetSummaryResponse, list[scheduler_pb2.WorkerDescription]]:
    from gdistributed.v1 import scheduler_pb2
    from gdistributed.wire.pages import all_workers

    async def ask(
        scheduler: scheduler_pb2_grpc.SchedulerAsyncStub,
    ) -> tuple[scheduler_pb2.GetSummaryResponse, list[scheduler_pb2.WorkerDescription]]:
        summary = await scheduler.GetSummary(scheduler_pb2.GetSummaryRequest(), timeout=timeout_s)
        return summary, await all_workers(scheduler, timeout_s)

    return await ask_scheduler(address, timeout_s, "asking how the cluster is", ask)


def report(
    summary: scheduler_pb2.GetSummaryResponse, workers: list[scheduler_pb2.WorkerDescription]
) -> list[RenderableType]:
    """What is shown of a cluster, part by part."""
    from gdistributed.wire.hosts import link_to

    memory = in_bytes(summary.held_nbytes)
    if summary.memory_limit_nbytes:
        memory += f" of {in_bytes(summary.memory_limit_nbytes)}"
    addresses = summary.address_to_clients
    if summary.address_to_workers != summary.address_to_clients:
        addresses += f" (workers: {summary.address_to_workers})"
    link = link_to(summary.dashboard_address)
    head = (
        f"[bold]scheduler[/bold]  {addresses}, up {in_days(summary.uptime.ToTimedelta())}\n"
        f"[bold]cluster[/bold]    {counted(summary.workers, 'worker')},"
        f" {counted(summary.nthreads, 'thread')}, {counted(summary.clients, 'client')}\n"
        f"[bold]results[/bold]    {memory}\n"
    ) + (f"[bold]dashboard[/bold]  {link}\n" if link else "")
    return [
        head,
        _workers_table(workers),
        *(_disk_trouble(worker) for worker in workers if worker.metrics.disk_trouble),
        _tasks_table(dict(summary.tasks)),
    ]


def _workers_table(workers: list[scheduler_pb2.WorkerDescription]) -> RenderableType:
    if not workers:
        return "No workers. Start one with:  gd worker ADDRESS\n"
    from gdistributed.core.words import word_of_status

    numbers = ("threads", "tasks", "managed", "unmanaged", "spilled")
    table = small_table("worker", "address", "state", numbers=numbers)
    for worker in workers:
        metrics = worker.metrics
        unmanaged_nbytes = max(metrics.memory_nbytes - metrics.managed_nbytes, 0)
        state = word_of_status(worker.status)
        table.add_row(
            worker.name if worker.name != worker.address else worker.worker_id[:8],
            worker.address,
            state,
            str(worker.nthreads),
            f"{worker.processing:,}",
            *(
                in_bytes(nbytes) if nbytes else "-"
                for nbytes in (metrics.managed_nbytes, unmanaged_nbytes, metrics.spilled_nbytes)
            ),
        )
    return table


def _disk_trouble(worker: scheduler_pb2.WorkerDescription) -> str:
    return f"Worker {worker.name} cannot move values to disk: {worker.metrics.disk_trouble}.\n"


def _tasks_table(counts: dict[str, int]) -> RenderableType:
    if not any(counts.values()):
        return "No tasks."
    table = small_table("tasks", numbers=("count",))
    for state in sorted(counts, key=lambda state: (_place(state), state)):
        if counts[state]:
            table.add_row(state.replace("_", " "), f"{counts[state]:,}")
    return table


def _place(state: str) -> int:
    return STATES.index(state) if state in STATES else len(STATES)
