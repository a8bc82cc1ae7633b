"""What all names have in common: a name, and a client."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar

from gdistributed.client.async_client import AsyncClient
from gdistributed.client.connection import Connection
from gdistributed.client.current import AnyClient, nearest_client

P = ParamSpec("P")
R = TypeVar("R")


class Named:
    """Something that the Center keeps by name.

    Parameters
    ----------
    name
        The name; a new one by default.
    client
        The client to use; by default the current one, which inside a task is that of its worker.
    """

    kind: ClassVar[str] = "name"

    def __init__(self, name: str | None = None, client: AnyClient | None = None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"the name of a {self.kind} is a string, and got {name!r}")
        self.name = name or f"{self.kind}-{uuid.uuid4().hex}"
        self._client = client

    @property
    def client(self) -> AnyClient:
        """The client that is used now.

        Raises
        ------
        UsageError
            If none was given and there is no current one.
        """
        return self._client or nearest_client()

    def _run(
        self,
        method: Callable[Concatenate[Connection, P], Coroutine[Any, Any, R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Any:  # noqa: ANN401
        """Give the caller a result, or something to await, as its client does."""
        client = self.client
        twin = client if isinstance(client, AsyncClient) else client.twin

        async def run() -> R:
            await twin.start()  # inside a coroutine of a task it may be new
            return await method(twin.connection, *args, **kwargs)

        run.__name__ = method.__name__  # for the message to who may not block
        return twin.bridge.run(run())

    async def _itself(self, _connection: Connection) -> Self:
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._itself(None).__await__()  # type: ignore[arg-type]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name,)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"
