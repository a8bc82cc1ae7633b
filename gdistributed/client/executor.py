"""A cluster as an executor of `concurrent.futures`, for code that knows nothing else.

Its futures are the standard library's, each made of a future of the cluster. A thread of the
executor settles them as their tasks end, with the values at hand, and runs their callbacks. They
are pending until then: clients are not told when a task begins, and one that runs can still be
given up.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from gdistributed.client.bridge import BLOCKING, SUSPENDING
from gdistributed.client.computing import Computing
from gdistributed.client.connection import Connection
from gdistributed.client.future import Future
from gdistributed.client.heard import heard
from gdistributed.client.listing import list_tasks
from gdistributed.client.options import TaskOptions, Workers, task_options
from gdistributed.client.values import value_of
from gdistributed.core.client.futures import Once
from gdistributed.data.functions import function_name
from gdistributed.errors import CancelledError, ClusterError, UsageError
from gdistributed.runtime.context import leave
from gdistributed.v1 import task_pb2

T = TypeVar("T")
R = TypeVar("R")

HEARD_TIMEOUT_S: Final = 2.0


class Executing(Computing):
    """The client as an executor."""

    def get_executor(
        self,
        *,
        pure: bool = False,
        workers: Workers = None,
        resources: Mapping[str, float] | None = None,
        retries: int | None = None,
        priority: int = 0,
        allow_other_workers: bool = False,
        timeout: float | None = None,
    ) -> ClientExecutor:
        """Return an executor of `concurrent.futures` that runs its calls on the cluster.

        Parameters
        ----------
        pure
            Whether equal calls have equal results, and are computed once; false by default.
        workers, resources, retries, priority, allow_other_workers, timeout
            As in `submit`, for all calls.

        Returns
        -------
        A `concurrent.futures.Executor`. It serves `concurrent.futures.wait` and `as_completed`, and
        `loop.run_in_executor`. Shutting it down leaves the client open.

        Raises
        ------
        ValueError, TypeError
            As `submit`, for options that make no sense.

        Examples
        --------
        >>> with client.get_executor(retries=2) as executor:
        ...     list(executor.map(pow, [2, 3], [10, 10]))
        [1024, 59049]
        """
        options = task_options(
            priority, retries, workers, allow_other_workers, resources, timeout=timeout
        )
        return ClientExecutor(self, options, pure)


class ClientExecutor(concurrent.futures.Executor):
    """Runs calls on a cluster; made by `Client.get_executor`.

    Parameters
    ----------
    client
        Submits the calls.
    options
        How tasks are to be run.
    pure
        Whether equal calls are computed once.
    """

    def __init__(self, client: Computing, options: TaskOptions, pure: bool) -> None:
        self._client = client
        self._options = options
        self._pure = pure
        self._settling = Settling(client.connection)
        self._cancelling: asyncio.Task[None] | None = None
        weakref.finalize(self, self._settling.close).atexit = False  # nobody submits any more

    def submit(
        self,
        function: Callable[..., T],
        /,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> ExecutorFuture[T]:
        """Submit a call and return a future of the standard library at once.

        Futures of the cluster among the arguments are replaced by their results; those of an
        executor cannot be sent.

        Raises
        ------
        RuntimeError
            If the executor was shut down.
        TypeError, UnpicklableArgument
            As `Client.submit`.
        """
        self._settling.check_open()
        task = self._client.submit_call(
            function, args, kwargs, options=self._options, pure=self._pure
        )
        return self._settling.follow(task)

    def map(
        self,
        function: Callable[..., T],
        /,
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[T]:
        """Submit a call for each item, at once, and return an iterator of the results in order.

        Closing the iterator cancels what has not ended.

        Parameters
        ----------
        function
            Any callable.
        *iterables
            One for each positional argument; the shortest one counts.
        timeout
            Seconds from now after which the iterator raises; None (the default) means never.
        chunksize
            How many calls make one task; default 1. More of them suit calls of microseconds. Where
            one of them raises, the results of its task are lost.

        Raises
        ------
        TimeoutError
            From the iterator, if a result is not there in time.
        Exception
            From the iterator: what a call raised.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        self._settling.check_open()
        deadline = None if timeout is None else time.monotonic() + timeout
        calls = list(zip(*iterables, strict=False))
        if chunksize == 1:
            return _results(self._follow(function, calls, function_name(function)), deadline)
        starts = range(0, len(calls), chunksize)
        chunks = [(function, calls[start : start + chunksize]) for start in starts]
        lists = _results(self._follow(call_each, chunks, function_name(function)), deadline)
        return (result for results in lists for result in results)

    def _follow(
        self, function: Callable[..., Any], calls: list[tuple[Any, ...]], prefix: str
    ) -> list[ExecutorFuture[Any]]:
        tasks = self._client.map_calls(
            function, calls, options=self._options, prefix=prefix, pure=self._pure
        )
        return [self._settling.follow(task) for task in tasks]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls.

        Parameters
        ----------
        wait
            Whether to wait (the default) until all futures are done and their callbacks were run.
        cancel_futures
            Whether to cancel the futures whose tasks no worker was handed yet. What was handed to a
            worker goes on.

        Raises
        ------
        UsageError
            If it would wait on the event loop of its client: say ``wait=False`` there, or ``await
            asyncio.to_thread(executor.shutdown)``.
        """
        loop = self._client.connection.loop
        is_on_loop = asyncio._get_running_loop() is loop
        if wait and is_on_loop:
            raise UsageError(
                "shutdown(wait=True) on the event loop of the client would block that loop: use "
                "shutdown(wait=False), or `await asyncio.to_thread(executor.shutdown)`"
            )
        self._settling.close()
        if cancel_futures and is_on_loop:
            self._cancelling = loop.create_task(self._settling.cancel_waiting())
        elif cancel_futures and self._client.bridge is SUSPENDING:
            asyncio.run_coroutine_threadsafe(self._settling.cancel_waiting(), loop).result()
        elif cancel_futures:
            BLOCKING.run(self._settling.cancel_waiting())
        if wait:
            self._settling.join()

    def __repr__(self) -> str:
        return f"<ClientExecutor of {self._client!r}, {self._settling.count} futures pending>"


class ExecutorFuture(concurrent.futures.Future[T]):
    """A future of the standard library for a task on a cluster.

    It can be cancelled until its task has ended. A task that waits for its result leaves its thread
    to others meanwhile.
    """

    def __init__(self, settling: Settling) -> None:
        super().__init__()
        self._settling = settling
        self._cancelled_error: CancelledError | None = None

    def cancel(self) -> bool:
        """Give the task up unless it has ended; return whether it is given up."""
        if not super().cancel():
            return False
        task = self._settling.take(self)
        if task is not None:
            self.set_running_or_notify_cancel()
            task.release()
        return True

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result and return it, or raise what the task raised.

        Parameters
        ----------
        timeout
            Seconds to wait; None (the default) waits for ever.

        Raises
        ------
        TimeoutError
            If it is not there in time.
        concurrent.futures.CancelledError
            If the task was given up; where not by this future, the message says by whom and why.
        """
        return self._wait(super().result, timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end and return what the task raised, or None. Otherwise as `result`."""
        return self._wait(super().exception, timeout)

    def was_cancelled(self, error: CancelledError) -> None:
        """Somebody else gave the task up. Called by the thread that settles it."""
        self._cancelled_error = error
        super().cancel()
        self.set_running_or_notify_cancel()

    def _wait(self, get: Callable[[float | None], R], timeout: float | None) -> R:
        task = None if self.done() else leave()
        try:
            return get(timeout)
        except concurrent.futures.CancelledError:
            if self._cancelled_error is None:
                raise
            raise self._cancelled_error from None
        finally:
            if task is not None and self.done():  # else it goes on at once, beside the others
                task.rejoin()


Step = Callable[[], None]


class Settling:
    """The futures of one executor that are not done, and the thread that settles them.

    The thread begins with the first future. It ends when there are none and nothing more comes.

    Parameters
    ----------
    connection
        Of the client whose tasks these are.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._pending: dict[ExecutorFuture[Any], Future] = {}
        self._steps: SimpleQueue[Step | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many futures are not done."""
        return len(self._pending)

    def check_open(self) -> None:
        """Raise RuntimeError if nothing more may come."""
        if self._is_closed:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def follow(self, task: Future) -> ExecutorFuture[Any]:
        """Make a future that is settled when a task ends. Errors are those of `check_open`."""
        future: ExecutorFuture[Any] = ExecutorFuture(self)
        with self._lock:
            self.check_open()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="gdistributed-executor", daemon=True
                )
                self._thread.start()
            self._pending[future] = task
        step = partial(self._settle, future)
        with self._connection.locked() as brain:
            brain.watch([task.record], Once(partial(self._steps.put, step)))
        return future

    def take(self, future: ExecutorFuture[Any]) -> Future | None:
        """Take a future out, and return its task. Of several who want to settle it one gets it."""
        with self._lock:
            task = self._pending.pop(future, None)
            if task is not None:
                self._end_if_over()
            return task

    def close(self) -> None:
        """Take nothing more in. From any thread."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._end_if_over()

    def join(self) -> None:
        """Wait for the end of the thread; a task that waits leaves its own to others."""
        if self._thread is not None:
            task = leave()
            self._thread.join()
            if task is not None:
                task.rejoin()

    async def cancel_waiting(self) -> None:
        """Cancel the futures whose tasks no worker was handed; all if the scheduler is gone."""
        try:
            await heard(self._connection, HEARD_TIMEOUT_S)  # until then the last may yet come
            listed = list_tasks(self._connection, task_pb2.TASK_STATE_PROCESSING)
            handed_out = {task.key async for task in listed}
        except (ClusterError, UsageError):
            handed_out = set()
        for future, task in list(self._pending.items()):
            if task.record.key not in handed_out:
                future.cancel()

    def _end_if_over(self) -> None:
        if self._is_closed and not self._pending:
            self._steps.put(None)

    # In the thread

    def _run(self) -> None:
        while (step := self._steps.get()) is not None:
            step()
            del step  # while it waits the thread holds on to nothing

    def _settle(self, future: ExecutorFuture[Any]) -> None:
        """A task has ended: take a value that is here, and have others fetched on the loop."""
        task = self._pending.get(future)
        if task is None:
            return
        record, connection = task.record, self._connection
        if isinstance(record.outcome, bytes) or record.error is not None:
            self._finish(future, lambda: BLOCKING.run(value_of(connection, record, BLOCKING)))
            return
        fetching = value_of(connection, record, SUSPENDING)
        try:
            fetched = asyncio.run_coroutine_threadsafe(fetching, connection.loop)
        except RuntimeError as error:  # the loop is closed
            fetching.close()
            self._finish(future, partial(_raise, error))
            return
        fetched.add_done_callback(
            lambda done: self._steps.put(partial(self._finish, future, done.result))
        )

    def _finish(self, future: ExecutorFuture[Any], get: Callable[[], Any]) -> None:
        value, failure = None, None
        try:
            value = get()
        except BaseException as error:
            failure = error
        if self.take(future) is None:
            return
        if isinstance(failure, CancelledError):
            future.was_cancelled(failure)
        elif not future.set_running_or_notify_cancel():
            return  # cancelled at the same moment: those who wait know it now
        elif failure is not None:
            future.set_exception(failure)
        else:
            future.set_result(value)


def call_each(function: Callable[..., T], calls: list[tuple[Any, ...]]) -> list[T]:
    """Make several calls: one task of `map` with a chunk size. On the worker."""
    return [function(*args) for args in calls]


def _results(futures: list[ExecutorFuture[T]], deadline: float | None) -> Iterator[T]:
    futures.reverse()
    try:
        while futures:
            remaining_s = None if deadline is None else deadline - time.monotonic()
            yield futures.pop().result(remaining_s)
    finally:
        for future in futures:
            future.cancel()


def _raise(error: BaseException) -> None:
    raise error
