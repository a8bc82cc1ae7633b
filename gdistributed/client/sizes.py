"""How large a call may be that travels through the scheduler, as all calls do."""

from __future__ import annotations

import warnings
from typing import Final

from gdistributed.errors import ArgumentTooLarge
from gdistributed.settings import MIB, ClientSettings

ARGUMENTS: Final = "the arguments of"
FUNCTION: Final = "the function and what it encloses,"
ADVICE: Final = "put large data on the workers with client.scatter(data) and pass the future"


def check_size(nbytes: int, what: str, name: str, settings: ClientSettings) -> None:
    """Warn of what is large, and refuse what no message can hold.

    Parameters
    ----------
    nbytes
        Its size when it is packed.
    what, name
        What it is and of which task, for people: "the arguments of" and a key or a prefix.

    Raises
    ------
    ArgumentTooLarge
        If it is larger than a message may be.
    """
    if nbytes <= settings.large_argument_nbytes:
        return
    limit = settings.limits.message_nbytes
    if nbytes > limit:
        raise ArgumentTooLarge(
            f"{what} {name!r}: {nbytes / MIB:.1f} MiB, and no more than {limit / MIB:g} MiB can "
            f"travel through the scheduler: {ADVICE}"
        )
    warnings.warn(
        f"{what} {name!r}: {nbytes / MIB:.1f} MiB, which travel through the scheduler: {ADVICE}",
        stacklevel=3,
    )
