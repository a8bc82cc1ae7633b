"""The client asks: where data lies, who the workers are, and how many there are."""

from __future__ import annotations

import time
from typing import Any

from gdistributed.client.base import ClientBase, key_names
from gdistributed.client.computing import futures_of
from gdistributed.client.future import Future
from gdistributed.client.heard import ask_in_turn
from gdistributed.client.keys import Key
from gdistributed.client.listing import function_as_dict, list_functions, list_workers
from gdistributed.client.options import Workers, worker_names
from gdistributed.core.client.futures import Countdown
from gdistributed.core.words import word_of_status
from gdistributed.errors import WaitTimeout
from gdistributed.v1 import center_pb2, scheduler_pb2
from gdistributed.v1.worker_pb2 import WorkerMetrics

RESTART_TIMEOUT_S = 60.0
RESTARTED = "the cluster was restarted"


class Asking(ClientBase):
    """Questions about the cluster. All of them go to the Center or the scheduler, and are rare."""

    async def who_has(self, futures: Any = None) -> dict[str, tuple[str, ...]]:  # noqa: ANN401
        """Return the addresses of the workers that hold results, by key.

        Parameters
        ----------
        futures
            Futures, or persisted collections; all keys (up to 10,000) by default.

        Examples
        --------
        >>> data = client.scatter("here")
        >>> [len(addresses) for addresses in client.who_has(data).values()]
        [1]
        """
        keys = [] if futures is None else key_names(futures_of(futures))
        if futures is not None and not keys:
            return {}
        request = center_pb2.WhoHasRequest(keys=keys)
        answer = await self.connection.ask(
            self.connection.center.WhoHas, request, "asking who has keys"
        )
        return {each.key: tuple(each.addresses) for each in answer.locations}

    async def has_what(self, workers: Workers = None) -> dict[str, tuple[str, ...]]:
        """Return the keys of the results that workers hold, by address of the worker.

        Parameters
        ----------
        workers
            Names, addresses or ids of workers; all by default.

        Examples
        --------
        >>> sorted(client.has_what()) == sorted(client.ncores())
        True
        """
        request = center_pb2.HasWhatRequest(workers=worker_names(workers))
        answer = await self.connection.ask(
            self.connection.center.HasWhat, request, "asking what workers have"
        )
        return {each.address: tuple(each.keys) for each in answer.workers}

    async def ncores(self, workers: Workers = None) -> dict[str, int]:
        """Return how many tasks each worker runs at once, by its address.

        Parameters
        ----------
        workers
            Names, addresses or ids of workers; all by default.

        Examples
        --------
        >>> sum(client.ncores().values()) >= 1
        True
        """
        request = center_pb2.NCoresRequest(workers=worker_names(workers))
        answer = await self.connection.ask(
            self.connection.center.NCores, request, "asking for threads"
        )
        return dict(answer.nthreads)

    async def nthreads(self, workers: Workers = None) -> dict[str, int]:
        """Return how many tasks each worker runs at once; the same as `ncores`.

        Examples
        --------
        >>> client.nthreads() == client.ncores()
        True
        """
        return await self.ncores(workers)

    async def scheduler_info(self) -> dict[str, Any]:
        """Return what is known of the scheduler and its workers.

        Returns
        -------
        A dict with "id", "address", "type" and "workers": by address a dict with "name", "id",
        "host", "nthreads", "memory_limit", "status", "processing", "held", "memory" and
        "disk_trouble". "memory" has bytes as of the last heartbeat: what the "process" uses, what
        of it the values take ("managed") and what all else ("unmanaged"), and the size that values
        on disk would have ("spilled"). "disk_trouble" says why the disk takes no more values, and
        is empty while it does.

        Examples
        --------
        >>> client.scheduler_info()["type"]
        'Scheduler'
        """
        listed = await list_workers(self.connection)
        return {
            "type": "Scheduler",
            "id": self.connection.welcome.scheduler_id,
            "address": self.connection.address,
            "workers": {worker.address: _described(worker) for worker in listed},
        }

    async def functions(self, runtime: str = "") -> list[dict[str, Any]]:
        """Return the functions that workers offer by name, in any language; see `remote`.

        Parameters
        ----------
        runtime
            Only those of this runtime, for instance "go"; all by default.

        Returns
        -------
        A dict for each, sorted by runtime and name, with "name", "runtime", "description",
        "version", "accepts" and "returns" (codecs, best first; empty means all that the runtime
        reads or writes), and "workers": how many offer it.

        Examples
        --------
        >>> [each["name"] for each in client.functions("go")]
        []
        """
        return [function_as_dict(each) for each in await list_functions(self.connection, runtime)]

    async def wait_for_workers(self, n_workers: int = 1, timeout: float | None = None) -> None:
        """Wait until there are workers.

        Parameters
        ----------
        n_workers
            How many; default 1.
        timeout
            Seconds to wait; None (the default) waits for ever.

        Raises
        ------
        WaitTimeout
            If there are fewer when the time is over.

        Examples
        --------
        >>> client.wait_for_workers(1, timeout=10)
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        signal = self.bridge.signal()
        watch = Countdown(signal.set, 1)
        with self.connection.locked() as brain:
            brain.watch_workers(watch)
        try:
            while brain.workers.count < n_workers:
                self.connection.check_open()
                remaining_s = None if deadline is None else deadline - time.monotonic()
                in_time = remaining_s is None or remaining_s > 0
                if not in_time or not await signal.wait(remaining_s):
                    raise WaitTimeout(
                        f"{brain.workers.count} of {n_workers} workers came within {timeout:g} s"
                    )
        finally:
            brain.unwatch_workers(watch)

    async def retire_workers(
        self, workers: Workers = None, timeout: float | None = None
    ) -> dict[str, list[str]]:
        """Have workers leave, after what they alone hold has been copied to others.

        They finish what they have begun, and get nothing new.

        Parameters
        ----------
        workers
            Names, addresses or ids of workers.
        timeout
            Seconds after which workers stay that could not leave, since their data has nowhere to
            go or they are still busy; None (the default) waits for ever.

        Returns
        -------
        A dict with the addresses of the workers that left ("retired") and of those that stayed
        ("stayed").

        Raises
        ------
        NotFound
            If a worker is named that is not there.

        Examples
        --------
        >>> client.retire_workers(["alice"])  # doctest: +SKIP
        """
        request = scheduler_pb2.RetireWorkersRequest(workers=worker_names(workers))
        if timeout is not None:
            request.timeout.FromNanoseconds(int(timeout * 1e9))
        answer = await self.connection.ask(
            self.connection.scheduler.RetireWorkers, request, "retiring workers", timeout_s=None
        )
        return {"retired": list(answer.retired), "stayed": list(answer.stayed)}

    async def restart(self, timeout: float = RESTART_TIMEOUT_S) -> dict[str, list[str]]:
        """Forget all tasks and results, and start all workers' processes anew.

        All futures, those of other clients too, are cancelled; published datasets lose what they
        name. Nannies start the processes. A worker without a nanny keeps its process and drops
        everything; what a thread of it runs goes on, to no effect.

        Parameters
        ----------
        timeout
            Seconds to wait until as many workers are there again; 60 by default.

        Returns
        -------
        A dict with the addresses of the workers that are new ("restarted"), and of those that have
        no nanny ("kept").

        Raises
        ------
        WaitTimeout
            If workers did not come back; the message names them.

        Examples
        --------
        >>> client.restart()  # doctest: +SKIP
        """
        with self.connection.locked() as brain:
            brain.cancel(list(brain.records), RESTARTED)  # also what has not been sent yet
        request = scheduler_pb2.RestartWorkersRequest()
        request.timeout.FromNanoseconds(int(timeout * 1e9))
        answer = await self.connection.ask(
            self.connection.scheduler.RestartWorkers, request, "restarting", timeout_s=None
        )
        if answer.missing:
            missing = "; ".join(f"{worker.name!r}: {worker.cause}" for worker in answer.missing)
            raise WaitTimeout(f"after the restart, workers did not come back: {missing}")
        return {"restarted": list(answer.restarted), "kept": list(answer.kept)}

    async def explain(self, key: Future | Key) -> str:
        """Say in a sentence or two why a task is not running, or what became of it.

        Raises
        ------
        NotFound
            If the scheduler knows nothing of the key.

        Examples
        --------
        >>> future = client.submit(abs, -1, key="explained")
        >>> future.result()
        1
        >>> print(client.explain(future))  # doctest: +ELLIPSIS
        It is done...
        """
        (name,) = key_names([key])
        request = scheduler_pb2.ExplainTaskRequest(key=name)
        connection = self.connection
        answer = await ask_in_turn(
            connection, connection.scheduler.ExplainTask, request, "explaining a task"
        )
        return answer.explanation


def _described(worker: scheduler_pb2.WorkerDescription) -> dict[str, Any]:
    status = word_of_status(worker.status)
    return {
        "name": worker.name,
        "id": worker.worker_id,
        "host": worker.host,
        "nthreads": worker.nthreads,
        "memory_limit": worker.memory_limit_nbytes,
        "status": status,
        "processing": worker.processing,
        "held": worker.held,
        "memory": _memory(worker.metrics),
        "disk_trouble": worker.metrics.disk_trouble,
    }


def _memory(metrics: WorkerMetrics) -> dict[str, int]:
    """Say what a worker's memory is used for; all in bytes."""
    unmanaged_nbytes = max(metrics.memory_nbytes - metrics.managed_nbytes, 0)
    return {
        "process": metrics.memory_nbytes,
        "managed": metrics.managed_nbytes,
        "unmanaged": unmanaged_nbytes,
        "spilled": metrics.spilled_nbytes,
    }
