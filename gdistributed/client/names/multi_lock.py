"""Several locks at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from gdistributed.client.current import AnyClient
from gdistributed.client.names.calls import Timeout
from gdistributed.client.names.leased import LEASE_S, Leased
from gdistributed.client.names.lock import wait_for


class MultiLock(Leased):
    """Several locks, taken together or not at all: nobody holds one while it waits for another.

    They are the same locks as `Lock` of these names.

    Parameters
    ----------
    names
        The names; a single new one by default.
    client
        The client to use; by default the current one, which inside a task is that of its worker.
    lease
        Seconds (or a text, or a timedelta) after which they are free again when their holder has
        died; 30 by default.

    Examples
    --------
    >>> with MultiLock(["left fork", "right fork"]):  # doctest: +SKIP
    ...     print("eat")
    """

    kind: ClassVar[str] = "multi-lock"

    def __init__(
        self,
        names: Iterable[str] | None = None,
        client: AnyClient | None = None,
        *,
        lease: Timeout = LEASE_S,
    ) -> None:
        if isinstance(names, str):
            raise TypeError(f"MultiLock takes several names: MultiLock([{names!r}])")
        given = None if names is None else list(names)
        super().__init__(given, 1, None if given is None else ", ".join(given), client, lease)
        self.names = list(self._names)

    def acquire(
        self,
        blocking: bool = True,
        timeout: Timeout = None,
        num_locks: int | None = None,
    ) -> Any:  # noqa: ANN401
        """Acquire the locks; of an asynchronous client, something to await.

        Parameters
        ----------
        blocking
            Whether to wait for them.
        timeout
            Seconds (or a text like "200 ms", or a timedelta) to wait; None (the default) waits for
            ever.
        num_locks
            How many of the locks are enough: just so many are taken. All by default.

        Returns
        -------
        bool
            Whether they were acquired.

        Raises
        ------
        ValueError
            For a timeout without waiting.

        Examples
        --------
        >>> MultiLock(["a", "b", "c"]).acquire(num_locks=2)  # doctest: +SKIP
        True
        """
        return self._acquire_within(wait_for(blocking, timeout), num_locks or 0)

    def locked(self) -> bool:
        """Return whether this object holds locks; it asks nobody.

        Examples
        --------
        >>> MultiLock(["a", "b"]).locked()
        False
        """
        return bool(self._held)

    def __reduce__(self) -> tuple[Any, ...]:
        return _multi_lock, (self.names, self.lease_s)


def _multi_lock(names: list[str], lease_s: float) -> MultiLock:
    return MultiLock(names, lease=lease_s)
