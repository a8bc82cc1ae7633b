"""`gd center`: a Center by itself."""

from __future__ import annotations

import logging

import click

from gdistributed.cli import options
from gdistributed.cli.logs import quiet_grpc, set_up_logging
from gdistributed.grpc_polling import import_grpc
from gdistributed.settings import DEFAULT_CENTER_PORT

logger = logging.getLogger("gdistributed.center")


@click.command()
@options.host_option
@options.port_option(default=DEFAULT_CENTER_PORT)
@options.name_option("Name of the Center, for people.")
@options.logging_options
@options.stop_with_parent_option
def center(
    host: str,
    port: int,
    name: str | None,
    log_level: str,
    log_format: str,
    stop_with_parent: bool,
) -> None:
    """Start a Center by itself.

    A scheduler has a Center inside; start one alone when it should outlive schedulers. Schedulers
    join it by `gd scheduler --center ADDRESS`, workers and clients by its address.
    """
    quiet_grpc()
    import_grpc(runs_tasks=False)
    set_up_logging(log_level, log_format)
    from gdistributed.cli.serving import serve
    from gdistributed.services.center.server import Center

    async def make() -> Center:
        server = await Center(host=host, port=port, name=name)
        logger.info("listening", extra={"address": server.address})
        return server

    serve(make, with_parent=stop_with_parent)
