"""Ray: `ray.init` on this machine with two processors, so with two worker processes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NoReturn

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before the import

import ray

from systems.cluster import Cluster

OBJECT_STORE_NBYTES = 2 << 30


class RayCluster:
    """A `Cluster` of Ray: its tasks are called through `ray.remote`."""

    def __init__(self) -> None:
        self._remote = cache(ray.remote)

    def submit(self, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        return self._remote(function).remote(*arguments)

    def map(self, function: Callable[[Any], Any], items: Sequence[object]) -> list[Any]:
        remote = self._remote(function).remote
        return [remote(item) for item in items]

    def result(self, future: Any) -> Any:  # noqa: ANN401
        return ray.get(future)

    def wait(self, futures: list[Any]) -> None:
        ray.wait(futures, num_returns=len(futures))

    def scatter(self, values: list[Any]) -> list[Any]:
        return [ray.put(value) for value in values]

    def gather(self, futures: list[Any]) -> list[Any]:
        values: list[Any] = ray.get(futures)
        return values

    def get(self, graph: Mapping[Hashable, object], key: Hashable) -> NoReturn:
        raise NotImplementedError("Ray itself has no dask graphs")

    def begin(self, graph: Mapping[Hashable, object], key: Hashable) -> Any:  # noqa: ANN401
        raise NotImplementedError("Ray computes no dask graphs of its own")

    def knows(self, key: Hashable) -> bool:
        raise NotImplementedError("Ray computes no dask graphs of its own")

    def compute(self, collection: Any) -> NoReturn:  # noqa: ANN401
        raise NotImplementedError("Ray itself has no dask collections")

    def scheduler_process_id(self) -> NoReturn:
        raise NotImplementedError("the process that submits keeps Ray's records of its tasks")

    def address(self) -> NoReturn:
        raise NotImplementedError("a driver of Ray is one client, whose tasks it schedules itself")

    def go_workers(self, count: int) -> NoReturn:
        raise NotImplementedError("Ray has no workers in Go")


class RaySystem:
    """Ray on this machine."""

    imports = "import ray"

    def connect(self, address: str) -> NoReturn:
        raise NotImplementedError("a driver of Ray is one client, whose tasks it schedules itself")

    def with_workers(self, count: int) -> NoReturn:
        raise NotImplementedError("Ray's workers are processes")

    @contextmanager
    def __call__(
        self, *, scheduler_alone: bool = False, by_socket: bool = False
    ) -> Iterator[Cluster]:
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=OBJECT_STORE_NBYTES,
            _node_ip_address="127.0.0.1",
            _temp_dir=tempfile.gettempdir(),
        )
        try:
            yield RayCluster()
        finally:
            ray.shutdown()
