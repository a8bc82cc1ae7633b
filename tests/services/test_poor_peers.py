"""Peers that fall silent or have no room for transfers: data comes from elsewhere, or later."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from gdistributed.data.arguments import KeyReference
from gdistributed.data.codecs import decode
from gdistributed.data.transfer import fetch, store
from gdistributed.errors import ConnectionLost, PeerBusy
from gdistributed.services.worker.server import Worker
from gdistributed.settings import WorkerSettings
from gdistributed.v1 import task_pb2, worker_pb2, worker_pb2_grpc
from gdistributed.wire.channel import open_channel
from gdistributed.wire.server import Server
from gdistributed.wire.status import StatusError, reason_of_call
from tests.services.stage import Stage, payload, peer

Context = grpc.aio.ServicerContext[Any, Any]
BUSY = StatusError(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_TRANSFERS", "come again")


class PoorPeer(Server, worker_pb2_grpc.WorkerServicer):
    """A worker that answers as it is told: "silent" never says anything, "busy" refuses.

    Parameters
    ----------
    moods
        One for each call; when there are none left it refuses.
    """

    def __init__(self, *moods: str) -> None:
        super().__init__(role="worker")
        self.moods = list(moods)
        self.calls = 0
        self._begin()

    async def opening(self) -> None:
        self.add_servicer(worker_pb2_grpc.add_WorkerServicer_to_server, self)

    async def GetData(
        self, request: worker_pb2.GetDataRequest, context: Context
    ) -> AsyncIterator[worker_pb2.GetDataResponse]:
        self.calls += 1
        mood = self.moods.pop(0) if self.moods else "busy"
        if mood == "silent":
            await asyncio.Event().wait()
        if mood == "lacking":
            yield worker_pb2.GetDataResponse(items=[worker_pb2.DataItem(index=0, missing=True)])
            return
        raise BUSY


def peer_of(server: PoorPeer, number: int = 2) -> task_pb2.Peer:
    return task_pb2.Peer(
        number=number, worker_id=server.id, address=server.address, host="elsewhere"
    )


def depend(key: str, *holders: int) -> worker_pb2.Dependency:
    return worker_pb2.Dependency(key=key, holders=holders, nbytes=100)


async def test_a_silent_peer_is_reported_as_unreachable(stage: Stage) -> None:
    settings = WorkerSettings(fetch_silence_s=0.1)
    async with PoorPeer("silent") as silent, Worker(stage.address, settings=settings):
        line = await stage.line()
        await line.run(
            "y", int, KeyReference("x"), dependencies=(depend("x", 2),), peers=[peer_of(silent)]
        )
        [missing] = await line.until(lambda said: said.missing)
        assert (missing.key, missing.worker_id) == ("x", silent.id)
        assert missing.unreachable


async def test_what_a_silent_peer_does_not_give_comes_from_another(stage: Stage) -> None:
    settings = WorkerSettings(fetch_silence_s=0.1)
    async with (
        PoorPeer("silent") as silent,
        Worker(stage.address, name="holder") as holder,
        Worker(stage.address, settings=settings),
    ):
        lines = {each.hello.name: each for each in [await stage.line(), await stage.line()]}
        first = lines.pop("holder")
        [(_, line)] = lines.items()
        await first.run("x", operator.add, 20, 3)
        await first.finished("x")
        await line.run(
            "y",
            operator.neg,
            KeyReference("x"),
            dependencies=(depend("x", 2, 3),),
            peers=[peer_of(silent, 2), peer(holder, 3)],
        )
        report = await line.finished("y")
        assert decode(payload(report.value)) == -23
        assert silent.calls == 1


async def test_a_busy_peer_is_asked_again(stage: Stage) -> None:
    async with PoorPeer("busy", "busy", "lacking") as busy, Worker(stage.address):
        line = await stage.line()
        await line.run(
            "y", int, KeyReference("x"), dependencies=(depend("x", 2),), peers=[peer_of(busy)]
        )
        [missing] = await line.until(lambda said: said.missing)
        assert not missing.unreachable
        assert busy.calls == 3


async def test_a_peer_that_is_always_busy_is_reported_as_unreachable(stage: Stage) -> None:
    settings = WorkerSettings(fetch_tries=3)
    async with PoorPeer() as busy, Worker(stage.address, settings=settings):
        line = await stage.line()
        await line.run(
            "y", int, KeyReference("x"), dependencies=(depend("x", 2),), peers=[peer_of(busy)]
        )
        [missing] = await line.until(lambda said: said.missing)
        assert missing.unreachable
        assert busy.calls == 3


async def test_a_worker_refuses_more_transfers_than_it_may_have(stage: Stage) -> None:
    settings = WorkerSettings(serve_calls=0)
    async with (
        Worker(stage.address, settings=settings) as worker,
        open_channel(worker.address, bulk=True) as channel,
    ):
        with pytest.raises(PeerBusy, match="ask again"):
            await fetch(channel, worker.id, ["x"])
        stub: worker_pb2_grpc.WorkerAsyncStub = worker_pb2_grpc.WorkerStub(channel)
        call = stub.GetData(worker_pb2.GetDataRequest(keys=["x"]))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert reason_of_call(caught.value) == "TOO_MANY_TRANSFERS"


async def test_a_worker_near_its_memory_limit_says_so_and_takes_no_data(stage: Stage) -> None:
    async with (
        Worker(stage.address, memory_limit=1) as worker,
        open_channel(worker.address, bulk=True) as channel,
    ):
        line = await stage.line()
        await line.until(lambda said: said.heartbeat.status == worker_pb2.WORKER_STATUS_PAUSED)
        stub: worker_pb2_grpc.WorkerAsyncStub = worker_pb2_grpc.WorkerStub(channel)
        answer = await stub.GetStatus(worker_pb2.GetStatusRequest())
        assert answer.status == worker_pb2.WORKER_STATUS_PAUSED
        with pytest.raises(ConnectionLost, match="memory limit"):
            await store(channel, worker.id, {"x": 1})
        await line.run("y", operator.add, 1, 2)
        await line.say(revoke=[worker_pb2.TaskAttempt(key="y", attempt=1)])
        [answered] = await line.until(lambda said: said.revoked)
        assert answered.given_back
