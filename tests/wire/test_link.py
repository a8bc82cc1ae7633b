"""Two links on one real stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import grpc
import grpc.aio
import pytest

from gdistributed.core.outbox import Outbox
from gdistributed.core.session import Session
from gdistributed.errors import MalformedMessage, Superseded
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import scheduler_pb2_grpc
from gdistributed.wire.channel import open_channel
from gdistributed.wire.link import Link
from gdistributed.wire.server import Server
from gdistributed.wire.status import reason_of_call

Receive = Callable[[pb.FromClient], None]


class Answering(scheduler_pb2_grpc.SchedulerServicer):
    """Answers each key that is released with a word that it was lost."""

    def __init__(self) -> None:
        self.link: Link[pb.FromClient, pb.ToClient] | None = None
        self.outbox: Outbox[pb.ToClient] = Outbox(pb.ToClient, 10_000)
        self.messages = 0

    async def ConnectClient(self, _requests: object, context: grpc.aio.ServicerContext) -> None:
        self.link = Link(Session(pb.ToClient), lambda: self.outbox.take("c"), self.receive)
        await self.link.run(context.read, context.write)

    def receive(self, batch: pb.FromClient) -> None:
        self.messages += 1
        for key in batch.release:
            self.outbox.to("c", len(key)).lost.append(key)
        assert self.link is not None
        self.link.wake()


class Answerer(Server):
    def __init__(self, servicer: Answering) -> None:
        super().__init__()
        self.add_servicer(scheduler_pb2_grpc.add_SchedulerServicer_to_server, servicer)
        self._begin()


@pytest.fixture
async def servicer() -> Answering:
    return Answering()


@pytest.fixture
async def call(servicer: Answering) -> AsyncIterator[grpc.aio.StreamStreamCall]:
    async with Answerer(servicer) as server, open_channel(server.address) as channel:
        yield scheduler_pb2_grpc.SchedulerStub(channel).ConnectClient()


async def test_mail_piles_up_into_batches_and_nothing_is_lost(
    servicer: Answering, call: grpc.aio.StreamStreamCall
) -> None:
    count = 20_000
    outbox: Outbox[pb.FromClient] = Outbox(pb.FromClient, 100_000)
    answered: list[str] = []

    def receive(batch: pb.ToClient) -> None:
        answered.extend(batch.lost)
        if len(answered) == count:
            link.finish()

    link: Link[pb.ToClient, pb.FromClient] = Link(
        Session(pb.FromClient), lambda: outbox.take("s"), receive
    )
    running = asyncio.ensure_future(link.run(call.read, call.write, call.done_writing))
    for number in range(count):
        outbox.to("s", 10).release.append(str(number))
        link.wake()
        if number % 100 == 0:
            await asyncio.sleep(0)
    await running
    assert answered == [str(number) for number in range(count)]
    assert 0 < servicer.messages < count / 10
    assert link.session.received > 0


async def test_what_is_written_last_arrives(
    servicer: Answering, call: grpc.aio.StreamStreamCall
) -> None:
    batches = [pb.FromClient(release=[str(number)]) for number in range(50)]
    link: Link[pb.ToClient, pb.FromClient] = Link(
        Session(pb.FromClient), lambda: batches.pop() if batches else None, lambda _: None
    )
    link.finish()
    await link.run(call.read, call.write, call.done_writing)
    assert servicer.messages == 50


async def test_a_gap_in_the_numbers_ends_the_stream(call: grpc.aio.StreamStreamCall) -> None:
    await call.write(pb.FromClient(sequence=2))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert reason_of_call(caught.value) == "MALFORMED_MESSAGE"


async def test_what_came_before_is_not_received_again(
    servicer: Answering, call: grpc.aio.StreamStreamCall
) -> None:
    for _ in range(3):
        await call.write(pb.FromClient(sequence=1, release=["x"]))
    await call.write(pb.FromClient(sequence=2, release=["y"]))
    lost: list[str] = []
    while "y" not in lost:
        lost.extend((await call.read()).lost)
    assert lost == ["x", "y"]
    assert servicer.messages == 2


async def test_a_link_can_be_ended_with_an_error(
    servicer: Answering, call: grpc.aio.StreamStreamCall
) -> None:
    await call.write(pb.FromClient(sequence=1, release=["x"]))
    assert (await call.read()).lost == ["x"]
    assert servicer.link is not None
    servicer.link.end(Superseded("another took its place"))
    with pytest.raises(grpc.aio.AioRpcError, match="another took its place") as caught:
        await call.read()
    assert caught.value.code() == grpc.StatusCode.ABORTED


async def test_an_error_in_receiving_ends_the_run(call: grpc.aio.StreamStreamCall) -> None:
    def refuse(_batch: pb.ToClient) -> None:
        raise MalformedMessage("not like that")

    batches = [pb.FromClient(release=["x"])]
    link: Link[pb.ToClient, pb.FromClient] = Link(
        Session(pb.FromClient), lambda: batches.pop() if batches else None, refuse
    )
    with pytest.raises(MalformedMessage, match="not like that"):
        await link.run(call.read, call.write)


async def test_of_a_stream_that_is_over_the_reading_says_why(
    call: grpc.aio.StreamStreamCall,
) -> None:
    await call.write(pb.FromClient(sequence=2))
    await call.code()
    tried = asyncio.Event()

    async def write(batch: pb.FromClient) -> None:
        tried.set()
        await call.write(batch)

    async def read() -> object:
        await tried.wait()
        return await call.read()

    batches = [pb.FromClient(release=["x"])]
    link: Link[pb.ToClient, pb.FromClient] = Link(
        Session(pb.FromClient), lambda: batches.pop() if batches else None, lambda _: None
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await link.run(read, write)
    assert reason_of_call(caught.value) == "MALFORMED_MESSAGE"
