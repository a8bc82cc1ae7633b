"""Lists of what the scheduler has, page by page, and calls to many servers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import grpc.aio

from gdistributed.client.connection import Connection
from gdistributed.client.options import Workers, worker_names
from gdistributed.errors import GDistributedError, NotFound
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import task_pb2
from gdistributed.wire.pages import pages
from gdistributed.wire.status import error_from_call

PAGE_SIZE = 10_000

Answer = TypeVar("Answer")


async def list_workers(
    connection: Connection, workers: Workers = None
) -> list[pb.WorkerDescription]:
    """Return descriptions of workers, by names, addresses or ids; of all by default.

    Raises
    ------
    NotFound
        If one is named that is not there.
    """
    ask = partial(connection.ask, connection.scheduler.ListWorkers, doing="listing the workers")
    answers = pages(ask, pb.ListWorkersRequest(page_size=PAGE_SIZE))
    found = [each async for answer in answers for each in answer.workers]
    return found if workers is None else list(_named(found, worker_names(workers)))


def _named(
    found: list[pb.WorkerDescription], names: Iterable[str]
) -> Iterable[pb.WorkerDescription]:
    by_name = {name: each for each in found for name in (each.name, each.address, each.worker_id)}
    chosen: dict[str, pb.WorkerDescription] = {}
    for name in names:
        if name not in by_name:
            there = ", ".join(f"{each.name} at {each.address}" for each in found[:10])
            raise NotFound(
                f"no worker has the name, address or id {name!r}; there are: {there or 'none'}"
            ).with_reason("UNKNOWN_WORKER")
        chosen[by_name[name].worker_id] = by_name[name]
    return chosen.values()


async def list_functions(connection: Connection, runtime: str = "") -> list[pb.FunctionDescription]:
    """Return descriptions of the functions that workers offer by name; of all by default."""
    ask = partial(connection.ask, connection.scheduler.ListFunctions, doing="listing the functions")
    answers = pages(ask, pb.ListFunctionsRequest(runtime=runtime, page_size=PAGE_SIZE))
    return [each async for answer in answers for each in answer.functions]


def function_as_dict(listed: pb.FunctionDescription) -> dict[str, Any]:
    """Return what is listed of a function in words of Python, and of JSON."""
    offer = listed.offer
    return {
        "name": offer.name,
        "runtime": listed.runtime,
        "description": offer.description,
        "version": offer.version,
        "accepts": list(offer.accepts),
        "returns": list(offer.returns),
        "workers": listed.workers,
    }


def servers_of(workers: Iterable[pb.WorkerDescription], nanny: bool) -> dict[str, str]:
    """Return the addresses of workers, or of their nannies, each with that of the worker.

    Workers that have no server are left out: others serve their values.
    """
    if nanny:
        return {each.nanny_address: each.address for each in workers if each.nanny_address}
    return {each.address: each.address for each in workers if not each.data_address}


async def list_tasks(
    connection: Connection, state: task_pb2.TaskState.ValueType
) -> AsyncIterator[pb.TaskDescription]:
    """Yield descriptions of the tasks in a state."""
    ask = partial(connection.ask, connection.scheduler.ListTasks, doing="listing tasks")
    async for answer in pages(ask, pb.ListTasksRequest(states=[state], page_size=PAGE_SIZE)):
        for task in answer.tasks:
            yield task


async def ask_each(
    connection: Connection,
    addresses: Iterable[str],
    ask: Callable[[grpc.aio.Channel, str], Awaitable[Answer]],
    doing: str,
) -> dict[str, Answer | GDistributedError]:
    """Call servers at the same time; return what each answered, or why it did not.

    Parameters
    ----------
    addresses
        Of the servers.
    ask
        Makes the call to one of them, on its channel.
    doing
        What for, as in "getting logs"; for messages.
    """

    async def asked(address: str) -> Answer | GDistributedError:
        try:
            return await ask(connection.channels.get(address), address)
        except grpc.aio.AioRpcError as error:
            return error_from_call(error, address, doing)

    async def all_asked(addresses: list[str]) -> list[Answer | GDistributedError]:
        return await asyncio.gather(*map(asked, addresses))

    connection.check_open()
    named = list(dict.fromkeys(addresses))
    answers = await connection.bridge.on_loop(all_asked(named), connection.loop)
    return dict(zip(named, answers, strict=True))


def unless_failed(answer: Answer | GDistributedError) -> Answer:
    """Return an answer of `ask_each`.

    Raises
    ------
    GDistributedError
        What came instead.
    """
    if isinstance(answer, GDistributedError):
        raise answer
    return answer
