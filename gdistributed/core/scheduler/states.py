"""The states of a task at the scheduler, and the words for groups of them.

released → waiting → queued | no_worker → processing → memory | erred → released → forgotten
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a task stands; `TaskState` in task.proto says what each means."""

    RELEASED = "released"
    WAITING = "waiting"
    QUEUED = "queued"
    NO_WORKER = "no_worker"
    PROCESSING = "processing"
    MEMORY = "memory"
    ERRED = "erred"
    FORGOTTEN = "forgotten"


RELEASED: Final = State.RELEASED
WAITING: Final = State.WAITING
QUEUED: Final = State.QUEUED
NO_WORKER: Final = State.NO_WORKER
PROCESSING: Final = State.PROCESSING
MEMORY: Final = State.MEMORY
ERRED: Final = State.ERRED
FORGOTTEN: Final = State.FORGOTTEN

# A task in one of these states is on its way to a result, and holds on to its dependencies.
ACTIVE: Final = frozenset({WAITING, QUEUED, NO_WORKER, PROCESSING})
