"""Clients inside tasks: one for each worker, shared by all of its tasks.

It waits as its caller does: in a thread, or in a coroutine. What a task submits by it comes before
the rest of that task's generation, and a task that waits leaves its thread to others: so work that
is submitted inside tasks is always done, even on a single thread.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final

from gdistributed.client import dask_scheduler
from gdistributed.client.async_client import TIMEOUT_S, AsyncClient
from gdistributed.client.bridge import BLOCKING, EITHER
from gdistributed.client.client import Client
from gdistributed.client.current import as_current, current_client, has_default
from gdistributed.runtime.context import TaskContext, away, current_task, with_worker

_clients: Final[dict[str, Client]] = {}
_making: Final = threading.Lock()


def get_client(
    address: str | None = None,
    timeout: float | None = None,
) -> Any:  # noqa: ANN401
    """Return the client of the worker on which this task runs; elsewhere the current client.

    In a function it is a `Client`. In a coroutine it is an `AsyncClient`, to be awaited before its
    first use: ``client = await get_client()``. It belongs to all tasks of the worker: do not close
    it.

    Parameters
    ----------
    address
        Accepted for compatibility: the cluster is that of the worker.
    timeout
        Seconds to try to reach the scheduler; default 10.

    Raises
    ------
    ConnectTimeout
        If nobody answers there in time.
    UsageError
        If this is no task, and there is no current client.

    Examples
    --------
    >>> def fibonacci(n):
    ...     if n < 2:
    ...         return n
    ...     client = get_client()
    ...     futures = client.map(fibonacci, [n - 1, n - 2])
    ...     return sum(client.gather(futures))
    """
    task = current_task()
    if task is None or task.loop is None:
        return current_client()
    face = client_of(task, timeout or TIMEOUT_S)
    if asyncio._get_running_loop() is not None:
        return face.twin
    if face.twin.status == "created":
        BLOCKING.run(face.twin.start())
    return face


def client_of(task: TaskContext, timeout_s: float = TIMEOUT_S) -> Client:
    """Return the client of a task's worker, which may not have been started yet."""
    with _making:
        face = _clients.get(task.worker_id)
        if face is None:
            twin = AsyncClient(
                task.scheduler_address,
                timeout=timeout_s,
                name=f"tasks of {task.worker_name}",
                set_as_default=False,
                bridge=EITHER,
                loop=task.loop,
                worker_id=task.worker_id,
            )
            face = _clients[task.worker_id] = Client.of(twin)
            with_worker(task.worker_id, lambda: _close(task.worker_id))
            dask_scheduler.install()
        return face


class worker_client:  # a function to those who use it
    """The client of the worker on which this task runs, for a `with` or an `async with` block.

    For the time of the block the task leaves its thread to others. The client is the current one:
    dask computes with it.

    Parameters
    ----------
    timeout
        Seconds to try to reach the scheduler; default 10.
    separate_thread
        Whether the task leaves its thread (the default). Otherwise it does so only while it waits.

    Raises
    ------
    ConnectTimeout
        If nobody answers there in time.
    UsageError
        If this is no task, and there is no current client.

    Examples
    --------
    >>> def total(numbers):
    ...     with worker_client() as client:
    ...         return sum(client.gather(client.map(abs, numbers)))
    """

    def __init__(self, timeout: float | None = None, separate_thread: bool = True) -> None:
        self._timeout = timeout
        self._separate_thread = separate_thread
        self._exits = ExitStack()

    def __enter__(self) -> Any:  # noqa: ANN401
        client = get_client(timeout=self._timeout)
        if self._separate_thread:
            self._exits.enter_context(away())
        return self._exits.enter_context(as_current(client))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()

    async def __aenter__(self) -> AsyncClient:
        client: AsyncClient = self.__enter__()
        try:
            return await client.start()
        except BaseException:
            self._exits.close()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()


def _close(worker_id: str) -> None:
    """The worker ends: its tasks want nothing more."""
    with _making:
        face = _clients.pop(worker_id, None)
        if not _clients and not has_default():
            dask_scheduler.uninstall()
    if face is not None:
        face.close()
