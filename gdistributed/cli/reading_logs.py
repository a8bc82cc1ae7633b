"""`gd logs`: what the scheduler and workers have logged, read from afar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gdistributed.cli.asking import (
    address_option,
    scheduler_at,
    timeout_option,
)
from gdistributed.cli.figures import local_time
from gdistributed.cli.json_lines import as_dict, json_option, print_object
from gdistributed.cli.logs import LEVELS, quiet_grpc

if TYPE_CHECKING:
    import grpc.aio

    from gdistributed.v1 import scheduler_pb2, server_pb2, server_pb2_grpc
    from gdistributed.wire.channel import Channels

SCHEDULER: Final = "scheduler"
LINES_MAX: Final = 10_000
FOLLOW_S: Final = 0.5
COLOURS: Final = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


@click.command()
@click.argument("servers", metavar="[WORKER|scheduler]...", nargs=-1)
@address_option
@click.option("--all", "of_all", is_flag=True, help="Of the scheduler and all workers.")
@click.option(
    "-n",
    "--lines",
    "count",
    type=click.IntRange(1, LINES_MAX),
    default=100,
    show_default=True,
    metavar="N",
    help="The last N lines of each.",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="debug",
    metavar="LEVEL",
    help=f"Lowest level of the lines: {', '.join(LEVELS)}.  [default: all that is kept]",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines, until Ctrl-C.")
@json_option
@timeout_option
def logs(
    servers: tuple[str, ...],
    address: str,
    of_all: bool,
    count: int,
    level: str,
    follow: bool,
    as_json: bool,
    timeout_s: float,
) -> None:
    """Show the last lines that servers have logged.

    WORKER is a name, an address or an id; unless one is named, it is the scheduler. Lines of
    several servers are put in the order of their times. A server keeps its last 10,000 lines from
    level info on.

    \b
      gd logs ada -n 20
      gd logs --all --level warning --follow
      gd logs --all --json | jq -c 'select(.fields.task == "x")'
    """
    quiet_grpc()
    import asyncio

    reader = _Reader(servers or (SCHEDULER,), of_all, count, level, as_json, timeout_s)
    asyncio.run(reader.read(address, follow))


class _Reader:
    """Asks servers for their lines, and prints them."""

    def __init__(
        self,
        names: tuple[str, ...],
        of_all: bool,
        count: int,
        level: str,
        as_json: bool,
        timeout_s: float,
    ) -> None:
        self._names = names
        self._of_all = of_all
        self._count = count
        self._level = level.upper()
        self._as_json = as_json
        self._timeout_s = timeout_s
        self._stubs: dict[str, server_pb2_grpc.ServerAsyncStub] = {}
        self._last: dict[str, int] = {}

    async def read(self, address: str, follow: bool) -> None:
        """Print what there is; go on if lines are to be followed."""
        import asyncio

        from gdistributed.wire.channel import Channels

        channels = Channels()
        try:
            async with scheduler_at(address, self._timeout_s, "reading logs") as channel:
                await self._find(channel, channels)
                await self._print_new()
                while follow:
                    await asyncio.sleep(FOLLOW_S)
                    await self._print_new()
        finally:
            await channels.close()

    async def _find(self, channel: grpc.aio.Channel, channels: Channels) -> None:
        """Find out where the servers are."""
        from gdistributed.v1 import scheduler_pb2_grpc, server_pb2_grpc
        from gdistributed.wire.pages import all_workers

        if self._of_all or SCHEDULER in self._names:
            self._stubs[SCHEDULER] = server_pb2_grpc.ServerStub(channel)
        named = [name for name in self._names if name != SCHEDULER]
        if not (named or self._of_all):
            return
        there = await all_workers(scheduler_pb2_grpc.SchedulerStub(channel), self._timeout_s)
        chosen = [each for each in there if not each.data_address] if self._of_all else []
        for worker in [*chosen, *(_named(name, there) for name in named)]:
            self._stubs[worker.name] = server_pb2_grpc.ServerStub(channels.get(worker.address))

    async def _print_new(self) -> None:
        import asyncio

        answers = await asyncio.gather(*(self._ask(name) for name in self._stubs))
        found = [line for lines in answers for line in lines]
        for name, line in sorted(found, key=lambda each: each[1].time.ToNanoseconds()):
            self._print(name, line)

    async def _ask(self, name: str) -> list[tuple[str, server_pb2.LogLine]]:
        """Return the lines of a server that came since it was asked last."""
        from gdistributed.v1 import server_pb2

        is_first = name not in self._last
        request = server_pb2.GetLogsRequest(
            count=self._count if is_first else LINES_MAX,
            level=self._level,
            after=self._last.get(name, 0),
        )
        lines = (await self._stubs[name].GetLogs(request, timeout=self._timeout_s)).lines
        self._last[name] = max([line.number for line in lines], default=self._last.get(name, 0))
        return [(name, line) for line in lines if is_first or line.number]

    def _print(self, name: str, line: server_pb2.LogLine) -> None:
        if self._as_json:
            print_object({"server": name, **as_dict(line)})
            return
        level, colour = f"{line.level:7}", COLOURS.get(line.level)
        level = click.style(level, fg=colour) if colour else level
        who = f" {name}:" if len(self._stubs) > 1 else ""
        click.echo(f"{local_time(line.time)} {level}{who} {line.text}")


def _named(
    name: str, there: list[scheduler_pb2.WorkerDescription]
) -> scheduler_pb2.WorkerDescription:
    from gdistributed.errors import NotFound

    for worker in there:
        if name in (worker.name, worker.address, worker.worker_id):
            if worker.data_address:
                raise NotFound(f"the worker {worker.name} calls by Synchronize: it keeps no log")
            return worker
    names = ", ".join(worker.name for worker in there[:10]) or "none"
    raise NotFound(f"no worker has the name, address or id {name!r}; there are: {names}")
