"""`gd scheduler`: the scheduler, with a Center inside unless told of one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gdistributed.cli import options
from gdistributed.cli.logs import quiet_grpc, set_up_logging
from gdistributed.grpc_polling import import_grpc
from gdistributed.settings import DEFAULT_PORT, LimitSettings, SchedulerSettings

if TYPE_CHECKING:
    from gdistributed.services.scheduler.server import Scheduler

logger = logging.getLogger("gdistributed.scheduler")

DEFAULTS = SchedulerSettings()
LIMITS = DEFAULTS.limits


@click.command()
@options.host_option
@options.port_option(default=DEFAULT_PORT)
@click.option(
    "--port-to-workers",
    type=options.PORT,
    metavar="PORT",
    help="Listen for workers on a port of their own.",
)
@click.option(
    "--port-to-clients",
    type=options.PORT,
    metavar="PORT",
    help="Listen for clients on a port of their own.",
)
@options.contact_address_option
@click.option("--center", metavar="ADDRESS", help="Join the Center at this address.")
@options.name_option("Name of the scheduler, for people.")
@click.option(
    "--scheduler-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the scheduler's address to this file (JSON), for workers and clients to read.",
)
@click.option(
    "--event-log",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all that happens to this file (lines of JSON; compressed if it ends with .gz), for"
    " gd replay.",
)
@click.option(
    "--no-worker-timeout",
    "no_worker_timeout_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Tasks err that no worker may run for so long; by default they wait.",
)
@click.option(
    "--grace",
    "grace_s",
    type=options.Duration(),
    default=LIMITS.grace_s,
    metavar="TIME",
    help="Workers and clients whose connection broke may come back for so long, as if nothing had"
    f" been.  [default: {LIMITS.grace_s:g}s]",
)
@click.option(
    "--worker-ttl",
    "worker_ttl_s",
    type=options.Duration(),
    default=DEFAULTS.worker_ttl_s,
    metavar="TIME",
    help="Give a worker up that is silent for so long, though its connection lives.  [default:"
    f" {DEFAULTS.worker_ttl_s:g}s]",
)
@click.option(
    "--allowed-failures",
    type=click.IntRange(min=1),
    default=DEFAULTS.allowed_failures,
    show_default=True,
    metavar="N",
    help="A task errs that was executing on so many workers as they died.",
)
@click.option(
    "--allow-run",
    is_flag=True,
    help="Let clients run functions and plugins in the scheduler's process. Whoever reaches it then"
    " has its rights.",
)
@options.dashboard_address_option
@options.no_dashboard_option
@options.logging_options
@options.stop_with_parent_option
def scheduler(
    host: str,
    port: int,
    port_to_workers: int | None,
    port_to_clients: int | None,
    contact_address: str,
    center: str | None,
    name: str | None,
    scheduler_file: Path | None,
    event_log: Path | None,
    no_worker_timeout_s: float | None,
    grace_s: float,
    worker_ttl_s: float,
    allowed_failures: int,
    allow_run: bool,
    dashboard_address: str | None,
    no_dashboard: bool,
    log_level: str,
    log_format: str,
    stop_with_parent: bool,
) -> None:
    """Start a scheduler, with a Center inside.

    Workers and clients are given its address.
    """
    _check_folder(scheduler_file)
    quiet_grpc()
    import_grpc(runs_tasks=False)
    set_up_logging(log_level, log_format)
    from gdistributed.cli.serving import collect_rarely, serve
    from gdistributed.dashboard.server import open_dashboard
    from gdistributed.services.scheduler.server import Scheduler

    settings = SchedulerSettings(
        no_worker_timeout_s=no_worker_timeout_s,
        worker_ttl_s=worker_ttl_s,
        allowed_failures=allowed_failures,
        limits=LimitSettings(grace_s=grace_s),
    )
    if port_to_workers is not None and port_to_clients is None:
        port_to_clients = port
    dashboard = open_dashboard(options.dashboard_wanted(dashboard_address, no_dashboard))

    async def make() -> Scheduler:
        server = Scheduler(
            hostname=host,
            port_to_workers=port if port_to_workers is None else port_to_workers,
            port_to_clients=port_to_clients,
            contact_address=contact_address,
            center=center,
            name=name,
            settings=settings,
            allow_run=allow_run,
            event_log=event_log,
        )
        if dashboard is not None:
            server.dashboard_address = dashboard.address
        await server.start()
        log_start(server)
        if dashboard is not None:
            dashboard.show(server.address_to_clients)
            logger.info("the dashboard is ready", extra={"link": dashboard.link})
        if scheduler_file is not None:
            write_scheduler_file(scheduler_file, server)
        return server

    try:
        collect_rarely()
        serve(make, with_parent=stop_with_parent)
    finally:
        if dashboard is not None:
            dashboard.close()
        if scheduler_file is not None:
            scheduler_file.unlink(missing_ok=True)


def _check_folder(file: Path | None) -> None:
    if file is not None and not file.absolute().parent.is_dir():
        raise click.UsageError(f"the folder of --scheduler-file {file} does not exist")


def log_start(server: Scheduler) -> None:
    """Say where a scheduler listens, and which Center it belongs to."""
    if server.address_to_workers == server.address_to_clients:
        logger.info("listening", extra=_place(server, server.address_to_clients))
    else:
        logger.info("listening for workers", extra=_place(server, server.address_to_workers))
        logger.info("listening for clients", extra=_place(server, server.address_to_clients))
    if server.center_address is None:
        logger.info("the Center is inside", extra={"address": server.address_to_clients})
    else:
        logger.info("registered with the Center", extra={"center": server.center_address})


def _place(server: Scheduler, address: str) -> dict[str, str]:
    """Return where a server listens, and what to give others if that is not it."""
    told = server.told(address)
    return {"address": address} if told == address else {"address": address, "told": told}


def write_scheduler_file(path: Path, server: Scheduler) -> None:
    """State where a scheduler listens. The file appears whole or not at all."""
    import json
    import os

    facts = {
        "type": "Scheduler",
        "id": server.id,
        "address": server.told(server.address_to_clients),
        "address_to_workers": server.told(server.address_to_workers),
        "dashboard_address": server.dashboard_address,
        "process_id": os.getpid(),
    }
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(facts, indent=2) + "\n")
    unfinished.replace(path)
