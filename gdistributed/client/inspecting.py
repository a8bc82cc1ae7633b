"""The client looks closer: what is computed where, what it takes, what servers logged."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from typing import Any, Final

import grpc.aio

from gdistributed.client.base import ClientBase, key_names
from gdistributed.client.computing import futures_of
from gdistributed.client.drawn_graph import DrawnGraph
from gdistributed.client.future import Future
from gdistributed.client.heard import ask_in_turn
from gdistributed.client.keys import Key
from gdistributed.client.listing import (
    ask_each,
    list_tasks,
    list_workers,
    servers_of,
    unless_failed,
)
from gdistributed.client.options import Workers
from gdistributed.client.versions import VersionMismatchWarning, differences
from gdistributed.errors import GDistributedError, SoftwareDiffers
from gdistributed.v1 import (
    activity_pb2,
    scheduler_pb2,
    server_pb2,
    server_pb2_grpc,
    task_pb2,
    worker_pb2,
    worker_pb2_grpc,
)
from gdistributed.wire.software import own_versions

logger = logging.getLogger("gdistributed.client")

LINES_MAX: Final = 10_000
CHECKED_MAX: Final = 1_000

Lines = tuple[tuple[str, str], ...]


class Inspecting(ClientBase):
    """Questions that go to all workers, or through all tasks: for people who look for something."""

    async def nbytes(
        self, keys: Iterable[Key] | None = None, summary: bool = True
    ) -> dict[str, int]:
        """Return how much memory results take, in bytes.

        Parameters
        ----------
        keys
            Keys of results; all by default.
        summary
            Whether to add up results of one kind, by the prefixes of their keys.

        Returns
        -------
        A dict with the size of one copy of each result, by prefix or by key.

        Examples
        --------
        >>> client.nbytes(summary=False)  # doctest: +SKIP
        {'inc-1': 28, 'inc-2': 28}
        """
        wanted = None if keys is None else set(key_names(keys))
        sizes: dict[str, int] = {}
        async for task in list_tasks(self.connection, task_pb2.TASK_STATE_MEMORY):
            if wanted is None or task.key in wanted:
                name = task.prefix if summary else task.key
                sizes[name] = sizes.get(name, 0) + task.nbytes
        return sizes

    async def processing(self, workers: Workers = None) -> dict[str, tuple[str, ...]]:
        """Return the keys of the tasks that workers were handed and have not finished.

        Parameters
        ----------
        workers
            Names, addresses or ids of workers; all by default.

        Returns
        -------
        A dict with the keys by the address of the worker; idle workers are in it, too.

        Raises
        ------
        NotFound
            If a worker is named that is not there.

        Examples
        --------
        >>> client.processing()  # doctest: +SKIP
        {'127.0.0.1:40123': ('slow-1', 'slow-3'), '127.0.0.1:40125': ('slow-2',)}
        """
        listed = await list_workers(self.connection, workers)
        keys: dict[str, list[str]] = {worker.address: [] for worker in listed}
        async for task in list_tasks(self.connection, task_pb2.TASK_STATE_PROCESSING):
            if task.processing_on in keys:
                keys[task.processing_on].append(task.key)
        return {address: tuple(found) for address, found in keys.items()}

    async def graph(self, key: Future | Key | None = None, limit: int = 200) -> DrawnGraph:
        """Draw the tasks that the scheduler knows, and how they depend on each other.

        Parameters
        ----------
        key
            A task, for it, all that it needs and all that needs it; by default all tasks.
        limit
            More tasks than this are drawn by prefix.

        Returns
        -------
        A drawing, which notebooks show; `svg` has it as a text.

        Raises
        ------
        NotFound
            If the scheduler does not know the key.

        Examples
        --------
        >>> client.graph(client.submit(sum, [1, 2]))  # doctest: +SKIP
        <DrawnGraph: 1 task>
        """
        (name,) = key_names([key]) if key is not None else ("",)
        request = activity_pb2.GetGraphRequest(key=name, limit=limit)
        connection = self.connection
        answer = await ask_in_turn(
            connection, connection.activity.GetGraph, request, "drawing the graph"
        )
        return DrawnGraph(answer)

    async def call_stack(
        self,
        futures: Any = None,  # noqa: ANN401
        keys: Iterable[Key] | None = None,
    ) -> dict[str, dict[str, tuple[str, ...]]]:
        """Return where in their code tasks are that run now.

        Parameters
        ----------
        futures
            Futures, or persisted collections, whose tasks are meant.
        keys
            Keys of more tasks. With neither, all that run.

        Returns
        -------
        For each worker, by its address, a dict with the lines of the stack by key, outermost first.
        Tasks that do not run and workers that run none are left out.

        Examples
        --------
        >>> client.call_stack(future)  # doctest: +SKIP
        {'127.0.0.1:40123': {'slow-1': ('File "x.py", line 3, in slow\\n\\ttime.sleep(60)',)}}
        """
        wanted = key_names([*(futures_of(futures) if futures is not None else ()), *(keys or ())])
        if not wanted and (futures is not None or keys is not None):
            return {}
        request = worker_pb2.GetCallStackRequest(keys=wanted)

        async def ask(channel: grpc.aio.Channel, _: str) -> worker_pb2.GetCallStackResponse:
            stub: worker_pb2_grpc.WorkerAsyncStub = worker_pb2_grpc.WorkerStub(channel)
            return await stub.GetCallStack(request)

        addresses = servers_of(await list_workers(self.connection), nanny=False)
        answers = await ask_each(self.connection, addresses, ask, "asking where tasks are")
        found = {
            address: {stack.key: _shown(stack) for stack in answer.stacks}
            for address, answer in answers.items()
            if not isinstance(answer, GDistributedError)
        }
        return {address: stacks for address, stacks in found.items() if stacks}

    async def get_versions(self, check: bool = False) -> dict[str, Any]:
        """Return the versions of the software of this client, the scheduler and the workers.

        Parameters
        ----------
        check
            Whether a difference between client and workers that matters is an error: the minor
            version of Python, the protocol of pickles, cloudpickle, dask. A client that connects
            warns of it.

        Returns
        -------
        A dict with "client", "scheduler" and "workers" (by address); each has its "packages": a
        dict of versions by name.

        Raises
        ------
        SoftwareDiffers
            If `check` is set and there is such a difference. It is a `ValueError` too.

        Examples
        --------
        >>> client.get_versions()["client"]["packages"]["python"]  # doctest: +SKIP
        '3.12.4'
        """
        connection, request = self.connection, server_pb2.GetVersionsRequest()
        scheduler = await connection.ask(connection.server.GetVersions, request, "asking versions")
        listed = await list_workers(connection)
        if check and (found := _differences(listed)):
            raise SoftwareDiffers("; ".join(found))
        return {
            "client": {"packages": dict(own_versions())},
            "scheduler": {"packages": dict(scheduler.versions)},
            "workers": {
                each.address: {"packages": dict(each.software.versions)} for each in listed
            },
        }

    async def warn_of_versions(self) -> None:
        """Warn of software on the workers that differs so that it matters.

        The first thousand workers are looked at: this is done whenever a client connects.
        """
        request = scheduler_pb2.ListWorkersRequest(page_size=CHECKED_MAX)
        try:
            answer = await self.connection.ask(
                self.connection.scheduler.ListWorkers, request, "listing the workers"
            )
        except GDistributedError as error:
            logger.warning("the software of the workers is not known", extra={"cause": str(error)})
            return
        for difference in _differences(answer.workers):
            warnings.warn(
                f"{difference}: values may not be understood; install the same version on both "
                f"sides",
                VersionMismatchWarning,
                stacklevel=2,
            )

    async def get_worker_logs(
        self, n: int | None = None, workers: Workers = None, nanny: bool = False
    ) -> dict[str, Lines]:
        """Return the last lines that workers have logged.

        Parameters
        ----------
        n
            How many of each; all that are kept, up to 10,000, by default.
        workers
            Names, addresses or ids of workers; all by default.
        nanny
            Whether the logs of their nannies are meant.

        Returns
        -------
        A dict with pairs of level and line, oldest first, by the address of the worker.

        Raises
        ------
        NotFound
            If a worker is named that is not there.
        ConnectionLost
            If one of them does not answer.

        Examples
        --------
        >>> client.get_worker_logs(n=1)  # doctest: +SKIP
        {'127.0.0.1:40123': (('INFO', 'gdistributed.worker - registered'),)}
        """
        servers = servers_of(await list_workers(self.connection, workers), nanny)
        found = await self._logs(servers, n)
        return {servers[address]: lines for address, lines in found.items()}

    async def get_scheduler_logs(self, n: int | None = None) -> Lines:
        """Return the last lines that the scheduler has logged.

        Parameters
        ----------
        n
            How many; all that are kept, up to 10,000, by default.

        Returns
        -------
        Pairs of level and line, oldest first.

        Examples
        --------
        >>> client.get_scheduler_logs(n=1)  # doctest: +SKIP
        (('INFO', 'gdistributed.scheduler - client joined  client=host-4711-d0f1c2'),)
        """
        request = _request_of_logs(n)
        answer = await self.connection.ask(self.connection.server.GetLogs, request, "getting logs")
        return _lines(answer)

    async def _logs(self, addresses: Iterable[str], n: int | None) -> dict[str, Lines]:
        request = _request_of_logs(n)

        async def ask(channel: grpc.aio.Channel, _: str) -> server_pb2.GetLogsResponse:
            stub: server_pb2_grpc.ServerAsyncStub = server_pb2_grpc.ServerStub(channel)
            return await stub.GetLogs(request)

        answers = await ask_each(self.connection, addresses, ask, "getting logs")
        return {address: _lines(unless_failed(answer)) for address, answer in answers.items()}


def _request_of_logs(n: int | None) -> server_pb2.GetLogsRequest:
    count = LINES_MAX if n is None else n
    if count < 1:
        raise ValueError(f"n must be at least 1 and is {n!r}")
    return server_pb2.GetLogsRequest(count=min(count, LINES_MAX))


def _lines(answer: server_pb2.GetLogsResponse) -> Lines:
    return tuple((line.level, f"{line.logger} - {line.text}") for line in answer.lines)


def _differences(workers: Iterable[scheduler_pb2.WorkerDescription]) -> list[str]:
    others = (
        (f"{worker.name} at {worker.address}", worker.software.versions) for worker in workers
    )
    return differences(own_versions(), others)


def _shown(stack: worker_pb2.TaskStack) -> tuple[str, ...]:
    return tuple(
        f'File "{frame.file}", line {frame.line}, in {frame.function}\n\t{frame.source}'
        for frame in stack.frames
    )
