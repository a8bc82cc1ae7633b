"""Events."""

from __future__ import annotations

from typing import Any, ClassVar

from gdistributed.client.connection import Connection
from gdistributed.client.names.base import Named
from gdistributed.client.names.calls import Timeout, ask_names, ask_patiently, seconds_of
from gdistributed.errors import WaitTimeout
from gdistributed.v1 import names_pb2 as pb


class Event(Named):
    """A flag that all processes of a cluster share by its name, and that can be waited for.

    It is not set at first. A task that waits leaves its thread to others meanwhile.

    Parameters
    ----------
    name
        The name; a new one by default.
    client
        The client to use; by default the current one, which inside a task is that of its worker.

    Examples
    --------
    >>> Event("ready").set()  # doctest: +SKIP
    >>> Event("ready").wait(timeout="1 s")  # doctest: +SKIP
    True
    """

    kind: ClassVar[str] = "event"

    def set(self) -> Any:  # noqa: ANN401
        """Set it: all who wait go on. Of an asynchronous client, something to await.

        Examples
        --------
        >>> event.set()  # doctest: +SKIP
        """
        return self._run(self._set, False)

    def clear(self) -> Any:  # noqa: ANN401
        """Clear it: from now on one has to wait. Of an asynchronous client, something to await.

        Examples
        --------
        >>> event.clear()  # doctest: +SKIP
        """
        return self._run(self._set, True)

    def is_set(self) -> Any:  # noqa: ANN401
        """Return whether it is set; of an asynchronous client, something to await.

        Examples
        --------
        >>> event.is_set()  # doctest: +SKIP
        False
        """
        return self._run(self._wait, 0.0)

    def wait(self, timeout: Timeout = None) -> Any:  # noqa: ANN401
        """Wait until it is set; of an asynchronous client, something to await.

        Parameters
        ----------
        timeout
            Seconds (or a text like "200 ms", or a timedelta) to wait; None (the default) waits for
            ever.

        Returns
        -------
        bool
            Whether it is set; False when the time was over.

        Examples
        --------
        >>> event.wait(timeout="1 s")  # doctest: +SKIP
        False
        """
        return self._run(self._wait, seconds_of(timeout))

    async def _set(self, connection: Connection, clear: bool) -> None:
        """Set or clear it; what `set` and `clear` do, whatever the client."""
        request = pb.SetEventRequest(name=self.name, clear=clear)
        await ask_names(connection, "SetEvent", request, f"setting {self!r}")

    async def _wait(self, connection: Connection, timeout_s: float | None) -> bool:
        """Wait until it is set; what `wait` does, whatever the client."""
        request = pb.WaitEventRequest(name=self.name)
        try:
            await ask_patiently(
                connection, "WaitEvent", request, f"waiting for {self!r}", timeout_s
            )
        except WaitTimeout:
            return False
        return True
