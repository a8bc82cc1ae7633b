"""A distributed task scheduler whose every conversation is defined in `.proto` files.

Client, AsyncClient, Future      the user's side: submit, map, gather, scatter, dask collections
remote, function                 functions by name, in any language: to call, and to offer
wait, as_completed, progress     waiting for futures
get_client, worker_client,       inside tasks: the worker's client, the worker itself, its threads
get_worker, secede, rejoin,
Reschedule
Actor, ActorFuture               objects that live on a worker, and what their methods return
shared_array                     an array that is handed over within a machine without a copy
Lock, MultiLock, Semaphore,      what processes share by name
Event, Queue, Variable
LocalCluster                     a cluster on this machine
Scheduler, Worker, Nanny, Center the parts of a cluster, as servers in this process
WorkerPlugin, SchedulerPlugin,   what `client.register_plugin` adds to them
NannyPlugin
Security                         the certificates of a cluster that speaks TLS
Server, rpc                      the foundation: your own servers, and a client of any server
errors                           every exception that is raised on purpose
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gdistributed.version import __version__

if TYPE_CHECKING:
    from gdistributed.client.actors import Actor, ActorFuture
    from gdistributed.client.async_client import AsyncClient
    from gdistributed.client.client import Client, Executor
    from gdistributed.client.computing import futures_of
    from gdistributed.client.current import as_current, current_client, default_client
    from gdistributed.client.forgetting import fire_and_forget
    from gdistributed.client.future import Future
    from gdistributed.client.inside import get_client, worker_client
    from gdistributed.client.names.event import Event
    from gdistributed.client.names.lock import Lock
    from gdistributed.client.names.multi_lock import MultiLock
    from gdistributed.client.names.queue import Queue
    from gdistributed.client.names.semaphore import Semaphore
    from gdistributed.client.names.variable import Variable
    from gdistributed.client.performance import get_task_stream, performance_report
    from gdistributed.client.progress import progress
    from gdistributed.client.remote_functions import remote
    from gdistributed.client.waiting import as_completed, wait
    from gdistributed.data.offered_functions import function
    from gdistributed.data.shared_memory import shared_array
    from gdistributed.deploy.local_cluster import LocalCluster
    from gdistributed.errors import CancelledError, KilledWorker, Reschedule, TaskError
    from gdistributed.plugins import NannyPlugin, SchedulerPlugin, WorkerPlugin
    from gdistributed.runtime.context import get_worker, rejoin, secede
    from gdistributed.security.certificates import Security
    from gdistributed.services.center.server import Center
    from gdistributed.services.nanny.server import Nanny
    from gdistributed.services.scheduler.server import Scheduler
    from gdistributed.services.worker.server import Worker
    from gdistributed.wire.remote import rpc
    from gdistributed.wire.server import Server

# Where each name lives. It is imported when it is first used.
_HOMES = {
    "Actor": "client.actors",
    "ActorFuture": "client.actors",
    "AsyncClient": "client.async_client",
    "CancelledError": "errors",
    "Center": "services.center.server",
    "Client": "client.client",
    "Event": "client.names.event",
    "Executor": "client.client",
    "Future": "client.future",
    "KilledWorker": "errors",
    "LocalCluster": "deploy.local_cluster",
    "Lock": "client.names.lock",
    "MultiLock": "client.names.multi_lock",
    "Nanny": "services.nanny.server",
    "NannyPlugin": "plugins",
    "Queue": "client.names.queue",
    "Reschedule": "errors",
    "Scheduler": "services.scheduler.server",
    "SchedulerPlugin": "plugins",
    "Security": "security.certificates",
    "Semaphore": "client.names.semaphore",
    "Server": "wire.server",
    "TaskError": "errors",
    "Variable": "client.names.variable",
    "Worker": "services.worker.server",
    "WorkerPlugin": "plugins",
    "as_completed": "client.waiting",
    "as_current": "client.current",
    "current_client": "client.current",
    "default_client": "client.current",
    "fire_and_forget": "client.forgetting",
    "function": "data.offered_functions",
    "futures_of": "client.computing",
    "get_client": "client.inside",
    "get_task_stream": "client.performance",
    "get_worker": "runtime.context",
    "performance_report": "client.performance",
    "progress": "client.progress",
    "rejoin": "runtime.context",
    "remote": "client.remote_functions",
    "rpc": "wire.remote",
    "secede": "runtime.context",
    "shared_array": "data.shared_memory",
    "wait": "client.waiting",
    "worker_client": "client.inside",
}

__all__ = [
    "Actor",
    "ActorFuture",
    "AsyncClient",
    "CancelledError",
    "Center",
    "Client",
    "Event",
    "Executor",
    "Future",
    "KilledWorker",
    "LocalCluster",
    "Lock",
    "MultiLock",
    "Nanny",
    "NannyPlugin",
    "Queue",
    "Reschedule",
    "Scheduler",
    "SchedulerPlugin",
    "Security",
    "Semaphore",
    "Server",
    "TaskError",
    "Variable",
    "Worker",
    "WorkerPlugin",
    "__version__",
    "as_completed",
    "as_current",
    "current_client",
    "default_client",
    "fire_and_forget",
    "function",
    "futures_of",
    "get_client",
    "get_task_stream",
    "get_worker",
    "performance_report",
    "progress",
    "rejoin",
    "remote",
    "rpc",
    "secede",
    "shared_array",
    "wait",
    "worker_client",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'gdistributed' has no attribute {name!r}")
    if home in ("client.client", "client.async_client"):
        _tell_how_to_start_a_cluster()
    value = getattr(importlib.import_module(f"gdistributed.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _tell_how_to_start_a_cluster() -> None:
    """`Client()` alone starts a cluster, and the client may not know how: it is told here."""
    from gdistributed.client.starting import Cluster, set_starter

    def start(asynchronous: bool) -> Cluster:
        from gdistributed.deploy.async_local_cluster import AsyncLocalCluster
        from gdistributed.deploy.local_cluster import LocalCluster

        cluster: Cluster = AsyncLocalCluster() if asynchronous else LocalCluster()
        return cluster

    set_starter(start)
