"""`gd functions`: what the workers of a cluster offer by name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import click

from gdistributed.cli.asking import address_argument, address_option, ask_scheduler, timeout_option
from gdistributed.cli.json_lines import as_dict, json_option, print_object
from gdistributed.cli.logs import quiet_grpc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc

PAGE_SIZE: Final = 1000


@click.command()
@address_argument
@address_option
@click.option("--runtime", default="", metavar="NAME", help="Only those of this runtime, like go.")
@json_option
@timeout_option
def functions(address: str, runtime: str, as_json: bool, timeout_s: float) -> None:
    """List the functions that workers offer by name.

    \b
      gd functions --runtime go
      gd functions --json | jq -r .offer.name
    """
    quiet_grpc()
    import asyncio

    found = asyncio.run(_ask(address, runtime, timeout_s))
    if as_json:
        for each in found:
            print_object(as_dict(each))
        return
    from rich.console import Console

    Console().print(report(found))


async def _ask(
    address: str, runtime: str, timeout_s: float
) -> list[scheduler_pb2.FunctionDescription]:
    from gdistributed.v1 import scheduler_pb2
    from gdistributed.wire.pages import pages

    async def ask(
        scheduler: scheduler_pb2_grpc.SchedulerAsyncStub,
    ) -> list[scheduler_pb2.FunctionDescription]:
        request = scheduler_pb2.ListFunctionsRequest(runtime=runtime, page_size=PAGE_SIZE)
        answers = pages(partial(scheduler.ListFunctions, timeout=timeout_s), request)
        return [each async for answer in answers for each in answer.functions]

    return await ask_scheduler(address, timeout_s, "listing the functions", ask)


def report(found: Iterable[scheduler_pb2.FunctionDescription]) -> RenderableType:
    """What is shown of functions: a line each, wrapped where the terminal is narrow."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("runtime", no_wrap=True)
    table.add_column("function", overflow="fold", min_width=20)
    table.add_column("workers", justify="right", no_wrap=True)
    table.add_column("accepts", overflow="fold")
    table.add_column("description")
    for each in found:
        offer = each.offer
        words = each.runtime, offer.name, str(each.workers), ", ".join(offer.accepts) or "all"
        table.add_row(*(Text(word) for word in (*words, offer.description)))
    if not table.row_count:
        return (
            "No worker offers a function by name. Python modules are offered with:  "
            "gd worker ADDRESS --functions MODULE"
        )
    return table
