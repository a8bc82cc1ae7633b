"""How gRPC waits for its sockets: it is imported here first, before anything else of ours does.

Since 1.80 at the latest, gRPC reads a socket in a thread of its "event engine", which hands what it
read to the thread that waits for events, which wakes the event loop. The poller that served until
then is still there: the thread that waits reads the socket itself. That saves a switch of threads
for each message in each direction: a fifth of the time from submit to result was spent on them.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from gdistributed.installed import installed_versions

VARIABLE: Final = "GRPC_EXPERIMENTS"
OPENED: Final = "-event_engine_client"  # connections that this process opens
ACCEPTED: Final = "-event_engine_listener"  # connections that it accepts
# The newest version known to have the two. One that lacks them would say so on stderr.
NEWEST: Final = (1, 85)


def import_grpc(*, runs_tasks: bool = True) -> None:
    """Import gRPC, if nobody has, so that it polls sockets in the thread that waits for them.

    It reads `GRPC_EXPERIMENTS` when it is imported, and only then. Whoever has set this variable is
    heard instead. It is taken back at once, for it is not meant for the processes that this one
    starts.

    Parameters
    ----------
    runs_tasks
        Whether a user's code runs here. While such code holds the GIL nobody reads a socket in
        this way. For connections that this process opened gRPC then looks each five seconds,
        which is enough to answer pings; for those it accepted it does not, so they stay with the
        event engine.
    """
    if "grpc" in sys.modules or VARIABLE in os.environ or not _has_both():
        return
    os.environ[VARIABLE] = OPENED if runs_tasks else f"{OPENED},{ACCEPTED}"
    try:
        import grpc.aio  # noqa: F401 - for its effect, and not before
    finally:
        del os.environ[VARIABLE]


def _has_both() -> bool:
    major, minor, *_ = (*installed_versions().get("grpcio", "").split("."), "")
    return major.isdecimal() and minor.isdecimal() and (int(major), int(minor)) <= NEWEST
