"""What locks and semaphores have in common: leases that are acquired, renewed and released."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from gdistributed.client.async_client import AsyncClient
from gdistributed.client.connection import Connection
from gdistributed.client.current import AnyClient
from gdistributed.client.names.base import Named
from gdistributed.client.names.calls import Timeout, ask_names, seconds_of
from gdistributed.client.names.leases import Lease
from gdistributed.errors import NotHeld, UsageError, WaitTimeout
from gdistributed.runtime.context import current_key
from gdistributed.v1 import names_pb2 as pb

LEASE_S: Final = 30.0


class HeldLease(NamedTuple):
    """A lease of a lock or semaphore, as the Center knows it.

    Attributes
    ----------
    id
        Its id.
    holder
        The client that holds it, and the task.
    remaining_s
        In how many seconds it ends if it is not renewed.
    """

    id: str
    holder: str
    remaining_s: float


class Held(NamedTuple):
    """What one acquisition took, and by which connection."""

    connection: Connection
    leases: list[Lease]


class Leased(Named):
    """Names of which leases are taken.

    Parameters
    ----------
    names
        The names.
    limit
        How many leases each has.
    name, client
        As for `Named`.
    lease
        Seconds (or a text, or a timedelta) after which it is free again when its holder has died.
    """

    def __init__(
        self,
        names: list[str] | None,
        limit: int,
        name: str | None,
        client: AnyClient | None,
        lease: Timeout,
    ) -> None:
        super().__init__(name, client)
        self.lease_s = seconds_of(lease) or LEASE_S
        self._names = [self.name] if names is None else names
        self._limit = limit
        self._held: deque[Held] = deque()

    def _acquire_within(self, timeout: Timeout, at_least: int = 0) -> Any:  # noqa: ANN401
        return self._run(self._acquire, seconds_of(timeout), at_least)

    async def _acquire(
        self, connection: Connection, timeout_s: float | None, at_least: int
    ) -> bool:
        """Take leases; what `acquire` does, whatever the client."""
        key = current_key()
        holder = f"{connection.name}, task {key!r}" if key else connection.name
        request = pb.AcquireRequest(
            names=self._names, limit=self._limit, holder=holder, at_least=at_least
        )
        request.lease.FromNanoseconds(int(self.lease_s * 1e9))
        try:
            answer = await ask_names(
                connection, "Acquire", request, f"acquiring {self!r}", timeout_s
            )
        except WaitTimeout:
            return False
        names = ", ".join(answer.names)
        leases = [Lease(lease_id, names, self.lease_s) for lease_id in answer.lease_ids]
        self._held.append(Held(connection, leases))
        connection.leases.keep(leases)
        return True

    def release(self) -> Any:  # noqa: ANN401
        """Give back what was acquired, the latest first; of an asynchronous client, to be awaited.

        Returns
        -------
        bool
            Whether it was held until now. It is not if the process was stopped or cut off for
            longer than the lease: then somebody else may have had it meanwhile.

        Raises
        ------
        NotHeld
            If this object holds nothing. It is a `RuntimeError` too.

        Examples
        --------
        >>> lock = Lock("the file")
        >>> lock.acquire(timeout=10)
        True
        >>> lock.release()
        True
        """
        return self._run(self._release)

    async def _release(self, _connection: Connection) -> bool:
        """End the leases that were taken last; what `release` does, whatever the client."""
        try:
            connection, leases = self._held.pop()
        except IndexError:
            raise NotHeld(f"{self!r} was released too often: it is not held") from None
        if connection.status in ("closing", "closed"):
            return False  # a client that closes releases all that it holds
        were_held = all(map(connection.leases.is_held, leases))
        connection.leases.forget(leases)
        request = pb.ReleaseRequest(lease_ids=[lease.id for lease in leases])
        answer = await ask_names(connection, "Release", request, f"releasing {self!r}")
        return were_held and len(answer.released) == len(leases)

    def leases(self) -> Any:  # noqa: ANN401
        """Return who holds it now; of an asynchronous client, something to await.

        Returns
        -------
        list of HeldLease
            The oldest first.

        Examples
        --------
        >>> [lease.holder for lease in lock.leases()]  # doctest: +SKIP
        ['a-host-4711']
        """
        return self._run(self._leases)

    async def _leases(self, connection: Connection) -> list[HeldLease]:
        """Ask who holds leases; what `leases` does, whatever the client."""
        found = []
        for name in self._names:
            request = pb.GetSemaphoreRequest(name=name)
            answer = await ask_names(connection, "GetSemaphore", request, f"asking for {self!r}")
            for lease in answer.leases:
                remaining_s = lease.remaining.ToNanoseconds() / 1e9
                found.append(HeldLease(lease.lease_id, lease.holder, remaining_s))
        return found

    async def _get_value(self, connection: Connection) -> int:
        """Ask how many leases are held."""
        return len(await self._leases(connection))

    async def _locked(self, connection: Connection) -> bool:
        """Ask whether anybody holds a lease."""
        return bool(await self._leases(connection))

    def __enter__(self) -> Self:
        client = self.client
        if isinstance(client, AsyncClient):
            raise UsageError(f"the client of {self!r} is asynchronous: use `async with`")
        self._acquire_within(None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    async def __aenter__(self) -> Self:
        if not isinstance(self.client, AsyncClient):
            raise UsageError(f"the client of {self!r} is synchronous: use `with`")
        await self._acquire_within(None)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.release()
