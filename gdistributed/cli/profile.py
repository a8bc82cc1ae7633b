"""`gd profile`: where tasks spend their time, as a page with a flame graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gdistributed.cli import options
from gdistributed.cli.asking import address_argument, address_option, timeout_option
from gdistributed.cli.logs import quiet_grpc

if TYPE_CHECKING:
    from gdistributed.client.profiles import Profile


@click.command()
@address_argument
@address_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="profile.html",
    show_default=True,
    metavar="FILE",
    help="Where to write the page.",
)
@click.option("--prefix", metavar="PREFIX", help="Only tasks of this kind.")
@click.option("--worker", "workers", multiple=True, metavar="NAME", help="Only this worker.")
@click.option(
    "--last",
    type=options.Duration(),
    metavar="TIME",
    help="Only of the last seconds, minutes or hours: 90s, 30m or 12h.",
)
@click.option("--scheduler", is_flag=True, help="Look at the scheduler itself, for --duration.")
@click.option(
    "--duration",
    type=options.Duration(),
    default="2s",
    show_default=True,
    metavar="TIME",
    help="For how long to look at the scheduler; at most 60s.",
)
@timeout_option
def profile(
    address: str,
    output: Path,
    prefix: str | None,
    workers: tuple[str, ...],
    last: float | None,
    scheduler: bool,
    duration: float,
    timeout_s: float,
) -> None:
    """Write a flame graph of where tasks have spent their time.

    ADDRESS is the scheduler's or the Center's.
    """
    quiet_grpc()
    import asyncio
    import time

    from gdistributed.client.async_client import AsyncClient

    async def ask() -> Profile:
        async with AsyncClient(address, timeout=timeout_s, set_as_default=False) as client:
            return await client.profile(
                prefix,
                workers=workers or None,
                start=time.time() - last if last else None,
                filename=output,
                scheduler=scheduler,
                duration=duration,
            )

    found = asyncio.run(ask())
    click.echo(f"{found.title}. {found.summary()}")
    for each in found.top(5):
        click.echo(f"{each.own / found.samples:6.1%}  {each.function}  {each.file}:{each.line}")
    for where, why in sorted(found.missing.items()):
        click.echo(f"not in it: {where}: {why}")
    click.echo(f"written to {output}")
