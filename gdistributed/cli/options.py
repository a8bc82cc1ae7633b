"""Options that several commands have."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import click

from gdistributed.cli.logs import FORMATS, LEVELS, TEXT
from gdistributed.errors import UsageError
from gdistributed.settings import CERTIFICATES_VARIABLE, DEFAULT_DASHBOARD_PORT, LOOPBACK, PYTHON

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

RUNTIME: Final = re.compile(r"[a-z][a-z0-9_-]*")
PORT: Final = click.IntRange(0, 65535)


class Duration(click.ParamType):  # type: ignore[type-arg]  # not generic in older versions
    """A time in words: "90s", "30m", "12h"; a plain number means seconds."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        from gdistributed.deploy.machine import time_s

        try:
            return time_s(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)


class Runtime(click.ParamType):  # type: ignore[type-arg]
    """A runtime and the command that starts a process of it, as NAME=COMMAND."""

    name = "runtime"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return the name and the command."""
        name, _, command = str(value).partition("=")
        if not (RUNTIME.fullmatch(name) and command.strip()):
            self.fail(f"{value!r} is not NAME=COMMAND, like r='Rscript worker.R'", param, ctx)
        if name == PYTHON:
            self.fail("Python runs in the worker itself; see --functions", param, ctx)
        return name, command


class Size(click.ParamType):  # type: ignore[type-arg]  # not generic in older versions
    """A size in words: "500MB", "4GiB"; a plain number means bytes."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return bytes."""
        from gdistributed.deploy.machine import size_nbytes

        try:
            return size_nbytes(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)


host_option: Final[Decorator] = click.option(
    "--host",
    metavar="HOST",
    default=LOOPBACK,
    show_default=True,
    help="Host name or address to listen on. 0.0.0.0 means all; others are told one of them.",
)
contact_address_option: Final[Decorator] = click.option(
    "--contact-address",
    metavar="HOST[:PORT]",
    default="",
    help="Where others reach it, if not where it listens: behind NAT, or in a container with a"
    " published port.",
)
dashboard_address_option: Final[Decorator] = click.option(
    "--dashboard-address",
    metavar="HOST:PORT",
    help="Where to serve the web pages about the cluster; :PORT means on 127.0.0.1. The next free"
    f" port is taken if it is in use.  [default: {LOOPBACK}:{DEFAULT_DASHBOARD_PORT}]",
)
no_dashboard_option: Final[Decorator] = click.option(
    "--no-dashboard", is_flag=True, help="Serve no web pages about the cluster."
)
log_level_option: Final[Decorator] = click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    metavar="LEVEL",
    default="info",
    show_default=True,
    help=f"Lowest level of the lines that are logged: {', '.join(LEVELS)}.",
)
log_format_option: Final[Decorator] = click.option(
    "--log-format",
    type=click.Choice(FORMATS),
    metavar="FORMAT",
    default=TEXT,
    show_default=True,
    envvar="GD_LOG_FORMAT",
    show_envvar=True,
    help="How lines are logged: text for people, json for programs, one object a line.",
)


def logging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `log_level` and `log_format`."""
    return log_level_option(log_format_option(command))


stop_with_parent_option: Final[Decorator] = click.option(
    "--stop-with-parent",
    is_flag=True,
    hidden=True,
    help="End when standard input is closed: for programs that start this one and may be killed.",
)


def _use_certificates(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> None:
    if value:
        from gdistributed.security.certificates import Security

        Security(value).use()


tls_option: Final[Callable[[click.Command], click.Command]] = click.option(
    "--tls",
    metavar="FOLDER",
    envvar=CERTIFICATES_VARIABLE,
    show_envvar=True,
    expose_value=False,
    is_eager=True,
    callback=_use_certificates,
    help="Speak TLS, with the cluster's certificates: ca.crt, tls.crt and tls.key in this folder.",
)


def name_option(text: str) -> Decorator:
    return click.option("--name", metavar="NAME", help=text)


def port_option(default: int) -> Decorator:
    return click.option(
        "--port",
        type=PORT,
        metavar="PORT",
        default=default,
        show_default=True,
        help="Port to listen on; 0 picks a free one.",
    )


def dashboard_wanted(address: str | None, no_dashboard: bool) -> str | bool:
    """Return where a dashboard is wanted, as `open_dashboard` takes it."""
    if no_dashboard and address is not None:
        raise click.UsageError("--no-dashboard and --dashboard-address contradict each other")
    return not no_dashboard if address is None else address
