"""`gd worker`: one worker in this process, or several as processes below this one."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gdistributed.cli import options
from gdistributed.cli.logs import set_up_logging
from gdistributed.errors import UsageError

if TYPE_CHECKING:
    from gdistributed.services.worker.server import Worker

FILE_POLL_S: Final = 0.05

logger = logging.getLogger("gdistributed.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What the command line says of a worker."""

    scheduler: str | Path  # its address, or the file in which the address stands
    nthreads: int
    name: str | None
    host: str
    port: int
    memory_limit_nbytes: int
    local_directory: Path | None
    log_level: str


@click.command()
@click.argument("address", required=False)
@click.option(
    "--nworkers",
    default="1",
    show_default=True,
    metavar="N",
    help="Start so many processes; 'auto' fits the machine; -1 means one a core, -2 one less.",
)
@click.option(
    "--nthreads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Tasks that a worker runs at once.  [default: the cores, shared by the workers]",
)
@options.name_option("Name of the worker; several are called NAME-0, NAME-1 and so on.")
@options.host_option
@click.option(
    "--port",
    "--worker-port",
    default="0",
    show_default=True,
    metavar="PORT",
    help="Port to listen on; 0 picks a free one; FIRST:LAST for several workers.",
)
@click.option(
    "--memory-limit",
    default="auto",
    show_default=True,
    metavar="SIZE",
    help="Memory of each worker: bytes or 4GiB, a fraction of the machine's like 0.5, 0 for no"
    " limit, or 'auto' for its share.",
)
@click.option(
    "--local-directory",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the worker's files.",
)
@click.option(
    "--scheduler-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read the scheduler's address from this file, as soon as it is there.",
)
@options.log_level_option
@options.stop_with_parent_option
def worker(
    address: str | None,
    nworkers: str,
    nthreads: int | None,
    name: str | None,
    host: str,
    port: str,
    memory_limit: str,
    local_directory: Path | None,
    scheduler_file: Path | None,
    log_level: str,
    stop_with_parent: bool,
) -> None:
    """Start workers that join the scheduler at ADDRESS.

    ADDRESS is a scheduler's or a Center's, as HOST:PORT. A worker may be started first: it keeps
    trying.
    """
    scheduler = address or scheduler_file
    if scheduler is None or (address and scheduler_file):
        raise click.UsageError("give the scheduler's ADDRESS, or a --scheduler-file")
    set_up_logging(log_level)
    from gdistributed.deploy.machine import CORES, worker_memory_nbytes

    count, nthreads = _workers_and_threads(nworkers, nthreads, CORES)
    ports = _ports(port, count)
    each = [
        WorkerOptions(
            scheduler=scheduler,
            nthreads=nthreads,
            name=f"{name}-{index}" if name and count > 1 else name,
            host=host,
            port=ports[index],
            memory_limit_nbytes=worker_memory_nbytes(memory_limit, nthreads, count),
            local_directory=local_directory,
            log_level=log_level,
        )
        for index in range(count)
    ]
    if count == 1:
        serve_worker(each[0], stop_with_parent)
    else:
        from gdistributed.cli.workers import run_workers

        run_workers(each, stop_with_parent)


def serve_worker(of: WorkerOptions, with_parent: bool) -> None:
    """Run one worker in this process."""
    from gdistributed.cli.serving import serve
    from gdistributed.deploy.processes import ONE_THREAD_EACH

    for variable, value in ONE_THREAD_EACH.items():
        os.environ.setdefault(variable, value)  # read when the libraries are first imported
    from gdistributed.services.worker.server import Worker

    async def make() -> Worker:
        server = await Worker(
            scheduler=await _address_of(of.scheduler),
            hostname=of.host,
            port=of.port,
            nthreads=of.nthreads,
            name=of.name,
            memory_limit=of.memory_limit_nbytes,
            local_directory=of.local_directory,
        )
        logger.info("listening", extra={"address": server.address})
        return server

    stopped = serve(make, with_parent=with_parent, drain=Worker.drain)
    if stopped is not None and stopped.failure is not None:
        raise stopped.failure


async def _address_of(scheduler: str | Path) -> str:
    if isinstance(scheduler, str):
        return scheduler
    import asyncio
    import json

    while not scheduler.exists():
        await asyncio.sleep(FILE_POLL_S)
    try:
        return str(json.loads(scheduler.read_text())["address_to_workers"])
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{scheduler} was not written by gd scheduler --scheduler-file") from error


def _workers_and_threads(nworkers: str, nthreads: int | None, cores: int) -> tuple[int, int]:
    from gdistributed.deploy.machine import workers_and_threads

    if nworkers == "auto":
        return workers_and_threads(None, nthreads)
    try:
        count = int(nworkers)
    except ValueError:
        raise click.BadParameter("neither a number nor 'auto'", param_hint="--nworkers") from None
    if count < 0:
        count += cores + 1
    if count < 1:
        raise click.BadParameter("leaves no worker to start", param_hint="--nworkers")
    return workers_and_threads(count, nthreads)


def _ports(text: str, count: int) -> list[int]:
    try:
        first, _, last = text.partition(":")
        ports = list(range(int(first), int(last or first) + 1))
    except ValueError:
        raise click.BadParameter("neither a port nor FIRST:LAST", param_hint="--port") from None
    if ports == [0]:
        return [0] * count
    if len(ports) < count:
        raise click.UsageError(f"{count} workers need {count} ports: --port FIRST:LAST")
    return ports
