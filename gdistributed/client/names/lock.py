"""Locks."""

from __future__ import annotations

from typing import Any, ClassVar

from gdistributed.client.current import AnyClient
from gdistributed.client.names.calls import Timeout
from gdistributed.client.names.leased import LEASE_S, Leased


class Lock(Leased):
    """A lock that all processes of a cluster share by its name.

    Those who wait get it in the order in which they came. Its holder renews a lease in the
    background; when it dies the lock is free again as soon as the lease has run out. It may be
    sent to tasks, where it is another handle of the same lock. A task that waits for a lock keeps
    its thread: else more and more tasks would begin, only to wait as well.

    Parameters
    ----------
    name
        The name; a new one by default.
    client
        The client to use; by default the current one, which inside a task is that of its worker.
    lease
        Seconds (or a text, or a timedelta) after which it is free again when its holder has died;
        30 by default.

    Examples
    --------
    >>> with Lock("the printer"):  # doctest: +SKIP
    ...     print("alone")
    """

    kind: ClassVar[str] = "lock"

    def __init__(
        self,
        name: str | None = None,
        client: AnyClient | None = None,
        *,
        lease: Timeout = LEASE_S,
    ) -> None:
        super().__init__(None, 1, name, client, lease)

    def acquire(self, blocking: bool = True, timeout: Timeout = None) -> Any:  # noqa: ANN401
        """Acquire the lock; of an asynchronous client, something to await.

        Parameters
        ----------
        blocking
            Whether to wait for it.
        timeout
            Seconds (or a text like "200 ms", or a timedelta) to wait; None (the default) waits for
            ever.

        Returns
        -------
        bool
            Whether it was acquired.

        Raises
        ------
        ValueError
            For a timeout without waiting.

        Examples
        --------
        >>> lock.acquire(timeout="1 s")  # doctest: +SKIP
        True
        """
        return self._acquire_within(wait_for(blocking, timeout))

    def locked(self) -> Any:  # noqa: ANN401
        """Return whether anybody holds the lock; of an asynchronous client, something to await.

        Examples
        --------
        >>> lock.locked()  # doctest: +SKIP
        False
        """
        return self._run(self._locked)

    def __reduce__(self) -> tuple[Any, ...]:
        return _lock, (self.name, self.lease_s)


def _lock(name: str, lease_s: float) -> Lock:
    return Lock(name, lease=lease_s)


def wait_for(blocking: bool, timeout: Timeout) -> Timeout:
    """Return how long to wait.

    Raises
    ------
    ValueError
        For a timeout without waiting.
    """
    if blocking:
        return timeout
    if timeout is not None:
        raise ValueError("a timeout makes no sense with blocking=False")
    return 0
