"""`gd dashboard`: the web pages about a cluster, served by a process of their own."""

from __future__ import annotations

import logging

import click

from gdistributed.cli import options
from gdistributed.cli.asking import find_scheduler, timeout_option
from gdistributed.cli.logs import quiet_grpc, set_up_logging
from gdistributed.grpc_polling import import_grpc

logger = logging.getLogger("gdistributed.dashboard")


@click.command()
@click.argument("address")
@options.dashboard_address_option
@timeout_option
@options.logging_options
@options.stop_with_parent_option
def dashboard(
    address: str,
    dashboard_address: str | None,
    timeout_s: float,
    log_level: str,
    log_format: str,
    stop_with_parent: bool,
) -> None:
    """Serve web pages about a cluster.

    ADDRESS is the scheduler's or the Center's. A scheduler serves such pages by itself, unless it
    was started with --no-dashboard; this is for pages elsewhere.
    """
    quiet_grpc()
    import_grpc(runs_tasks=False)
    set_up_logging(log_level, log_format)
    from gdistributed.cli.served_dashboard import ServedDashboard
    from gdistributed.cli.serving import serve
    from gdistributed.dashboard.server import DEFAULT_ADDRESS, Dashboard

    async def make() -> ServedDashboard:
        scheduler = await find_scheduler(address, timeout_s)
        opened = Dashboard(dashboard_address or DEFAULT_ADDRESS)
        opened.show(scheduler)
        logger.info("the dashboard is ready", extra={"link": opened.link})
        return ServedDashboard(opened)

    serve(make, with_parent=stop_with_parent)
