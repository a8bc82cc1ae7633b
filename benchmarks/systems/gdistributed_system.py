"""gdistributed: `LocalCluster`, whose scheduler is always a process of its own."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

import psutil

from gdistributed import Client, LocalCluster
from gdistributed.errors import NotFound
from systems.cluster import Cluster
from systems.dask_client import DaskClientCluster


class GdistributedSystem:
    """gdistributed on this machine."""

    @contextmanager
    def __call__(self, *, scheduler_alone: bool = False) -> Iterator[Cluster]:
        with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:

            def knows(key: Hashable) -> bool:
                try:
                    client.explain(key)
                except NotFound:
                    return False
                return True

            yield DaskClientCluster(client, _scheduler_process_id, knows)


def _scheduler_process_id() -> int:
    children = psutil.Process().children(recursive=True)
    (scheduler,) = [child.pid for child in children if "scheduler" in child.cmdline()]
    return scheduler
