"""Waiting for several futures: all or some of them at once, or each as it is done."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from gdistributed.client.bridge import BLOCKING, SUSPENDING, Bridge, Signal
from gdistributed.client.computing import futures_of
from gdistributed.client.future import Future, failure_of, settled
from gdistributed.client.values import value_of
from gdistributed.core.client.futures import Arrivals, FutureRecord
from gdistributed.errors import UsageError, WaitTimeout

ALL_COMPLETED: Literal["ALL_COMPLETED"] = "ALL_COMPLETED"
FIRST_COMPLETED: Literal["FIRST_COMPLETED"] = "FIRST_COMPLETED"
FIRST_EXCEPTION: Literal["FIRST_EXCEPTION"] = "FIRST_EXCEPTION"

ReturnWhen = Literal["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"]


class DoneAndNotDone(NamedTuple):
    """What `wait` returns.

    Attributes
    ----------
    done
        Futures with a result or an error.
    not_done
        The others.
    """

    done: set[Future]
    not_done: set[Future]


def wait(
    fs: Any,  # noqa: ANN401
    timeout: float | None = None,
    return_when: ReturnWhen = ALL_COMPLETED,
) -> Any:  # noqa: ANN401
    """Wait for futures, without bringing their values here.

    Parameters
    ----------
    fs
        Futures inside lists and the like, or collections that were persisted.
    timeout
        Seconds to wait; None (the default) waits for ever.
    return_when
        "ALL_COMPLETED" (the default), "FIRST_COMPLETED", or "FIRST_EXCEPTION": when all are done or
        the first one erred.

    Returns
    -------
    `DoneAndNotDone`; where the futures are those of an asynchronous client, something to await.

    Raises
    ------
    WaitTimeout
        If the condition was not met in time. It is a `TimeoutError` too.

    Examples
    --------
    >>> done, not_done = wait(client.map(abs, [-1, -2]))
    >>> len(done), len(not_done)
    (2, 0)
    """
    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        raise ValueError(
            f"return_when must be ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION and is "
            f"{return_when!r}"
        )
    futures = futures_of(fs)
    if not futures:
        return DoneAndNotDone(set(), set())
    bridge = futures[0].connection.bridge
    return bridge.run(_wait(futures, timeout, return_when, bridge))


async def _wait(
    futures: list[Future], timeout: float | None, return_when: ReturnWhen, bridge: Bridge
) -> DoneAndNotDone:
    records = {future.record.key: future.record for future in futures}
    in_time = await settled(
        futures[0].connection,
        records.values(),
        bridge,
        timeout_s=timeout,
        enough=1 if return_when == FIRST_COMPLETED else None,
        stops_at_error=return_when == FIRST_EXCEPTION,
    )
    done = {future for future in futures if future.done()}
    if not in_time:
        raise WaitTimeout(f"{len(done)} of {len(futures)} futures were done within {timeout:g} s")
    return DoneAndNotDone(done, set(futures) - done)


class as_completed:  # a function to those who use it
    """Yield futures in the order in which they are done. For `for` and for `async for`.

    Parameters
    ----------
    futures
        The first futures; `add` and `update` bring more.
    loop
        Accepted for compatibility.
    with_results
        Whether to yield pairs of a future and its value.
    raise_errors
        With `with_results`: whether the error of a future is raised (the default); otherwise the
        pair has the exception in the place of a value.
    timeout
        Seconds from now until `WaitTimeout` is raised; None (the default) means never.

    Examples
    --------
    >>> for future in as_completed(futures):  # doctest: +SKIP
    ...     print(future.result())
    """

    def __init__(
        self,
        futures: Iterable[Future] | None = None,
        loop: object = None,
        with_results: bool = False,
        raise_errors: bool = True,
        *,
        timeout: float | None = None,
    ) -> None:
        self.with_results = with_results
        self.raise_errors = raise_errors
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._timeout = timeout
        self._futures: dict[str, list[Future]] = {}  # all that wait, by key
        self._signal: Signal | None = None
        self._arrivals = Arrivals(self._wake)
        if futures is not None:
            self.update(futures)

    def add(self, future: Future) -> None:
        """Add a future. It is yielded too, and soon if it is done already.

        Examples
        --------
        >>> futures = as_completed()
        >>> futures.add(client.submit(abs, -1))
        >>> next(futures).result()
        1
        """
        self.update((future,))

    def update(self, futures: Iterable[Future]) -> None:
        """Add several futures; each counts by itself, two of one key as well.

        Examples
        --------
        >>> futures = as_completed()
        >>> futures.update(client.map(abs, [-1, -2]))
        >>> sorted(future.result() for future in futures)
        [1, 2]
        """
        new: dict[str, FutureRecord] = {}
        connection = None
        for future in futures:
            if not isinstance(future, Future):
                raise TypeError(f"as_completed takes futures and got {future!r}")
            record = future.record
            connection = future.connection
            waiting = self._futures.setdefault(record.key, [])
            waiting.append(future)
            if len(waiting) == 1:
                new[record.key] = record
        if connection is None:
            return
        settled_ones = [record for record in new.values() if record.is_settled]
        self._arrivals.arrived.extend(settled_ones)
        pending = [record for record in new.values() if not record.is_settled]
        if pending:
            with connection.locked() as brain:
                brain.watch(pending, self._arrivals)
        self._wake()

    def count(self) -> int:
        """Return how many futures have not been yielded yet.

        Examples
        --------
        >>> as_completed(client.map(abs, [-1, -2])).count()
        2
        """
        return sum(map(len, self._futures.values()))

    def is_empty(self) -> bool:
        """Return whether all futures have been yielded.

        Examples
        --------
        >>> as_completed().is_empty()
        True
        """
        return not self._futures

    def has_ready(self) -> bool:
        """Return whether one could be yielded at once.

        Examples
        --------
        >>> as_completed().has_ready()
        False
        """
        return bool(self._arrivals.arrived)

    def clear(self) -> None:
        """Forget all futures.

        Examples
        --------
        >>> futures = as_completed(client.map(abs, [-1, -2]))
        >>> futures.clear()
        >>> futures.count()
        0
        """
        for futures in self._futures.values():
            futures[0].connection.unwatch([futures[0].record], self._arrivals)
        self._futures.clear()
        self._arrivals.arrived.clear()

    def next_batch(self, block: bool = True) -> list[Any]:
        """Return all futures (or pairs) that are done.

        Parameters
        ----------
        block
            Whether to wait for at least one (the default).

        Examples
        --------
        >>> [future.result() for future in as_completed(client.map(abs, [-1])).next_batch()]
        [1]
        """
        first = [next(self)] if block or self.has_ready() else []
        while self.has_ready():
            first.append(next(self))
        return first

    def batches(self) -> Iterator[list[Any]]:
        """Yield all that are done at once as one list, until there are none.

        Examples
        --------
        >>> sum(len(batch) for batch in as_completed(client.map(abs, range(10))).batches())
        10
        """
        while self._futures:
            yield self.next_batch()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:  # noqa: ANN401
        if not self._futures:
            raise StopIteration
        return BLOCKING.run(self._next(BLOCKING))

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401
        if not self._futures:
            raise StopAsyncIteration
        return await self._next(SUSPENDING)

    async def _next(self, bridge: Bridge) -> Any:  # noqa: ANN401
        future = await self._arrived(bridge)
        if not self.with_results:
            return future
        failure = failure_of(future.record)
        if failure is None:
            try:
                return future, await value_of(future.connection, future.record, bridge)
            except Exception as error:
                failure = error
        if self.raise_errors:
            raise failure
        return future, failure

    async def _arrived(self, bridge: Bridge) -> Future:
        """Wait for the next future that is done, and take it out."""
        while True:
            while self._arrivals.arrived:
                record = self._arrivals.arrived[0]
                futures = self._futures.get(record.key)
                if not futures:
                    self._arrivals.arrived.popleft()  # cleared meanwhile
                    continue
                future = futures.pop(0)
                if not futures:
                    del self._futures[record.key]
                    self._arrivals.arrived.popleft()
                return future
            if self._signal is not None:
                raise UsageError("somebody else waits for this as_completed already")
            self._signal = bridge.signal()
            try:
                if not self._arrivals.arrived and not await self._signal.wait(self._remaining_s()):
                    raise WaitTimeout(
                        f"{self.count()} futures were not done within {self._timeout:g} s"
                    )
            finally:
                self._signal = None

    def _remaining_s(self) -> float | None:
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)

    def _wake(self) -> None:
        if self._signal is not None:
            self._signal.set()
