"""`client.datasets`: the datasets as a mapping."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from gdistributed.errors import UsageError

if TYPE_CHECKING:
    from gdistributed.client.async_client import AsyncClient
    from gdistributed.client.client import Client


class DatasetMapping(MutableMapping[str, Any]):
    """The datasets of a cluster by name.

    Of an asynchronous client ``await client.datasets[name]`` gets one, ``async for`` yields the
    names, and datasets are published and unpublished by the methods of the client.

    Parameters
    ----------
    client
        Whose datasets they are.

    Examples
    --------
    >>> client.datasets["numbers"] = [1, 2, 3]  # doctest: +SKIP
    >>> list(client.datasets)  # doctest: +SKIP
    ['numbers']
    """

    __slots__ = ("_client",)

    def __init__(self, client: AsyncClient | Client) -> None:
        self._client = client

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401
        return self._client.get_dataset(name)

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401
        self._must_block("client.datasets[name] = value", "publish_dataset(value, name=name)")
        self._client.publish_dataset(value, name=name, override=True)

    def __delitem__(self, name: str) -> None:
        self._must_block("del client.datasets[name]", "unpublish_dataset(name)")
        self._client.unpublish_dataset(name)

    def __iter__(self) -> Iterator[str]:
        self._must_block("for name in client.datasets", "list_datasets()")
        return iter(self._names())

    def __aiter__(self) -> AsyncIterator[str]:
        return self._each()

    def __len__(self) -> int:
        self._must_block("len(client.datasets)", "list_datasets()")
        return len(self._names())

    def __contains__(self, name: object) -> bool:
        self._must_block("name in client.datasets", "list_datasets()")
        return name in self._names()

    def __repr__(self) -> str:
        return f"<datasets of {self._client!r}>"

    def _names(self) -> tuple[str, ...]:
        names: tuple[str, ...] = self._client.list_datasets()  # type: ignore[assignment]
        return names

    async def _each(self) -> AsyncIterator[str]:
        names: Any = self._client.list_datasets()
        for name in names if isinstance(names, tuple) else await names:
            yield name

    def _must_block(self, form: str, instead: str) -> None:
        if self._client.asynchronous:
            raise UsageError(f"`{form}` would block the loop: `await client.{instead}` instead")
