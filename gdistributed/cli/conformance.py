"""`gd conformance`: whether a worker, in whatever language, does what the protocol demands."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from gdistributed.cli.logs import quiet_grpc

if TYPE_CHECKING:
    from gdistributed.conformance.rule import Rule
    from gdistributed.conformance.runner import Verdict

ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s/:]+):\d+")


@click.command()
@click.argument("worker", metavar="ADDRESS-OR-COMMAND", required=False)
@click.option(
    "--level",
    type=click.Choice(["core", "full"]),
    default="full",
    show_default=True,
    help="How much is demanded: the core rules alone, or all.",
)
@click.option(
    "--rule",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only the rules whose names begin so, like run.; may be given several times.",
)
@click.option("--list", "only_lists", is_flag=True, help="List the rules, and play none.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a rule may take.",
)
def conformance(
    worker: str | None,
    level: str,
    names: tuple[str, ...],
    only_lists: bool,
    as_json: bool,
    timeout_s: float,
) -> None:
    """Judge a worker by the protocol: play scheduler and peer to it, rule by rule.

    COMMAND starts the worker; {address} in it stands for the scheduler's address, which otherwise
    becomes its last word. It is started several times, since some rules end it.

    \b
      gd conformance "./my-worker --scheduler {address} --threads 2" --level core

    ADDRESS, as HOST:PORT, is where to listen instead for a worker that you start yourself, for
    instance in a debugger; rules that would end it are skipped.

    The worker offers a few functions, which docs/conformance.md describes with all rules. The exit
    status is 0 if all rules of the level are kept.
    """
    quiet_grpc()
    rules = _chosen(level, names)
    if only_lists:
        _list(rules, as_json)
        return
    if worker is None:
        raise click.UsageError(
            "give the COMMAND that starts the worker, or an ADDRESS to listen at"
        )
    verdicts = _play(worker, rules, timeout_s, as_json)
    from gdistributed.conformance.runner import Outcome

    if any(verdict.outcome is not Outcome.PASSED for verdict in verdicts):
        sys.exit(1)


def _chosen(level: str, names: tuple[str, ...]) -> list[Rule]:
    from gdistributed.conformance.rule import CORE
    from gdistributed.conformance.rules import RULES

    rules = [
        rule
        for rule in RULES
        if (level == "full" or rule.level is CORE) and (not names or rule.name.startswith(names))
    ]
    if not rules:
        raise click.BadParameter("no rule begins so; --list shows all", param_hint="--rule")
    return rules


def _list(rules: Sequence[Rule], as_json: bool) -> None:
    from rich.console import Console

    from gdistributed.conformance import report

    if as_json:
        import json

        click.echo(json.dumps([report.rule_as_dict(rule) for rule in rules], indent=2))
    else:
        Console().print(report.listing(rules))


def _play(worker: str, rules: Sequence[Rule], timeout_s: float, as_json: bool) -> list[Verdict]:
    import asyncio
    import time

    from rich.console import Console

    from gdistributed.conformance import report
    from gdistributed.conformance.runner import Runner

    console = Console(quiet=as_json, highlight=False)
    is_address = ADDRESS.fullmatch(worker) is not None
    runner = (
        Runner("", worker, timeout_s, waits=_say_where)
        if is_address
        else Runner(worker, timeout_s=timeout_s)
    )
    begun = time.monotonic()

    async def play() -> list[Verdict]:
        verdicts = []
        async for verdict in runner.play(rules):
            console.print(report.line_of(verdict))
            verdicts.append(verdict)
        return verdicts

    verdicts = asyncio.run(play())
    console.print()
    console.print(report.summary(verdicts, time.monotonic() - begun))
    if as_json:
        import json

        click.echo(json.dumps([report.as_dict(verdict) for verdict in verdicts], indent=2))
    return verdicts


def _say_where(address: str) -> None:
    click.echo(f"gd conformance waits for a worker at {address}", err=True)
