"""dask.distributed: `LocalCluster`, as its documentation starts it."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NoReturn

import dask
from distributed import Client, LocalCluster, wait
from distributed.deploy.subprocess import SubprocessCluster

from systems.cluster import Cluster
from systems.dask_client import DaskClientCluster

SATURATION_VARIABLE: Final = "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION"


@dataclass(frozen=True)
class DaskSystem:
    """dask.distributed on this machine.

    Attributes
    ----------
    worker_saturation
        The setting `distributed.scheduler.worker-saturation`; None leaves it as installed.
    """

    worker_saturation: float | None = None
    imports: ClassVar = "from distributed import Client, LocalCluster"

    @contextmanager
    def connect(self, address: str) -> Iterator[Cluster]:
        with Client(address) as client:
            yield _cluster(client)

    def with_workers(self, count: int) -> NoReturn:
        raise NotImplementedError("its scheduler would be in this process, too")

    @contextmanager
    def __call__(
        self, *, scheduler_alone: bool = False, by_socket: bool = False
    ) -> Iterator[Cluster]:
        if self.worker_saturation is not None:
            os.environ[SATURATION_VARIABLE] = str(self.worker_saturation)
            dask.config.refresh()  # this process; those that are started read it by themselves
        start = _with_scheduler_process if scheduler_alone else _as_usual
        with start() as cluster, Client(cluster) as client:
            in_force = float(client.run_on_scheduler(_saturation))
            if self.worker_saturation not in (None, in_force):
                raise RuntimeError(f"worker-saturation is {in_force}, not {self.worker_saturation}")
            yield _cluster(client)


def _cluster(client: Client) -> Cluster:
    def knows(key: Hashable) -> bool:
        return bool(client.run_on_scheduler(_knows, key=key))

    return DaskClientCluster(client, wait, lambda: client.run_on_scheduler(os.getpid), knows)


def _as_usual() -> AbstractContextManager[Any]:
    return LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)


def _with_scheduler_process() -> AbstractContextManager[Any]:
    return SubprocessCluster(
        n_workers=2, worker_kwargs={"nthreads": 1}, scheduler_kwargs={"dashboard": False}
    )


def _knows(key: Hashable, dask_scheduler: Any) -> bool:  # noqa: ANN401
    return key in dask_scheduler.tasks


def _saturation() -> Any:  # noqa: ANN401
    return dask.config.get("distributed.scheduler.worker-saturation")
