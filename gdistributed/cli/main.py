"""The command `gd` and what all its commands share: the version, and how an error is shown."""

from __future__ import annotations

import click

from gdistributed.cli.center import center
from gdistributed.cli.certificates import certificates
from gdistributed.cli.conformance import conformance
from gdistributed.cli.dashboard import dashboard
from gdistributed.cli.explain import explain
from gdistributed.cli.functions import functions
from gdistributed.cli.options import tls_option
from gdistributed.cli.output import output
from gdistributed.cli.profile import profile
from gdistributed.cli.reading_logs import logs
from gdistributed.cli.replay import replay
from gdistributed.cli.restart import restart
from gdistributed.cli.retire import retire
from gdistributed.cli.scheduler import scheduler
from gdistributed.cli.status import status
from gdistributed.cli.story import story
from gdistributed.cli.tasks import tasks
from gdistributed.cli.top import top
from gdistributed.cli.worker import worker
from gdistributed.errors import GDistributedError
from gdistributed.version import __version__

INTERRUPTED = 130  # as shells say of what SIGINT has ended


class Commands(click.Group):
    """A group whose commands show our own errors as one line.

    The exit code is then 1, of wrong options 2, after Ctrl-C 130.
    """

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except GDistributedError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which a person needs them


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gd %(version)s")
def main() -> None:
    """A cluster that computes: start its parts, and look into it.

    \b
      gd scheduler
      gd worker 127.0.0.1:8786 --nworkers 2
      gd top 127.0.0.1:8786
    """


for command in (
    *(scheduler, worker, center),
    *(top, status, dashboard, tasks, explain, story, logs, output, functions, profile, replay),
    *(retire, restart, conformance),
):
    main.add_command(tls_option(command))
main.add_command(certificates)
