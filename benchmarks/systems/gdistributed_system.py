"""gdistributed: `LocalCluster`, whose scheduler is always a process of its own."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psutil

from gdistributed import Client, LocalCluster, wait
from gdistributed.errors import NotFound
from systems.cluster import Cluster
from systems.dask_client import DaskClientCluster


class GdistributedSystem:
    """gdistributed on this machine."""

    @contextmanager
    def __call__(
        self, *, scheduler_alone: bool = False, by_socket: bool = False
    ) -> Iterator[Cluster]:
        start: Callable[..., Any] = partial(LocalCluster, n_workers=2, threads_per_worker=1)
        connect: Callable[..., Any] = Client
        if by_socket:
            os.environ["GD_SHARED_MEMORY"] = "0"
            start, connect = _without_shared_memory(start), _without_shared_memory(connect)
        with start() as cluster, connect(cluster) as client:

            def knows(key: Hashable) -> bool:
                try:
                    client.explain(key)
                except NotFound:
                    return False
                return True

            yield DaskClientCluster(client, wait, _scheduler_process_id, knows)


def _without_shared_memory(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call that switches shared memory off; commits that have none are not asked."""
    is_known = "shared_memory" in inspect.signature(start).parameters
    return partial(start, shared_memory=False) if is_known else start


def _scheduler_process_id() -> int:
    children = psutil.Process().children(recursive=True)
    (scheduler,) = [child.pid for child in children if "scheduler" in child.cmdline()]
    return scheduler
