"""Queues."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from gdistributed.client.connection import Connection
from gdistributed.client.current import AnyClient
from gdistributed.client.names.base import Named
from gdistributed.client.names.calls import Timeout, ask_names, ask_patiently, seconds_of
from gdistributed.client.names.held import found_value, hold_value, let_go
from gdistributed.errors import WaitTimeout
from gdistributed.v1 import names_pb2 as pb

ALL: Final = 2**32 - 1


class Queue(Named):
    """A queue that all processes of a cluster share by its name.

    It holds futures, whose results stay on the cluster meanwhile, and plain values, which go
    through the Center and should be small. Those who wait, for values or for room, are served in
    the order in which they came. A task that waits leaves its thread to others.

    Parameters
    ----------
    name
        The name; a new one by default.
    client
        The client to use; by default the current one, which inside a task is that of its worker.
    maxsize
        How many values fit in; 0 (the default) means any number.

    Examples
    --------
    >>> queue = Queue("results")
    >>> queue.put(client.submit(sum, [1, 2]))  # doctest: +SKIP
    >>> queue.get().result()  # doctest: +SKIP
    3
    """

    kind: ClassVar[str] = "queue"

    def __init__(
        self, name: str | None = None, client: AnyClient | None = None, maxsize: int = 0
    ) -> None:
        super().__init__(name, client)
        self.maxsize = maxsize

    def put(self, value: Any, timeout: Timeout = None) -> Any:  # noqa: ANN401
        """Append a value; wait while the queue is full. Of an asynchronous client, to be awaited.

        Parameters
        ----------
        value
            A future, futures or persisted collections inside lists and the like, or any value.
        timeout
            Seconds (or a text like "200 ms", or a timedelta) to wait; None (the default) waits for
            ever.

        Raises
        ------
        WaitTimeout
            If there was no room in time. It is a `TimeoutError` too.
        SerializationError
            If the value cannot be pickled.

        Examples
        --------
        >>> queue.put({"step": 1}, timeout="1 s")  # doctest: +SKIP
        """
        return self._run(self._put, value, seconds_of(timeout))

    def get(self, timeout: Timeout = None, batch: bool | int = False) -> Any:  # noqa: ANN401
        """Take a value, or several; wait while there are too few. Of an asynchronous client, to be
        awaited.

        Parameters
        ----------
        timeout
            Seconds (or a text like "200 ms", or a timedelta) to wait; None (the default) waits for
            ever.
        batch
            False (the default) takes one value; a number takes so many, together or not at all;
            True takes all that are there, and does not wait.

        Returns
        -------
        The value; for a batch a list of values.

        Raises
        ------
        WaitTimeout
            If there were too few in time. It is a `TimeoutError` too.

        Examples
        --------
        >>> queue.get(batch=True)  # doctest: +SKIP
        [{'step': 1}]
        """
        return self._run(self._get, seconds_of(timeout), batch)

    def qsize(self) -> Any:  # noqa: ANN401
        """Return how many values are in the queue; of an asynchronous client, to be awaited.

        Examples
        --------
        >>> queue.qsize()  # doctest: +SKIP
        0
        """
        return self._run(self._qsize)

    def close(self) -> Any:  # noqa: ANN401
        """Empty the queue; of an asynchronous client, something to await.

        Examples
        --------
        >>> queue.close()  # doctest: +SKIP
        """
        return self._run(self._close)

    async def _put(
        self,
        connection: Connection,
        value: Any,  # noqa: ANN401
        timeout_s: float | None,
    ) -> None:
        """Append a value; what `put` does, whatever the client."""
        named = await hold_value(connection, value, f"queue:{self.name}")
        request = pb.PutQueueRequest(name=self.name, value=named, max_size=self.maxsize)
        try:
            await ask_patiently(
                connection, "PutQueue", request, f"putting into {self!r}", timeout_s
            )
        except WaitTimeout:
            let_go(connection, named.holder)
            raise

    async def _get(self, connection: Connection, timeout_s: float | None, batch: bool | int) -> Any:  # noqa: ANN401
        """Take values; what `get` does, whatever the client."""
        if batch is True:
            named = await self._take_all(connection)
        else:
            named = await self._take(connection, int(batch) or 1, timeout_s)
        values = [found_value(connection, each) for each in named]
        for each in named:
            let_go(connection, each.holder)
        return values[0] if batch is False else values

    async def _qsize(self, connection: Connection) -> int:
        """Ask for the size; what `qsize` does, whatever the client."""
        request = pb.GetQueueRequest(name=self.name, peek=True)
        answer = await ask_names(connection, "GetQueue", request, f"asking for {self!r}")
        return int(answer.size)

    async def _close(self, connection: Connection) -> None:
        """Drop all values; what `close` does, whatever the client."""
        for each in await self._take_all(connection):
            let_go(connection, each.holder)

    async def _take(
        self, connection: Connection, count: int, timeout_s: float | None
    ) -> list[pb.NamedValue]:
        request = pb.GetQueueRequest(name=self.name, count=count, at_least=count)
        answer = await ask_patiently(
            connection, "GetQueue", request, f"taking from {self!r}", timeout_s
        )
        return list(answer.values)

    async def _take_all(self, connection: Connection) -> list[pb.NamedValue]:
        request = pb.GetQueueRequest(name=self.name, count=ALL)
        try:
            answer = await ask_names(connection, "GetQueue", request, f"emptying {self!r}", 0.0)
        except WaitTimeout:
            return []
        return list(answer.values)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, None, self.maxsize)
