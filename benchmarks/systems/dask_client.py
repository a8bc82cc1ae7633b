"""Clients with the interface of dask.distributed: its own, and that of gdistributed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NoReturn


class DaskClientCluster:
    """A `Cluster` behind a client with the interface of dask.distributed."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401
        wait: Callable[[list[Any]], Any],
        scheduler_process_id: Callable[[], int],
        knows: Callable[[Hashable], bool],
    ) -> None:
        """Wrap a client; the functions do what the methods of their names are to do."""
        self._client = client
        self._wait = wait
        self.scheduler_process_id = scheduler_process_id
        self.knows = knows

    def submit(self, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        return self._client.submit(function, *arguments)

    def map(self, function: Callable[[Any], Any], items: Sequence[object]) -> list[Any]:
        futures: list[Any] = self._client.map(function, items)
        return futures

    def result(self, future: Any) -> Any:  # noqa: ANN401
        return future.result()

    def wait(self, futures: list[Any]) -> None:
        self._wait(futures)

    def scatter(self, values: list[Any]) -> list[Any]:
        futures: list[Any] = self._client.scatter(values)
        return futures

    def gather(self, futures: list[Any]) -> list[Any]:
        values: list[Any] = self._client.gather(futures)
        return values

    def get(self, graph: Mapping[Hashable, object], key: Hashable) -> Any:  # noqa: ANN401
        return self._client.get(graph, key)

    def begin(self, graph: Mapping[Hashable, object], key: Hashable) -> Any:  # noqa: ANN401
        return self._client.get(graph, key, sync=False)

    def address(self) -> str:
        address: str = self._client.scheduler_info()["address"]
        return address

    def compute(self, collection: Any) -> Any:  # noqa: ANN401
        return self._client.compute(collection).result()

    def go_workers(self, count: int) -> NoReturn:
        raise NotImplementedError("dask.distributed has workers in Python only")
