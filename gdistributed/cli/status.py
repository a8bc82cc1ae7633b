"""`gd status`: a look into a running cluster."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import click

from gdistributed.cli.asking import ask_scheduler, timeout_option
from gdistributed.cli.logs import quiet_grpc

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc

PAGE_SIZE: Final = 1000
UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
# The order in which a task goes through them; states of which there are none are not shown.
STATES: Final = ("released", "waiting", "queued", "no_worker", "processing", "memory", "erred")


@click.command()
@click.argument("address")
@timeout_option
def status(address: str, timeout_s: float) -> None:
    """Show a cluster's workers, tasks and memory.

    ADDRESS is the scheduler's or the Center's.
    """
    quiet_grpc()
    import asyncio

    from rich.console import Console

    summary, workers = asyncio.run(_ask(address, timeout_s))
    console = Console()
    for part in report(summary, workers):
        console.print(part)


async def _ask(
    address: str, timeout_s: float
) -> tuple[scheduler_pb2.GetSummaryResponse, list[scheduler_pb2.WorkerDescription]]:
    from gdistributed.v1 import scheduler_pb2
    from gdistributed.wire.pages import pages

    async def ask(
        scheduler: scheduler_pb2_grpc.SchedulerAsyncStub,
    ) -> tuple[scheduler_pb2.GetSummaryResponse, list[scheduler_pb2.WorkerDescription]]:
        summary = await scheduler.GetSummary(scheduler_pb2.GetSummaryRequest(), timeout=timeout_s)
        request = scheduler_pb2.ListWorkersRequest(page_size=PAGE_SIZE)
        answers = pages(partial(scheduler.ListWorkers, timeout=timeout_s), request)
        return summary, [each async for answer in answers for each in answer.workers]

    return await ask_scheduler(address, timeout_s, "asking how the cluster is", ask)


def report(
    summary: scheduler_pb2.GetSummaryResponse, workers: list[scheduler_pb2.WorkerDescription]
) -> list[RenderableType]:
    """What is shown of a cluster, part by part."""
    memory = _bytes(summary.held_nbytes)
    if summary.memory_limit_nbytes:
        memory += f" of {_bytes(summary.memory_limit_nbytes)}"
    addresses = summary.address_to_clients
    if summary.address_to_workers != summary.address_to_clients:
        addresses += f" (workers: {summary.address_to_workers})"
    head = (
        f"[bold]scheduler[/bold]  {addresses}, up {_duration(summary.uptime.ToTimedelta())}\n"
        f"[bold]cluster[/bold]    {_count(summary.workers, 'worker')},"
        f" {_count(summary.nthreads, 'thread')}, {_count(summary.clients, 'client')}\n"
        f"[bold]results[/bold]    {memory}\n"
    )
    return [
        head,
        _workers_table(workers),
        *(_disk_trouble(worker) for worker in workers if worker.metrics.disk_trouble),
        _tasks_table(dict(summary.tasks)),
    ]


def _workers_table(workers: list[scheduler_pb2.WorkerDescription]) -> RenderableType:
    if not workers:
        return "No workers. Start one with:  gd worker ADDRESS\n"
    from gdistributed.v1 import worker_pb2

    numbers = ("threads", "tasks", "managed", "unmanaged", "spilled")
    table = _table("worker", "address", "state", numbers=numbers)
    for column in table.columns[:3]:
        column.overflow = "fold"  # nothing is cut off
    for worker in workers:
        metrics = worker.metrics
        unmanaged_nbytes = max(metrics.memory_nbytes - metrics.managed_nbytes, 0)
        state = worker_pb2.WorkerStatus.Name(worker.status).removeprefix("WORKER_STATUS_").lower()
        table.add_row(
            worker.name if worker.name != worker.address else worker.worker_id[:8],
            worker.address,
            state,
            str(worker.nthreads),
            f"{worker.processing:,}",
            *(
                _bytes(nbytes) if nbytes else "-"
                for nbytes in (metrics.managed_nbytes, unmanaged_nbytes, metrics.spilled_nbytes)
            ),
        )
    return table


def _disk_trouble(worker: scheduler_pb2.WorkerDescription) -> str:
    return f"Worker {worker.name} cannot move values to disk: {worker.metrics.disk_trouble}.\n"


def _tasks_table(counts: dict[str, int]) -> RenderableType:
    if not any(counts.values()):
        return "No tasks."
    table = _table("tasks", numbers=("count",))
    for state in sorted(counts, key=lambda state: (_place(state), state)):
        if counts[state]:
            table.add_row(state.replace("_", " "), f"{counts[state]:,}")
    return table


def _place(state: str) -> int:
    return STATES.index(state) if state in STATES else len(STATES)


def _table(*texts: str, numbers: tuple[str, ...]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(*texts, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _bytes(number: float) -> str:
    power = 0
    while number >= 1024 and power < len(UNITS) - 1:
        number, power = number / 1024, power + 1
    decimals = max(3 - len(str(int(number))), 0) if power else 0
    return f"{number:.{decimals}f} {UNITS[power]}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _duration(span: object) -> str:
    return str(span).split(".")[0]
