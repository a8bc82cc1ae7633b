"""Starts the processes of all workers anew, through their nannies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import grpc.aio
from google.protobuf import duration_pb2

from gdistributed.core.scheduler.records import WorkerRecord
from gdistributed.services.scheduler.shell import Shell
from gdistributed.v1 import nanny_pb2, nanny_pb2_grpc
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.wire.channel import Channels

AT_ONCE = duration_pb2.Duration()


async def restart_workers(
    shell: Shell, channels: Channels, workers: Iterable[WorkerRecord], timeout_s: float
) -> pb.RestartWorkersResponse:
    """Have each worker's nanny start another process; returns when all of these have joined.

    Workers without a nanny are passed over: nobody would start another.
    """
    response = pb.RestartWorkersResponse()
    nannied = []
    for worker in workers:
        if worker.hello.nanny_address:
            nannied.append(worker)
        else:
            response.kept.append(worker.address)
    ends = (_restarted(shell, channels, worker, timeout_s) for worker in nannied)
    for worker, (address, cause) in zip(nannied, await asyncio.gather(*ends), strict=True):
        if address:
            response.restarted.append(address)
        else:
            response.missing.add(name=worker.name, cause=cause)
    return response


async def _restarted(
    shell: Shell, channels: Channels, worker: WorkerRecord, timeout_s: float
) -> tuple[str, str]:
    """Return the address of the process that takes a worker's place; or why there is none."""
    nanny_address = worker.hello.nanny_address
    nanny: nanny_pb2_grpc.NannyAsyncStub = nanny_pb2_grpc.NannyStub(channels.get(nanny_address))
    request = nanny_pb2.RestartRequest(grace=AT_ONCE, reason="the cluster is restarted")
    try:
        async with asyncio.timeout(timeout_s):
            await nanny.Restart(request)
            while (successor := _successor(shell, worker)) is None:
                await shell.news()
    except TimeoutError:
        return "", f"no other process of it joined within {timeout_s:g} s"
    except grpc.aio.AioRpcError as error:
        return "", f"its nanny at {nanny_address}: {error.details()}"
    return successor.address, ""


def _successor(shell: Shell, worker: WorkerRecord) -> WorkerRecord | None:
    nanny_address = worker.hello.nanny_address
    for other in shell.brain.books.workers.values():
        if other.hello.nanny_address == nanny_address and other.id != worker.id:
            return other
    return None
