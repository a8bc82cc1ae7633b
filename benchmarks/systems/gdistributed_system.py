"""gdistributed: `LocalCluster`, whose scheduler is always a process of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from subprocess import PIPE, Popen
from typing import Any, Final

import psutil
from harness.places import GO_WORKER

from gdistributed import Client, LocalCluster, Worker, wait
from gdistributed.errors import NotFound
from systems.cluster import Cluster
from systems.dask_client import DaskClientCluster

START_TIMEOUT_S: Final = 60.0


class GdistributedCluster(DaskClientCluster):
    """A `Cluster` of gdistributed, which may have workers in Go too."""

    @contextmanager
    def go_workers(self, count: int) -> Iterator[tuple[Client, Callable[[str], Any]]]:
        from gdistributed import remote  # commits that have none are measured, too

        client: Client = self._client
        npython = len(client.ncores())
        with ExitStack() as processes:
            for number in range(count):
                options = [f"--name=go-{number}", "--nthreads=1", "--log-level=error"]
                command = [str(GO_WORKER), client.scheduler_address, *options]
                worker = processes.enter_context(
                    Popen([*command, "--stop-with-parent"], stdin=PIPE)
                )
                processes.callback(worker.kill)
            client.wait_for_workers(npython + count, timeout=START_TIMEOUT_S)
            yield client, partial(remote, runtime="go")


class GdistributedSystem:
    """gdistributed on this machine."""

    imports = "from gdistributed import Client, LocalCluster"

    @contextmanager
    def connect(self, address: str) -> Iterator[Cluster]:
        with Client(address) as client:
            yield _cluster(client)

    @contextmanager
    def with_workers(self, count: int) -> Iterator[Cluster]:
        from gdistributed.settings import WorkerSettings

        with ExitStack() as stack:
            cluster = stack.enter_context(LocalCluster(n_workers=0))
            # Each profiler would look at the threads of all workers of the process.
            settings = WorkerSettings(profile_interval_s=0.0)
            for _ in range(count):
                address = cluster.scheduler_address
                stack.enter_context(Worker(address, nthreads=1, settings=settings))
            client = stack.enter_context(Client(cluster))
            client.wait_for_workers(count, timeout=START_TIMEOUT_S)
            yield _cluster(client)

    @contextmanager
    def __call__(
        self, *, scheduler_alone: bool = False, by_socket: bool = False
    ) -> Iterator[Cluster]:
        start: Callable[..., Any] = partial(LocalCluster, n_workers=2, threads_per_worker=1)
        if by_socket and "shared_memory" in inspect.signature(LocalCluster.__init__).parameters:
            start = partial(start, shared_memory=False)  # commits that have none are not asked
        with start() as cluster, Client(cluster) as client:
            yield _cluster(client)


def _cluster(client: Client) -> Cluster:
    def knows(key: Hashable) -> bool:
        try:
            client.explain(key)
        except NotFound:
            return False
        return True

    return GdistributedCluster(client, wait, _scheduler_process_id, knows)


def _scheduler_process_id() -> int:
    children = psutil.Process().children(recursive=True)
    (scheduler,) = [child.pid for child in children if "scheduler" in child.cmdline()]
    return scheduler
