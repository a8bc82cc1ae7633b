"""`gd story`: what happened to a task."""

from __future__ import annotations

import click

from gdistributed.cli.asking import address_option, timeout_option
from gdistributed.cli.explain import explained
from gdistributed.cli.figures import local_time
from gdistributed.cli.json_lines import as_dict, json_option, print_object
from gdistributed.cli.logs import quiet_grpc


@click.command()
@click.argument("key")
@address_option
@json_option
@timeout_option
def story(key: str, address: str, as_json: bool, timeout_s: float) -> None:
    """Show what happened to a task.

    KEY is the task's name, as `future.key` and `gd tasks` have it. The oldest comes first,
    as far as it is remembered.

    \b
      gd story "('sum', 0)"
      gd story x --json | jq -r .text
    """
    quiet_grpc()
    import asyncio

    for line in asyncio.run(explained(key, address, timeout_s)).story:
        if as_json:
            print_object(as_dict(line))
        else:
            click.echo(f"{local_time(line.time)}  {line.text}")
