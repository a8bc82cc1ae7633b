"""gdistributed: `LocalCluster`, whose scheduler is always a process of its own."""

from __future__ import annotations

import inspect
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
        if by_socket and "shared_memory" in inspect.signature(LocalCluster.__init__).parameters:
            start = partial(start, shared_memory=False)  # commits that have none are not asked
        with start() as cluster, Client(cluster) as client:

            def knows(key: Hashable) -> bool:
                try:
                    client.explain(key)
                except NotFound:
                    return False
                return True

            yield DaskClientCluster(client, wait, _scheduler_process_id, knows)


def _scheduler_process_id() -> int:
    children = psutil.Process().children(recursive=True)
    (scheduler,) = [child.pid for child in children if "scheduler" in child.cmdline()]
    return scheduler
