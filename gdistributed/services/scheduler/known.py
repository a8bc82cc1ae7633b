"""Finding what a caller names."""

from __future__ import annotations

import grpc

from gdistributed.core.scheduler.records import TaskRecord
from gdistributed.services.scheduler.shell import Shell
from gdistributed.wire.status import StatusError


def known_task(shell: Shell, key: str) -> TaskRecord:
    """Return the task of a key.

    Raises
    ------
    StatusError
        If the scheduler does not know it (UNKNOWN_KEY).
    """
    task = shell.brain.books.tasks.get(key)
    if task is None:
        raise StatusError(
            grpc.StatusCode.NOT_FOUND,
            "UNKNOWN_KEY",
            f"the scheduler does not know the key {key!r}: it was never submitted, or nobody "
            f"wants it any more",
        )
    return task
