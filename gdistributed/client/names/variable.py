"""Variables."""

from __future__ import annotations

from typing import Any, ClassVar

from gdistributed.client.computing import futures_of
from gdistributed.client.connection import Connection
from gdistributed.client.heard import heard
from gdistributed.client.names.base import Named
from gdistributed.client.names.calls import Timeout, ask_names, ask_patiently, seconds_of
from gdistributed.client.names.held import found_value, hold_value, let_go
from gdistributed.core.client.futures import CANCELLED
from gdistributed.v1 import names_pb2 as pb


class Variable(Named):
    """A variable that all processes of a cluster share by its name.

    It has a future, whose result stays on the cluster meanwhile, or a plain value, which goes
    through the Center and should be small. A task that waits for a value leaves its thread to
    others.

    Parameters
    ----------
    name
        The name; a new one by default.
    client
        The client to use; by default the current one, which inside a task is that of its worker.

    Examples
    --------
    >>> Variable("best").set(0.97)  # doctest: +SKIP
    >>> Variable("best").get()  # doctest: +SKIP
    0.97
    """

    kind: ClassVar[str] = "variable"

    def set(self, value: Any, timeout: Timeout = None) -> Any:  # noqa: ANN401
        """Set the variable; of an asynchronous client, something to await.

        Parameters
        ----------
        value
            A future, futures or persisted collections inside lists and the like, or any value.
        timeout
            Accepted for compatibility: to set a variable needs no wait.

        Raises
        ------
        SerializationError
            If the value cannot be pickled.

        Examples
        --------
        >>> variable.set(client.submit(sum, [1, 2]))  # doctest: +SKIP
        """
        return self._run(self._set, value)

    def get(self, timeout: Timeout = None) -> Any:  # noqa: ANN401
        """Return the value; wait until there is one. Of an asynchronous client, to be awaited.

        Parameters
        ----------
        timeout
            Seconds (or a text like "200 ms", or a timedelta) to wait; None (the default) waits for
            ever.

        Raises
        ------
        WaitTimeout
            If there was none in time. It is a `TimeoutError` too.

        Examples
        --------
        >>> variable.get(timeout="1 s").result()  # doctest: +SKIP
        3
        """
        return self._run(self._get, seconds_of(timeout))

    def delete(self) -> Any:  # noqa: ANN401
        """Take the value away, for all; of an asynchronous client, something to await.

        Examples
        --------
        >>> variable.delete()  # doctest: +SKIP
        """
        return self._run(self._delete)

    async def _set(self, connection: Connection, value: Any) -> None:  # noqa: ANN401
        """Set the variable; what `set` does, whatever the client."""
        named = await hold_value(connection, value, f"variable:{self.name}")
        request = pb.SetVariableRequest(name=self.name, value=named)
        answer = await ask_names(connection, "SetVariable", request, f"setting {self!r}")
        let_go(connection, answer.replaced_holder)

    async def _delete(self, connection: Connection) -> None:
        """Delete the variable; what `delete` does, whatever the client."""
        request = pb.SetVariableRequest(name=self.name)
        answer = await ask_names(connection, "SetVariable", request, f"deleting {self!r}")
        let_go(connection, answer.replaced_holder)

    async def _get(self, connection: Connection, timeout_s: float | None) -> Any:  # noqa: ANN401
        """Return the value; what `get` does, whatever the client.

        While a future is fetched the variable may be set anew, and the old result dropped: then the
        new value is taken.
        """
        tried = ""
        while True:
            request = pb.GetVariableRequest(name=self.name)
            answer = await ask_patiently(
                connection, "GetVariable", request, f"reading {self!r}", timeout_s
            )
            named = answer.value
            value = found_value(connection, named)
            if not named.keys or named.holder == tried:
                return value
            await heard(connection)
            futures = futures_of(value)
            if all(future.record.state is not CANCELLED for future in futures):
                return value
            tried = named.holder
