"""`gd worker`: workers as processes below this one, each with a nanny in it; or one in it."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gdistributed.cli import options
from gdistributed.cli.logs import set_up_logging
from gdistributed.settings import PROFILE_INTERVAL_S

if TYPE_CHECKING:
    from gdistributed.services.nanny.options import WorkerOptions
    from gdistributed.services.worker.server import Worker

logger = logging.getLogger("gdistributed.worker")


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
    "--nanny/--no-nanny",
    default=True,
    show_default=True,
    help="Watch each worker's process, and start another when it dies.",
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
@options.contact_address_option
@click.option(
    "--memory-limit",
    default="auto",
    show_default=True,
    metavar="SIZE",
    help="Memory of each worker: bytes or 4GiB, a fraction of the machine's like 0.5, 0 for no"
    " limit, or 'auto' for its share.",
)
@click.option(
    "--max-spill",
    type=options.Size(),
    default="0",
    show_default="no bound",
    metavar="SIZE",
    help="Disk that values moved out of each worker's memory may take: bytes or 100GiB.",
)
@click.option(
    "--nanny-port",
    default="0",
    show_default=True,
    metavar="PORT",
    help="Port that the nanny listens on; as --port.",
)
@click.option(
    "--lifetime",
    type=options.Duration(),
    metavar="TIME",
    help="End each worker after this time, like 90s, 30m or 12h; it hands over its data first.",
)
@click.option(
    "--lifetime-stagger",
    type=options.Duration(),
    default="0",
    show_default=True,
    metavar="TIME",
    help="Draw each lifetime at random, up to so much shorter or longer.",
)
@click.option(
    "--lifetime-restart",
    is_flag=True,
    help="Start another worker when a lifetime is over.",
)
@click.option(
    "--local-directory",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where each worker makes the folder for its files.  [default: the system's place]",
)
@click.option(
    "--compression",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Of data that goes to other hosts and shrinks by it: lz4, zstd, gzip, none, or 'auto' for"
    " what is installed.",
)
@click.option(
    "--shared-memory/--no-shared-memory",
    default=True,
    show_default=True,
    envvar="GD_SHARED_MEMORY",
    show_envvar=True,
    help="Hand large values to processes of this machine without copying them on the way.",
)
@click.option(
    "--profile-interval",
    type=options.Duration(),
    default=str(PROFILE_INTERVAL_S),
    show_default=True,
    metavar="TIME",
    help="Look so often where in their code tasks are, for `gd profile`; 0 for never.",
)
@click.option(
    "--scheduler-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read the scheduler's address from this file, as soon as it is there.",
)
@click.option(
    "--functions",
    multiple=True,
    metavar="MODULE",
    help="Offer the functions by name that this module marks with @gdistributed.function; may be"
    " given several times.",
)
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    type=options.Runtime(),
    metavar="NAME=COMMAND",
    help="Run functions of another language too, in processes that this command starts, like"
    " r='Rscript worker.R'; may be given several times.",
)
@options.logging_options
@options.stop_with_parent_option
@click.option("--nanny-address", default="", hidden=True, help="Who has started this process.")
@click.option("--worker-id", default="", hidden=True, help="The incarnation of the worker.")
@click.option("--news-descriptor", type=int, hidden=True, help="Where to write milestones.")
def worker(
    address: str | None,
    nworkers: str,
    nanny: bool,
    nthreads: int | None,
    name: str | None,
    host: str,
    port: str,
    contact_address: str,
    memory_limit: str,
    max_spill: int,
    nanny_port: str,
    lifetime: float | None,
    lifetime_stagger: float,
    lifetime_restart: bool,
    local_directory: Path | None,
    compression: str,
    shared_memory: bool,
    profile_interval: float,
    scheduler_file: Path | None,
    functions: tuple[str, ...],
    runtimes: tuple[tuple[str, str], ...],
    log_level: str,
    log_format: str,
    stop_with_parent: bool,
    nanny_address: str,
    worker_id: str,
    news_descriptor: int | None,
) -> None:
    """Start workers that join the scheduler at ADDRESS.

    ADDRESS is a scheduler's or a Center's, as HOST:PORT. A worker may be started first: it keeps
    trying.
    """
    scheduler = _one_of(address, scheduler_file)
    if lifetime_restart and not (nanny and lifetime):
        raise click.UsageError("--lifetime-restart needs a --lifetime, and a nanny")
    set_up_logging(log_level, log_format)
    _check_compression(compression)
    from gdistributed.deploy.machine import CORES, worker_memory_nbytes
    from gdistributed.services.nanny.options import WorkerOptions

    count, nthreads = _workers_and_threads(nworkers, nthreads, CORES)
    ports = _ports(port, count, "--port")
    _check_contact(contact_address, count)
    each = [
        WorkerOptions(
            scheduler=scheduler,
            nthreads=nthreads,
            name=f"{name}-{index}" if name and count > 1 else name,
            host=host,
            port=ports[index],
            contact_address=contact_address,
            memory_limit_nbytes=worker_memory_nbytes(memory_limit, nthreads, count),
            max_spill_nbytes=max_spill,
            local_directory=local_directory,
            compression=compression,
            shared_memory=shared_memory,
            profile_interval_s=profile_interval,
            log_level=log_level,
            log_format=log_format,
            lifetime_s=lifetime or 0.0,
            functions=functions,
            runtimes=dict(runtimes),
            nanny_address=nanny_address,
            worker_id=worker_id,
            news_descriptor=news_descriptor,
        )
        for index in range(count)
    ]
    if nanny:
        life = lifetime or 0.0, lifetime_stagger, lifetime_restart
        _run_with_nannies(each, _ports(nanny_port, count, "--nanny-port"), life, stop_with_parent)
    else:
        _run(each, stop_with_parent)


def _check_contact(contact_address: str, count: int) -> None:
    from gdistributed.wire.addresses import split_host_port

    if count > 1 and split_host_port(contact_address)[1] is not None:
        raise click.UsageError(f"{count} workers have {count} ports: --contact-address is a HOST")


def _one_of(address: str | None, scheduler_file: Path | None) -> str | Path:
    scheduler = address or scheduler_file
    if scheduler is None or (address and scheduler_file):
        raise click.UsageError("give the scheduler's ADDRESS, or a --scheduler-file")
    return scheduler


def _run_with_nannies(
    each: list[WorkerOptions], ports: list[int], life: tuple[float, float, bool], with_parent: bool
) -> None:
    from gdistributed.cli.nannies import run_nannies
    from gdistributed.services.nanny.keeper import Lifetime

    seconds, stagger_s, restart = life
    lifetime = Lifetime(seconds=seconds, stagger_s=stagger_s, restart=restart)
    run_nannies(each, ports, lifetime, with_parent)


def _run(each: list[WorkerOptions], with_parent: bool) -> None:
    """Run workers without nannies: one in this process, several in one of each."""
    if len(each) == 1:
        serve_worker(each[0], with_parent)
    else:
        from gdistributed.cli.workers import run_workers

        run_workers(each, with_parent)


def serve_worker(of: WorkerOptions, with_parent: bool) -> None:
    """Run one worker in this process."""
    from gdistributed.cli.serving import serve
    from gdistributed.services.nanny.processes import ONE_THREAD_EACH

    for variable, value in ONE_THREAD_EACH.items():
        os.environ.setdefault(variable, value)  # read when the libraries are first imported
    from gdistributed.client import dask_scheduler
    from gdistributed.runtime.output import caught_output
    from gdistributed.services.nanny.milestones import LEAVING, LISTENING, REGISTERED, tell
    from gdistributed.services.worker.server import Worker
    from gdistributed.settings import WorkerSettings
    from gdistributed.wire.logs import name_every_line
    from gdistributed.wire.scheduler_file import address_in

    if of.news_descriptor is not None:
        os.set_inheritable(of.news_descriptor, False)
    if of.functions:
        sys.path.append(os.getcwd())  # the command `gd` itself lies elsewhere
    dask_scheduler.install_once_imported(dask_scheduler.TASK_SCHEDULER)  # for dask inside tasks

    if of.name:
        name_every_line(worker=of.name)

    async def make() -> Worker:
        server = await Worker(
            scheduler=await address_in(of.scheduler),
            hostname=of.host,
            port=of.port,
            contact_address=of.contact_address,
            nthreads=of.nthreads,
            name=of.name,
            memory_limit=of.memory_limit_nbytes,
            max_spill=of.max_spill_nbytes,
            local_directory=of.local_directory,
            functions=of.functions,
            runtimes=of.runtimes,
            settings=WorkerSettings(
                compression=of.compression,
                shared_memory=of.shared_memory,
                profile_interval_s=of.profile_interval_s,
            ),
            nanny_address=of.nanny_address,
            worker_id=of.worker_id,
        )
        name_every_line(worker=server.name)
        logger.info("listening", extra={"address": server.address})
        tell(of.news_descriptor, LISTENING, server.address)
        return server

    async def announce(server: Worker) -> None:
        await server.wait_connected()
        if server.failure is None:
            tell(of.news_descriptor, REGISTERED)

    with caught_output():
        stopped = serve(
            make, announce, with_parent=with_parent, drain=Worker.drain, lifetime_s=of.lifetime_s
        )
    if stopped is not None and stopped.failure is not None:
        raise stopped.failure
    tell(of.news_descriptor, LEAVING)


def _check_compression(setting: str) -> None:
    from gdistributed.data.codecs.compression import check_setting

    try:
        check_setting(setting)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--compression") from None


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


def _ports(text: str, count: int, option: str) -> list[int]:
    try:
        first, _, last = text.partition(":")
        ports = list(range(int(first), int(last or first) + 1))
    except ValueError:
        raise click.BadParameter("neither a port nor FIRST:LAST", param_hint=option) from None
    if ports == [0]:
        return [0] * count
    if len(ports) < count:
        raise click.UsageError(f"{count} workers need {count} ports: {option} FIRST:LAST")
    return ports
