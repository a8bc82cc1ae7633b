"""`gd certificates`: what the members of a cluster show each other."""

from __future__ import annotations

from pathlib import Path

import click

from gdistributed.settings import CERTIFICATE_DAYS, CERTIFICATES_VARIABLE


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=CERTIFICATE_DAYS,
    show_default=True,
    metavar="DAYS",
    help="How long they are good.",
)
def certificates(folder: Path, days: int) -> None:
    """Make certificates for a cluster that speaks TLS, or renew them.

    FOLDER gets ca.crt, tls.crt and tls.key, which each member needs, and ca.key, which none does:
    it signs new ones when this command is run again.
    """
    from gdistributed.security.certificates import write_certificates

    until = write_certificates(folder, days)
    click.echo(f"good until {until:%Y-%m-%d}: ca.crt, tls.crt and tls.key in {folder}")
    click.echo("Each member needs those three. ca.key, which renews them, stays here.")
    click.echo(f"To use them: gd ... --tls {folder}, or {CERTIFICATES_VARIABLE}={folder}")
