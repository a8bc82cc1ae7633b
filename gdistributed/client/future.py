"""A future: the handle of a result that is, or will be, on the cluster."""

from __future__ import annotations

import concurrent.futures
import functools
import logging
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from dask._task_spec import TaskRef

from gdistributed.client.bridge import SUSPENDING, Bridge
from gdistributed.client.current import find_connection
from gdistributed.client.html import facts
from gdistributed.client.keys import Key, wire_name
from gdistributed.client.spans import gathering
from gdistributed.core.client.futures import (
    CANCELLED,
    ERROR,
    FINISHED,
    Countdown,
    FutureRecord,
    Once,
)
from gdistributed.data.failures import exception_from_failure, full_traceback
from gdistributed.errors import GDistributedError, InvariantBroken, UsageError, WaitTimeout
from gdistributed.v1 import scheduler_pb2

if TYPE_CHECKING:
    from gdistributed.client.connection import Connection

logger = logging.getLogger("gdistributed.client")

# So long the scheduler has to say why a task is not done.
EXPLAIN_S: Final = 0.5


class Future(TaskRef):
    """The handle of a result that is, or will be, on the cluster.

    Futures are made by `Client.submit`, `map`, `scatter`, `compute` and `persist`. The cluster
    keeps a result for as long as there is a future of it, here or in a published dataset. A future
    may be an argument of another task, however deep inside lists, tuples, sets and dicts.

    Parameters
    ----------
    key
        Key of the task.
    connection
        Of the client that wants it; None leaves the future unbound.
    record
        What the client knows of the key, counted for this future already.

    Attributes
    ----------
    key
        Key of the task, as the user gave it.

    Examples
    --------
    >>> future = client.submit(divmod, 7, 2)
    >>> future.result()
    (3, 1)
    """

    __slots__ = ("__weakref__", "_connection", "_record")

    def __init__(
        self,
        key: Key,
        connection: Connection | None = None,
        record: FutureRecord | None = None,
    ) -> None:
        self.key = key
        self._connection = connection
        self._record = record

    @property
    def record(self) -> FutureRecord:
        """What the client knows of the key.

        Raises
        ------
        UsageError
            If the future belongs to no client, or was released.
        """
        if self._record is None:
            self._bind()
        if self._record is None:
            raise UsageError(
                f"the future of {self.key!r} belongs to no client: it was released, or read from a "
                f"pickle where there is no client"
            )
        return self._record

    @property
    def connection(self) -> Connection:
        """The connection of its client. Errors are those of `record`."""
        if self._connection is None:
            self._bind()
        if self._connection is None:
            raise UsageError(f"the future of {self.key!r} belongs to no client")
        return self._connection

    def _bind(self) -> None:
        """Bind a future that was read from a pickle where there was no client, if there is now."""
        if self._connection is None and (connection := find_connection()) is not None:
            self._record = wanted_record(connection, self.key)
            self._connection = connection

    @property
    def status(self) -> str:
        """Where it stands: "pending", "finished", "error", "cancelled" or "lost".

        A lost result is being computed again, since the workers that held it are gone.
        """
        return self.record.state.value

    @property
    def type(self) -> str:
        """Type of the result in its language; empty while it is not known."""
        return self.record.type

    def done(self) -> bool:
        """Return whether there is a result or an error.

        Examples
        --------
        >>> future = client.submit(abs, -3)
        >>> future.result(), future.done()
        (3, True)
        """
        return self.record.is_settled

    def cancelled(self) -> bool:
        """Return whether somebody gave the task up.

        Examples
        --------
        >>> client.submit(abs, -3).cancelled()
        False
        """
        return self.record.state is CANCELLED

    def result(self, timeout: float | None = None) -> Any:  # noqa: ANN401
        """Wait for the result and return it; of an asynchronous client, something to await.

        Parameters
        ----------
        timeout
            Seconds to wait; None (the default) waits for ever.

        Raises
        ------
        Exception
            Whatever the task raised, with its remote traceback.
        WaitTimeout
            If it is not done in time. It is a `TimeoutError` too.
        CancelledError
            If it was cancelled; the message says by whom and why, where known.

        Examples
        --------
        >>> client.submit(abs, -3).result(timeout=30)
        3
        """
        return self.connection.bridge.run(self._result(timeout, self.connection.bridge))

    def exception(self, timeout: float | None = None) -> Any:  # noqa: ANN401
        """Wait until the task is done and return its exception, or None when it has a result.

        Of an asynchronous client, something to await. Parameters and errors are those of `result`,
        but for the task's own exception.

        Examples
        --------
        >>> client.submit(int, "no number").exception()
        ValueError("invalid literal for int() with base 10: 'no number'")
        """
        return self.connection.bridge.run(self._exception(timeout, self.connection.bridge))

    def traceback(self, timeout: float | None = None, full: bool = False) -> Any:  # noqa: ANN401
        """Wait until the task is done and return the remote traceback, or None.

        As `exception`, whose `__traceback__` it is.

        Parameters
        ----------
        timeout
            Seconds to wait; None (the default) waits for ever.
        full
            Whether with the frames of the worker's own code, which called the user's; otherwise
            (the default) it begins with the user's.

        Examples
        --------
        >>> import traceback
        >>> future = client.submit(int, "no number")
        >>> [frame.name for frame in traceback.extract_tb(future.traceback(full=True))]
        ['run']
        """
        bridge = self.connection.bridge
        return bridge.run(self._traceback(timeout, full, bridge))

    def cancel(self, reason: str = "", force: bool = False) -> None:
        """Give the task up, and all that depend on it.

        Parameters
        ----------
        reason
            For those who wait.
        force
            Whether to give it up for other clients too.

        Examples
        --------
        >>> future = client.submit(abs, -4, key="unwanted")
        >>> future.cancel(reason="a change of mind")
        >>> future.cancelled()
        True
        """
        with self.connection.locked() as brain:
            brain.cancel([self.record.key], reason, force)

    def retry(self) -> None:
        """Have a task that erred computed again.

        Examples
        --------
        >>> future.retry()  # doctest: +SKIP
        """
        with self.connection.locked() as brain:
            brain.retry([self.record.key])

    def release(self) -> None:
        """Want the result no longer. Deleting the last reference does the same.

        Examples
        --------
        >>> client.submit(abs, -3).release()
        """
        record, self._record = self._record, None
        if record is not None and self._connection is not None:
            self._connection.drop(record)

    def add_done_callback(self, function: Callable[[Future], object]) -> None:
        """Have a function called with this future when it is done.

        It is called in a thread of its own kind, and at once when the future is done already. What
        it raises is logged.

        Examples
        --------
        >>> client.submit(abs, -3).add_done_callback(print)  # doctest: +SKIP
        <Future: finished, type: int, key: abs-0b1f8e...>
        """

        def call() -> None:
            callback_thread().submit(_call_back, function, self)

        with self.connection.locked() as brain:
            brain.watch([self.record], Once(call))

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result(None, SUSPENDING).__await__()

    async def _result(self, timeout: float | None, bridge: Bridge) -> Any:  # noqa: ANN401
        from gdistributed.client.values import value_of

        with gathering(self.connection, (self.record,)):
            await self._settled(timeout, bridge)
            return await value_of(self.connection, self.record, bridge)

    async def _exception(self, timeout: float | None, bridge: Bridge) -> Exception | None:
        await self._settled(timeout, bridge)
        return failure_of(self.record)

    async def _traceback(
        self, timeout: float | None, full: bool, bridge: Bridge
    ) -> TracebackType | None:
        await self._settled(timeout, bridge)
        failure = failure_of(self.record)
        if full and self.record.error is not None:
            return full_traceback(self.record.error)
        return None if failure is None else failure.__traceback__

    async def _settled(self, timeout: float | None, bridge: Bridge) -> None:
        record = self.record
        if not record.is_settled and not await settled(
            self.connection, [record], bridge, timeout_s=timeout
        ):
            raise WaitTimeout(
                f"the task {self.key!r} was not done within {timeout:g} s. "
                f"{await self._explained() if timeout else f'It is {record.state}.'}"
            )

    async def _explained(self) -> str:
        """Return why it is not done, as the scheduler says if it answers at once."""
        connection = self.connection
        request = scheduler_pb2.ExplainTaskRequest(key=self.record.key)
        try:
            answer = await connection.ask(
                connection.scheduler.ExplainTask, request, "explaining a task", EXPLAIN_S
            )
        except GDistributedError:
            return f"It is {self.record.state}."
        return answer.explanation

    def __del__(self) -> None:
        record = self._record
        if record is not None and self._connection is not None:
            self._record = None
            self._connection.drop(record)

    def __reduce__(self) -> tuple[Callable[[Key], Future], tuple[Key]]:
        return bind_future, (self.key,)

    def __dask_tokenize__(self) -> tuple[str, Key, str]:
        return ("gdistributed.Future", self.key, self._connection.id if self._connection else "")

    def __repr__(self) -> str:
        if self._record is None:
            return f"<Future: unbound, key: {self.key}>"
        kind = f", type: {self._record.type}" if self._record.type else ""
        return f"<Future: {self._record.state}{kind}, key: {self.key}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        if self._record is None:
            return facts("Future", {"key": self.key, "status": "unbound"})
        rows = {"key": self.key, "status": self.status, "type": self.type or "unknown yet"}
        if self._record.error is not None:
            error = self._record.error
            rows["error"] = f"{error.type}: {error.message}"
        return facts("Future", rows, self.status)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def _call_back(function: Callable[[Future], object], future: Future) -> None:
    try:
        function(future)
    except Exception:
        logger.exception("a callback raised", extra={"task": future.key})


