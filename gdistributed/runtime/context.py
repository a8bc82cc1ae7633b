"""Which task runs here: for user code, and for clients that are made inside a task."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True, frozen=True)
class TaskContext:
    """The task that runs in this thread or coroutine.

    Attributes
    ----------
    key, attempt
        The run.
    worker_id, worker_name
        Where it runs.
    scheduler_address
        Where its worker was told to find a scheduler; a client made inside the task goes there.
    """

    key: str
    attempt: int
    worker_id: str
    worker_name: str
    scheduler_address: str


class Running(Protocol):
    """What the runtime sets while a task runs; the context is made only when somebody asks."""

    def context(self) -> TaskContext:
        """Say which task runs."""


current: ContextVar[Running | None] = ContextVar("gdistributed_task", default=None)


def current_task() -> TaskContext | None:
    """Return the task that runs here, or None outside of a task."""
    running = current.get()
    return None if running is None else running.context()
