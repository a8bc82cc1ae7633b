"""A cluster on this machine: one scheduler and some workers, that end with the program."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gdistributed.deploy.async_local_cluster import (
    START_TIMEOUT_S,
    AsyncLocalCluster,
    LocalWorker,
)
from gdistributed.security.certificates import Security
from gdistributed.settings import LOOPBACK
from gdistributed.wire.loop_thread import LoopThread

if TYPE_CHECKING:
    from gdistributed.client.client import Client
    from gdistributed.services.scheduler.server import Scheduler


class LocalCluster:
    """A scheduler and workers on this machine; `with` closes it.

    Give it to `Client` in the place of an address. All parts end with this program, also when it is
    killed.

    Parameters
    ----------
    n_workers
        How many workers; by default as fits the machine (see `workers_and_threads`), and one
        when `processes` is false.
    threads_per_worker
        How many tasks each worker runs at once; by default the cores, shared by the workers.
    processes
        Whether scheduler and workers are processes of their own (the default: tasks do not share
        Python's interpreter lock, and a nanny starts another worker for one that dies), or live in
        this one (quick to start, easy to debug).
    nthreads
        How many tasks each worker runs at once, a number for each; in the place of `n_workers` and
        `threads_per_worker`, which then says it for workers that come later (default 1).
    host
        Where all servers listen; 127.0.0.1 by default.
    scheduler_port
        Port of the scheduler; 0, the default, picks a free one.
    memory_limit
        Of each worker: "auto" (the default) for its share of the machine, bytes, a text like
        "4GiB", a fraction of the machine's memory up to 1.0, or 0 for none.
    max_spill
        How much of the disk the values may take that each worker moves out of its memory: bytes, or
        a text like "100GiB"; None, the default, for no bound.
    local_directory
        Where workers make the folders for their files; by default the system's place for temporary
        ones.
    silence_logs
        Lowest level, of the module `logging`, of the lines that the processes log here; WARNING
        by default.
    shared_memory
        Whether large values are handed over by shared memory (the default), and not sent.
    allow_run
        Whether clients may run code in the scheduler; by default they may not.
    event_log
        File to which all that happens is written, for ``gd replay``; compressed if it ends with
        ".gz". None, the default, writes none.
    dashboard_address
        Where the scheduler serves web pages about the cluster, as "HOST:PORT" or ":PORT"; True, the
        default, for 127.0.0.1:8787; None or False for no pages. If the port is taken the next free
        one is used.
    security
        The certificates of the cluster, or their folder, if its parts are to speak TLS; True for
        new ones that go with this program. None, the default, for what this process uses already.
    start_timeout_s
        How long, in seconds, the parts may take to find each other; 60 by default.
    asynchronous
        Give an `AsyncLocalCluster` instead, for code that runs on an event loop.

    Raises
    ------
    ClusterError
        If a part ended while it started; the message has its last words.
    WaitTimeout
        If the parts did not find each other in time.

    Examples
    --------
    >>> with LocalCluster(n_workers=2) as cluster, Client(cluster) as client:
    ...     client.submit(sum, [1, 2]).result()
    3
    """

    def __init__(
        self,
        n_workers: int | None = None,
        threads_per_worker: int | None = None,
        processes: bool = True,
        *,
        nthreads: Sequence[int] | None = None,
        host: str = LOOPBACK,
        scheduler_port: int = 0,
        memory_limit: str | float | None = "auto",
        max_spill: str | int | None = None,
        local_directory: str | Path | None = None,
        silence_logs: int = logging.WARNING,
        shared_memory: bool = True,
        allow_run: bool = False,
        event_log: str | Path | None = None,
        dashboard_address: str | bool | None = True,
        security: Security | str | Path | bool | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
        asynchronous: bool = False,
    ) -> None:
        self._cluster = AsyncLocalCluster(
            n_workers,
            threads_per_worker,
            processes,
            nthreads=nthreads,
            host=host,
            scheduler_port=scheduler_port,
            memory_limit=memory_limit,
            max_spill=max_spill,
            local_directory=local_directory,
            silence_logs=silence_logs,
            shared_memory=shared_memory,
            allow_run=allow_run,
            event_log=event_log,
            dashboard_address=dashboard_address,
            security=security,
            start_timeout_s=start_timeout_s,
        )
        self._client: Client | None = None
        self._loop = LoopThread.shared()
        self._loop.run(self._cluster.start())
        atexit.register(self.close)  # runs before the loop thread is stopped, which came first

    def __new__(cls, *args: Any, asynchronous: bool = False, **kwargs: Any) -> Any:  # noqa: ANN401
        """Return an `AsyncLocalCluster` where that is wanted."""
        return AsyncLocalCluster(*args, **kwargs) if asynchronous else super().__new__(cls)

    @property
    def scheduler_address(self) -> str:
        """Address of the scheduler, for clients and workers."""
        return self._cluster.scheduler_address

    @property
    def workers(self) -> dict[str, LocalWorker]:
        """The workers that live, by name."""
        return self._cluster.workers

    @property
    def scheduler(self) -> Scheduler | None:
        """The scheduler itself, where it lives in this process; None otherwise."""
        return self._cluster.scheduler

    @property
    def dashboard_link(self) -> str:
        """What to open in a browser to see the cluster; empty where there is no dashboard."""
        return self._cluster.dashboard_link

    @property
    def status(self) -> str:
        """What it does now, for instance "running" or "closed"."""
        return self._cluster.status

    def scale(self, n: int) -> None:
        """Have `n` workers: start new ones, or stop the youngest. It adapts no longer.

        A worker that leaves finishes what it runs and hands over what it holds.

        Examples
        --------
        >>> cluster.scale(4)  # doctest: +SKIP
        """
        self._loop.run(self._cluster.scale(n))

    def adapt(
        self,
        minimum: int = 0,
        maximum: int | None = None,
        *,
        interval: float | str = 1.0,
        wait_count: int = 3,
        target_duration: float | str = 5.0,
    ) -> None:
        """Have as many workers as the tasks are worth, from now on, until `scale` or `close`.

        New workers are started at once when more are worth having. Those leave that have nothing
        to do, when fewer were enough for a while, and when what they hold fits twice into the
        memory of those that stay: results that somebody still wants are kept.

        Parameters
        ----------
        minimum, maximum
            Bounds of the number of workers: 0, and as many as the machine has processors for, or as
            the cluster was made with, by default.
        interval
            Between two looks: seconds, or a text like "500ms"; 1 s by default.
        wait_count
            So many looks in a row have to find fewer workers enough before any leaves; 3 by
            default.
        target_duration
            In this time all that can run is to be done, if the maximum allows it: seconds, or a
            text; 5 s by default. The shorter, the more workers.

        Raises
        ------
        UsageError
            If the cluster does not run, or if these make no sense.

        Examples
        --------
        >>> cluster.adapt(minimum=1, maximum=8)  # doctest: +SKIP
        """

        async def begin() -> None:
            self._cluster.adapt(
                minimum,
                maximum,
                interval=interval,
                wait_count=wait_count,
                target_duration=target_duration,
            )

        self._loop.run(begin())

    def get_client(self) -> Client:
        """Return a client of this cluster: that of the last time if it is open, or a new one.

        Examples
        --------
        >>> with cluster.get_client() as its_client:
        ...     its_client.submit(sum, [1, 2]).result()
        3
        """
        from gdistributed.client.client import Client

        if self._client is None or self._client.status == "closed":
            self._client = Client(self)
        return self._client

    def close(self) -> None:
        """Stop the workers and the scheduler. Closing again changes nothing.

        Examples
        --------
        >>> cluster.close()  # doctest: +SKIP
        """
        atexit.unregister(self.close)
        if self.status != "closed":
            self._loop.run(self._cluster.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._cluster)

    def _repr_html_(self) -> str:
        return self._cluster._repr_html_()