@functools.cache
def callback_thread() -> concurrent.futures.Executor:
    """Return the thread that runs callbacks, where they may block without harm."""
    return concurrent.futures.ThreadPoolExecutor(1, "gdistributed-callbacks")


def bind_future(key: Key) -> Future:
    """Make a future of a key that the cluster knows, of the current client if there is one."""
    connection = find_connection()
    if connection is None:
        return Future(key)
    return Future(key, connection, wanted_record(connection, key))


def wanted_record(connection: Connection, key: Key) -> FutureRecord:
    """Have a client want a key that the cluster knows; return the record, counted for a future."""
    name = wire_name(key)
    with connection.locked() as brain:
        is_new = name not in brain.records
        record = brain.want(name)
        if is_new:
            brain.hold([name])
    return record


def failure_of(record: FutureRecord) -> Exception | None:
    """Return the exception of an erred or cancelled key, or None."""
    if record.state not in (ERROR, CANCELLED):
        return None
    error = record.error
    if error is None:
        raise InvariantBroken(f"{record.key!r} is {record.state} without an error")
    return exception_from_failure(error)


async def settled(
    connection: Connection,
    records: Iterable[FutureRecord],
    bridge: Bridge,
    *,
    timeout_s: float | None = None,
    enough: int | None = None,
    stops_at_error: bool = False,
) -> bool:
    """Wait until keys have settled; say whether they did in time.

    Parameters
    ----------
    records
        The keys, each once.
    timeout_s
        How long to wait; None waits for ever.
    enough
        How many are enough; None means all.
    stops_at_error
        Whether one that erred or was cancelled ends the wait.
    """
    records = list(records)
    signal = bridge.signal()
    watch = Countdown(signal.set, len(records) if enough is None else enough, stops_at_error)
    unfinished = [record for record in records if record.state is not FINISHED]
    waiting = [record for record in unfinished if not record.is_settled]
    watch.remaining -= len(records) - len(waiting)
    if stops_at_error and any(record.state in (ERROR, CANCELLED) for record in unfinished):
        return True
    if watch.is_over:
        return True
    with connection.locked() as brain:
        brain.watch(waiting, watch)
    try:
        if not watch.is_over:
            await signal.wait(timeout_s)
    finally:
        if not watch.is_over:
            connection.unwatch(waiting, watch)
    return watch.is_over
