"""`gd top`: what a cluster does, on one screen that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gdistributed.cli.asking import (
    address_argument,
    address_option,
    scheduler_at,
    timeout_option,
)
from gdistributed.cli.json_lines import as_dict, json_option, print_object
from gdistributed.cli.logs import quiet_grpc

if TYPE_CHECKING:
    import grpc.aio
    from rich.console import Console

    from gdistributed.v1 import activity_pb2, scheduler_pb2

KEYS: Final = {"c": "cpu", "m": "memory", "t": "tasks", "n": "name"}
# A scheduler that does not answer for so long, in seconds, is said to be away.
SILENCE_S: Final = 3.0


@click.command()
@address_argument
@address_option
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(0.1, 3600),
    default=0.5,
    show_default=True,
    metavar="SECONDS",
    help="How often the screen is drawn.",
)
@click.option(
    "--sort",
    "order",
    type=click.Choice(list(KEYS.values())),
    default="cpu",
    show_default=True,
    metavar="ORDER",
    help=f"Order of the workers: {', '.join(KEYS.values())}; the keys c, m, t and n change it.",
)
@click.option("--once", is_flag=True, help="Print one picture, and end.")
@json_option
@timeout_option
def top(
    address: str, interval_s: float, order: str, once: bool, as_json: bool, timeout_s: float
) -> None:
    """Show what a cluster does: workers, and tasks by prefix. The key q ends it.

    ADDRESS is the scheduler's or the Center's. Where output is no terminal, one picture is printed.

    \b
    memory  █ values of tasks  ▒ all else  · up to the worker's limit
    tasks   █ done  ▒ running  x erred  · waiting
    left    by the rate of the last 5 seconds if 10 tasks have ended in them,
            else by the mean time of a run and the threads of the cluster

    \b
      gd top 127.0.0.1:8786
      gd top --once --sort memory
      gd top --json | jq '.load'
    """
    quiet_grpc()
    import asyncio

    from rich.console import Console

    console = Console(highlight=False)
    if as_json:
        asyncio.run(_print_json(address, timeout_s))
    elif once or not console.is_terminal:
        asyncio.run(_print_once(console, address, interval_s, order, timeout_s))
    else:
        asyncio.run(_watch(console, address, interval_s, order, timeout_s))


async def _look(
    channel: grpc.aio.Channel, last: activity_pb2.GetActivityResponse | None, timeout_s: float
) -> tuple[activity_pb2.GetActivityResponse, list[scheduler_pb2.WorkerDescription]]:
    from gdistributed.v1 import activity_pb2, activity_pb2_grpc, scheduler_pb2_grpc
    from gdistributed.wire.pages import all_workers

    request = activity_pb2.GetActivityRequest()
    if last is not None:  # the screen shows no single runs
        request.last_run, request.last_transfer = last.last_run, last.last_transfer
        request.limit = 1
    activity = activity_pb2_grpc.ActivityStub(channel)
    answer = await activity.GetActivity(request, timeout=timeout_s)
    return answer, await all_workers(scheduler_pb2_grpc.SchedulerStub(channel), timeout_s)


async def _print_json(address: str, timeout_s: float) -> None:
    async with scheduler_at(address, timeout_s, "asking what the cluster does") as channel:
        activity, workers = await _look(channel, None, timeout_s)
    print_object(as_dict(activity) | {"workers": [as_dict(each) for each in workers]})


async def _print_once(
    console: Console, address: str, interval_s: float, order: str, timeout_s: float
) -> None:
    """Print one picture; its rates are those of an interval."""
    import asyncio

    from gdistributed.cli.top_figures import Figures
    from gdistributed.cli.top_screen import screen

    figures, loop = Figures(), asyncio.get_running_loop()
    async with scheduler_at(address, timeout_s, "asking what the cluster does") as channel:
        figures.update(*await _look(channel, None, timeout_s), loop.time())
        await asyncio.sleep(interval_s)
        figures.update(*await _look(channel, figures.activity, timeout_s), loop.time())
    console.print(screen(figures, console.width, None, order))


async def _watch(
    console: Console, address: str, interval_s: float, order: str, timeout_s: float
) -> None:
    """Draw until somebody ends it. A scheduler that goes away is waited for."""
    import asyncio

    from rich.live import Live

    from gdistributed.cli.top_figures import Figures
    from gdistributed.cli.top_keys import Keys
    from gdistributed.cli.top_screen import screen
    from gdistributed.errors import GDistributedError

    figures, loop = Figures(), asyncio.get_running_loop()
    async with scheduler_at(address, timeout_s, "asking what the cluster does"):
        pass  # who gives a wrong address is told so, and not shown an empty screen
    with Live(console=console, screen=True, auto_refresh=False) as live, Keys() as keys:

        async def shown(trouble: str = "") -> bool:
            """Draw, and wait for a key or the next time; say whether it goes on."""
            nonlocal order
            drawn = screen(figures, console.width, console.height, order, trouble)
            live.update(drawn, refresh=True)
            key = await keys.pressed(interval_s)
            order = KEYS.get(key, order)
            return key != "q"

        goes_on = True
        while goes_on:
            try:
                async with scheduler_at(address, SILENCE_S, "asking what it does") as channel:
                    while goes_on:
                        seen = await _look(channel, figures.activity, SILENCE_S)
                        figures.update(*seen, loop.time())
                        goes_on = await shown()
            except GDistributedError as error:
                goes_on = await shown(f"The scheduler is away; trying on. {error}")
