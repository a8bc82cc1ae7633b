"""Which task runs here, and on which worker: for user code, and for clients inside tasks.

Services run tasks and clients are used by them, and neither knows the other: they meet here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from gdistributed.errors import NotInTask
from gdistributed.v1 import task_pb2

logger = logging.getLogger("gdistributed.worker")


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
    worker
        The worker itself.
    loop
        The event loop of the worker.
    """

    key: str
    attempt: int
    worker_id: str
    worker_name: str
    scheduler_address: str
    worker: Any = None
    loop: asyncio.AbstractEventLoop | None = None


class Running(Protocol):
    """What the runtime sets while a task runs; the context is made only when somebody asks."""

    key: str

    def context(self) -> TaskContext:
        """Say which task runs."""

    def secede(self) -> bool:
        """Leave the thread to other tasks; False when it was left already."""

    def rejoin(self) -> None:
        """Wait for a thread among the others, if it was left."""

    def said(self, stream: task_pb2.OutputStream.ValueType, text: str) -> None:
        """Note what was printed or logged."""


current: ContextVar[Running | None] = ContextVar("gdistributed_task", default=None)

_closings: dict[str, list[Callable[[], None]]] = {}


def current_task() -> TaskContext | None:
    """Return the task that runs here, or None outside of a task."""
    running = current.get()
    return None if running is None else running.context()


def current_key() -> str:
    """Return the key of the task that runs here, or nothing outside of a task."""
    running = current.get()
    return "" if running is None else running.key


def get_worker() -> Any:  # noqa: ANN401
    """Return the worker on which this task runs.

    It has an `id`, a `name`, an `address`, `nthreads`, `resources`, the `data` that it holds, and
    the `local_directory` where tasks may keep files. It is the same object for all tasks in this
    process, so that what one of them attaches to it is seen by the next.

    Raises
    ------
    NotInTask
        If this is not called inside a task.

    Examples
    --------
    >>> client.submit(lambda: get_worker().address).result()  # doctest: +SKIP
    '127.0.0.1:40123'
    """
    return _inside("get_worker").context().worker


def secede() -> None:
    """Have this task leave its thread to other tasks; it runs on, beside them.

    From then on it takes none of what its worker has for tasks: neither a thread, nor the resources
    that it asked for. For tasks that wait long, for something that is no task: to wait for a future
    does the same by itself. A coroutine holds no thread, but counts like a task that does; so this
    has its meaning there, too. To secede again changes nothing.

    Raises
    ------
    NotInTask
        If this is not called inside a task.

    Examples
    --------
    >>> def waits_long():
    ...     secede()  # others may use the thread
    ...     return slow_answer()  # doctest: +SKIP
    """
    _inside("secede").secede()


def rejoin() -> None:
    """Have this task take a thread again that it had left to others; wait until one is free.

    A task that has not seceded goes on at once.

    Raises
    ------
    NotInTask
        If this is not called inside a task.

    Examples
    --------
    >>> def waits_and_computes():
    ...     secede()
    ...     question = slow_answer()
    ...     rejoin()  # waits for a thread
    ...     return compute(question)  # doctest: +SKIP
    """
    _inside("rejoin").rejoin()


def leave() -> Running | None:
    """Leave the thread to other tasks if this is a task that holds one; return it if so."""
    running = current.get()
    return running if running is not None and running.secede() else None


@contextlib.contextmanager
def away() -> Iterator[None]:
    """Leave the thread to other tasks for the time of a `with` block, if this is a task."""
    left = leave()
    try:
        yield
    finally:
        if left is not None:
            left.rejoin()


def with_worker(worker_id: str, close: Callable[[], None]) -> None:
    """Have something closed when a worker in this process ends."""
    _closings.setdefault(worker_id, []).append(close)


def close_with(worker_id: str) -> None:
    """A worker ends: close what lives as long as it. It blocks."""
    for close in _closings.pop(worker_id, ()):
        try:
            close()
        except Exception:
            logger.exception("something could not be closed with its worker")


def _inside(asked: str) -> Running:
    running = current.get()
    if running is None:
        raise NotInTask(f"{asked} was called outside of a task")
    return running
