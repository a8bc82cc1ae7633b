"""Semaphores."""

from __future__ import annotations

from typing import Any, ClassVar

from gdistributed.client.connection import Connection
from gdistributed.client.current import AnyClient
from gdistributed.client.names.calls import Timeout, ask_names
from gdistributed.client.names.leased import LEASE_S, Leased
from gdistributed.v1 import names_pb2 as pb


class Semaphore(Leased):
    """A semaphore that all processes of a cluster share by its name.

    At most `max_leases` of those who want it have it at one time; the others wait in the order in
    which they came. All who use a name must give the same number. Holders renew leases in the
    background; what a holder had that dies is free as soon as its lease has run out.

    Parameters
    ----------
    max_leases
        How many may have it at one time; 1 by default.
    name
        The name; a new one by default.
    client
        The client to use; by default the current one, which inside a task is that of its worker.
    lease
        Seconds (or a text, or a timedelta) after which a lease is free again when its holder has
        died; 30 by default.

    Examples
    --------
    >>> database = Semaphore(max_leases=5, name="the database")
    >>> def load(part):
    ...     with database:
    ...         return part
    """

    kind: ClassVar[str] = "semaphore"

    def __init__(
        self,
        max_leases: int = 1,
        name: str | None = None,
        client: AnyClient | None = None,
        *,
        lease: Timeout = LEASE_S,
    ) -> None:
        if max_leases < 1:
            raise ValueError(f"a semaphore has at least one lease, and got max_leases={max_leases}")
        super().__init__(None, max_leases, name, client, lease)
        self.max_leases = max_leases

    def acquire(self, timeout: Timeout = None) -> Any:  # noqa: ANN401
        """Acquire a lease; of an asynchronous client, something to await.

        Parameters
        ----------
        timeout
            Seconds (or a text like "200 ms", or a timedelta) to wait; None (the default) waits for
            ever.

        Returns
        -------
        bool
            Whether it was acquired.

        Raises
        ------
        LimitDiffers
            If others use the name with another number. It is a `ValueError` too.

        Examples
        --------
        >>> database.acquire(timeout="1 s")  # doctest: +SKIP
        True
        """
        return self._acquire_within(timeout)

    def get_value(self) -> Any:  # noqa: ANN401
        """Return how many leases are held; of an asynchronous client, something to await.

        Examples
        --------
        >>> database.get_value()  # doctest: +SKIP
        0
        """
        return self._run(self._get_value)

    def locked(self) -> Any:  # noqa: ANN401
        """Return whether no lease is left; of an asynchronous client, something to await.

        Examples
        --------
        >>> database.locked()  # doctest: +SKIP
        False
        """
        return self._run(self._locked)

    async def _locked(self, connection: Connection) -> bool:
        """Ask whether no lease is left."""
        return await self._get_value(connection) >= self.max_leases

    def close(self) -> Any:  # noqa: ANN401
        """End all leases of this name, whoever holds them: those who wait get them.

        Of an asynchronous client, something to await.

        Examples
        --------
        >>> database.close()  # doctest: +SKIP
        """
        return self._run(self._close)

    async def _close(self, connection: Connection) -> None:
        """End all leases; what `close` does, whatever the client."""
        request = pb.ReleaseRequest(names=[self.name])
        await ask_names(connection, "Release", request, f"closing {self!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _semaphore, (self.max_leases, self.name, self.lease_s)


def _semaphore(max_leases: int, name: str, lease_s: float) -> Semaphore:
    return Semaphore(max_leases, name, lease=lease_s)
