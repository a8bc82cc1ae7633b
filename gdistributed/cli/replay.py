"""`gd replay`: a run that is over is shown from its event log."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gdistributed.cli import options
from gdistributed.cli.logs import quiet_grpc, set_up_logging
from gdistributed.grpc_polling import import_grpc

if TYPE_CHECKING:
    from gdistributed.services.replay.server import Replay

logger = logging.getLogger("gdistributed.replay")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--at",
    "at_s",
    type=float,
    metavar="SECONDS",
    help="Show the moment so long after the start; a negative number counts from the end."
    "  [default: just before the last client left]",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="Play the run, X times as fast as it went.",
)
@options.host_option
@options.port_option(default=0)
@options.dashboard_address_option
@options.no_dashboard_option
@options.logging_options
@options.stop_with_parent_option
def replay(
    file: Path,
    at_s: float | None,
    speed: float | None,
    host: str,
    port: int,
    dashboard_address: str | None,
    no_dashboard: bool,
    log_level: str,
    log_format: str,
    stop_with_parent: bool,
) -> None:
    """Show a run that is over, from its event log.

    FILE was written by gd scheduler --event-log. What looks into a cluster looks into the replay:
    the dashboard, gd status ADDRESS, gd explain KEY --address ADDRESS, grpcurl.
    """
    wanted = options.dashboard_wanted(dashboard_address, no_dashboard)
    quiet_grpc()
    import_grpc(runs_tasks=False)
    set_up_logging(log_level, log_format)
    from gdistributed.cli.serving import serve
    from gdistributed.dashboard.server import open_dashboard
    from gdistributed.services.replay.server import Replay

    dashboard = open_dashboard(wanted)

    async def make() -> Replay:
        server = await Replay(file, at_s=at_s, speed=speed, hostname=host, port=port)
        recording = server.recording
        begun = datetime.fromtimestamp(recording.start_s).astimezone()
        logger.info(
            "a run is shown",
            extra={
                "address": server.address,
                "begun": begun.isoformat(timespec="seconds"),
                "seconds": round(recording.end_s - recording.start_s, 3),
                "at": round(server.shell.now(), 3),
            },
        )
        if dashboard is not None:
            dashboard.show(server.address)
            logger.info("the dashboard is ready", extra={"link": dashboard.link})
        return server

    try:
        serve(make, with_parent=stop_with_parent)
    finally:
        if dashboard is not None:
            dashboard.close()
