"""The scheduler over real gRPC, with peers that are written here by hand from the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from gdistributed.services.scheduler.server import Scheduler
from gdistributed.v1 import center_pb2 as cb
from gdistributed.v1 import center_pb2_grpc, scheduler_pb2_grpc, server_pb2, value_pb2
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import worker_pb2 as wb
from gdistributed.wire.channel import open_channel
from gdistributed.wire.status import reason_of_call

SOFTWARE = server_pb2.Software(protocol_major=1, name="by-hand", version="0")
PYTHON = wb.RuntimeOffer(runtime="python", runs_code=True, any_name=True)


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    async with Scheduler() as scheduler:
        yield scheduler


@pytest.fixture
async def stub(scheduler: Scheduler) -> AsyncIterator[scheduler_pb2_grpc.SchedulerAsyncStub]:
    async with open_channel(scheduler.address) as channel:
        yield scheduler_pb2_grpc.SchedulerStub(channel)


class Peer:
    """A worker or a client that writes and reads its stream itself."""

    def __init__(self, call: grpc.aio.StreamStreamCall, message: type) -> None:
        self.call = call
        self.message = message
        self.sequence = 0

    async def hello(self, **fields: object) -> server_pb2.Welcome:
        fields.setdefault("software", SOFTWARE)
        await self.call.write(self.message(hello=fields))
        return (await self.call.read()).welcome

    async def say(self, **fields: object) -> None:
        self.sequence += 1
        await self.call.write(self.message(sequence=self.sequence, **fields))

    async def read_all(self) -> None:
        while (await self.call.read()) is not grpc.aio.EOF:
            pass

    async def refusal(self) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.read_all()
        return caught.value.code(), reason_of_call(caught.value)


def worker_peer(stub: scheduler_pb2_grpc.SchedulerAsyncStub) -> Peer:
    return Peer(stub.ConnectWorker(), wb.FromWorker)


def client_peer(stub: scheduler_pb2_grpc.SchedulerAsyncStub) -> Peer:
    return Peer(stub.ConnectClient(), pb.FromClient)


async def join_worker(stub: scheduler_pb2_grpc.SchedulerAsyncStub, name: str = "w") -> Peer:
    peer = worker_peer(stub)
    await peer.hello(
        worker_id=name, name=name, address="127.0.0.1:9", nthreads=1, runtimes=[PYTHON]
    )
    return peer


def addition(key: str, *arguments: object) -> pb.PlainTask:
    task = pb.PlainTask(key=key, function="operator.add")
    for argument in arguments:
        if isinstance(argument, str):
            task.arguments.add(key=argument)
        else:
            task.arguments.add().json.number_value = argument
    return task


async def test_the_welcome_names_cluster_epoch_and_limits(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub, scheduler: Scheduler
) -> None:
    welcome = await client_peer(stub).hello(client_id="c")
    assert welcome.cluster_id == scheduler.cluster_id
    assert welcome.epoch == 1
    assert welcome.limits.inline_nbytes == 16_384
    assert welcome.limits.grace.seconds == 15


@pytest.mark.parametrize("role", [worker_peer, client_peer])
async def test_another_major_version_is_refused_naming_both(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub, role: type
) -> None:
    peer = role(stub)
    software = server_pb2.Software(protocol_major=2, name="future", version="9")
    await peer.call.write(peer.message(hello={"software": software}))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await peer.call.read()
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of_call(caught.value) == "PROTOCOL_VERSION"
    details = caught.value.details() or ""
    assert "2.0" in details
    assert "1.0" in details
    assert "upgrade the scheduler" in details


@pytest.mark.parametrize("role", [worker_peer, client_peer])
async def test_a_stream_must_begin_with_a_hello(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub, role: type
) -> None:
    peer = role(stub)
    await peer.say()
    assert await peer.refusal() == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_HELLO")


async def test_what_the_peer_requires_must_be_offered(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub,
) -> None:
    peer = client_peer(stub)
    software = server_pb2.Software(protocol_major=1, required=["time travel"])
    await peer.call.write(pb.FromClient(hello={"software": software, "client_id": "c"}))
    assert (await peer.refusal())[1] == "CAPABILITY_MISSING"


async def test_a_gap_in_the_numbers_ends_the_stream(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub,
) -> None:
    peer = client_peer(stub)
    await peer.hello(client_id="c")
    peer.sequence = 5
    await peer.say()
    assert await peer.refusal() == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE")


async def test_a_newer_stream_supersedes_the_older(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub,
) -> None:
    older, newer = client_peer(stub), client_peer(stub)
    await older.hello(client_id="c")
    await newer.hello(client_id="c")
    assert await older.refusal() == (grpc.StatusCode.ABORTED, "SUPERSEDED")
    clients = await stub.ListClients(pb.ListClientsRequest())
    assert [client.client_id for client in clients.clients] == ["c"]


async def test_a_name_belongs_to_one_worker(stub: scheduler_pb2_grpc.SchedulerAsyncStub) -> None:
    await join_worker(stub, "w")
    other = worker_peer(stub)
    fields = {"worker_id": "2", "name": "w", "address": "127.0.0.1:8", "nthreads": 1}
    await other.call.write(wb.FromWorker(hello={"software": SOFTWARE, **fields}))
    assert await other.refusal() == (grpc.StatusCode.ALREADY_EXISTS, "NAME_TAKEN")


async def test_malformed_bytes_end_the_call_and_nothing_else(scheduler: Scheduler) -> None:
    async with open_channel(scheduler.address) as channel:
        connect = channel.stream_stream("/gdistributed.v1.Scheduler/ConnectClient")
        call = connect()
        await call.write(b"\xff\xff\xff garbage")
        with pytest.raises(grpc.aio.AioRpcError):
            await Peer(call, pb.FromClient).read_all()
        stub = scheduler_pb2_grpc.SchedulerStub(channel)
        assert await client_peer(stub).hello(client_id="c")


async def test_unknown_fields_are_skipped_with_a_warning(
    scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_channel(scheduler.address) as channel:
        connect = channel.stream_stream(
            "/gdistributed.v1.Scheduler/ConnectClient",
            response_deserializer=pb.ToClient.FromString,
        )
        call = connect()
        hello = pb.FromClient(hello={"software": SOFTWARE, "client_id": "c"})
        unknown = b"\xa2\x06\x05later"  # field 100, of a protocol to come
        await call.write(hello.SerializeToString() + unknown)
        assert (await call.read()).welcome.session_id
        await call.write(pb.FromClient(sequence=1).SerializeToString() + unknown)
        await call.write(pb.FromClient(sequence=2, hold=[{"keys": ["x"]}]).SerializeToString())
        answer = await call.read()
        while not answer.cancelled:
            answer = await call.read()
        assert answer.cancelled[0].key == "x"
    assert [record.message for record in caplog.records] == ["unknown field skipped"]


async def test_a_graph_written_by_hand_is_run_and_read(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub,
) -> None:
    worker = await join_worker(stub)
    submitted = await stub.Submit(pb.SubmitRequest(tasks=[addition("x", 1, 2)]))
    assert list(submitted.keys) == ["x"]
    (run,) = (await worker.call.read()).run
    assert b"1" in run.arguments
    waiting = asyncio.ensure_future(stub.GetResult(pb.GetResultRequest(key="x")))
    value = value_pb2.Payload(codec="json", data=b"3").SerializeToString()
    report = {"key": "x", "attempt": run.attempt, "nbytes": 28, "type": "int", "value": value}
    await worker.say(finished=[report])
    result = await waiting
    assert result.json.number_value == 3
    assert result.type == "int"
    await stub.ReleaseTasks(pb.ReleaseTasksRequest(graph_ids=[submitted.graph_id]))
    assert list((await worker.call.read()).free) == ["x"]


async def test_bad_graphs_are_refused_by_reason(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub,
) -> None:
    bad = {
        "CYCLE": [addition("x", "y", 1), addition("y", "x", 1)],
        "UNKNOWN_KEYS": [addition("x", "nowhere", 1)],
        "BAD_TASK": [pb.PlainTask(key="x")],
    }
    for reason, tasks in bad.items():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Submit(pb.SubmitRequest(tasks=tasks))
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert reason_of_call(caught.value) == reason
    assert not (await stub.GetSummary(pb.GetSummaryRequest())).tasks


async def test_workers_that_are_worth_having(stub: scheduler_pb2_grpc.SchedulerAsyncStub) -> None:
    tasks = [addition(f"x{number}", number, 1) for number in range(10)]
    await stub.Submit(pb.SubmitRequest(tasks=tasks))
    request = pb.RecommendWorkersRequest()
    assert await stub.RecommendWorkers(request) == pb.RecommendWorkersResponse(workers=1)
    request.target_duration.FromMilliseconds(100)
    assert (await stub.RecommendWorkers(request)).workers == 10
    request.nthreads = 4
    assert (await stub.RecommendWorkers(request)).workers == 3
    request.target_duration.FromMilliseconds(0)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.RecommendWorkers(request)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of_call(caught.value) == "BAD_DURATION"


async def test_results_that_are_not_there(stub: scheduler_pb2_grpc.SchedulerAsyncStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetResult(pb.GetResultRequest(key="x"))
    assert reason_of_call(caught.value) == "UNKNOWN_KEY"
    await stub.Submit(pb.SubmitRequest(tasks=[addition("x", 1, 2)]))
    request = pb.GetResultRequest(key="x")
    request.timeout.FromMilliseconds(1)
    with pytest.raises(grpc.aio.AioRpcError, match="no workers") as caught:
        await stub.GetResult(request)
    assert reason_of_call(caught.value) == "RESULT_TIMEOUT"


async def test_tasks_are_listed_filtered_paged_and_explained(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub,
) -> None:
    tasks = [addition(f"x{number}", 1, 2) for number in range(5)]
    await stub.Submit(pb.SubmitRequest(tasks=[*tasks, addition("y", "x0", 1)]))
    first = await stub.ListTasks(pb.ListTasksRequest(page_size=4))
    rest = await stub.ListTasks(pb.ListTasksRequest(page_size=4, page_token=first.next_page_token))
    keys = [task.key for task in (*first.tasks, *rest.tasks)]
    assert keys == ["x0", "x1", "x2", "x3", "x4", "y"]
    assert not rest.next_page_token
    waiting = await stub.ListTasks(pb.ListTasksRequest(states=["TASK_STATE_WAITING"], view=2))
    assert [task.key for task in waiting.tasks] == ["y"]
    assert list(waiting.tasks[0].waiting_on) == ["x0"]
    explained = await stub.ExplainTask(pb.ExplainTaskRequest(key="y"))
    assert "waits for 'x0'" in explained.explanation
    assert [line.text for line in explained.story] == ["waiting"]
    cancelled = await stub.CancelTasks(pb.CancelTasksRequest(keys=["x0", "nothing"]))
    assert list(cancelled.cancelled) == ["x0", "y"]
    assert list(cancelled.unknown) == ["nothing"]
    gone = await stub.ExplainTask(pb.ExplainTaskRequest(key="x0"))
    assert "forgotten" in gone.explanation
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListTasks(pb.ListTasksRequest(page_token="rubbish"))
    assert reason_of_call(caught.value) == "BAD_PAGE_TOKEN"


async def test_events_are_watched_from_a_revision_on(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub,
) -> None:
    watch = stub.WatchEvents(pb.WatchEventsRequest(start_revision=1, limit=3))
    worker = await join_worker(stub)
    (joined,) = (await watch.read()).events
    assert (joined.kind, joined.subject, joined.to) == ("worker", "w", "joined")
    await stub.Submit(pb.SubmitRequest(tasks=[addition("x", 1, 2)]))
    events = list((await watch.read()).events)
    assert [(getattr(event, "from"), *event.via, event.to) for event in events] == [
        ("released", "waiting", "queued"),
        ("queued", "processing"),
    ]
    assert [event.revision for event in events] == [2, 3]
    assert await watch.read() is grpc.aio.EOF
    gone = stub.WatchEvents(pb.WatchEventsRequest(start_revision=1, kinds=["client"], limit=1))
    await client_peer(stub).hello(client_id="c")
    assert (await gone.read()).events[0].subject == "c"
    await worker.say(goodbye={"reason": "enough"})


async def test_a_worker_that_breaks_off_is_gone_at_once(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub,
) -> None:
    watch = stub.WatchEvents(pb.WatchEventsRequest(start_revision=1, kinds=["worker"], limit=3))
    worker = await join_worker(stub)
    worker.call.cancel()
    seen: list[str] = []
    while len(seen) < 3:
        seen += [event.to for event in (await watch.read()).events]
    assert seen == ["joined", "suspended", "left"]  # nobody listens at its port
    assert not (await stub.ListWorkers(pb.ListWorkersRequest())).workers


async def test_a_worker_that_is_dead_is_gone_though_its_stream_seems_to_live(
    stub: scheduler_pb2_grpc.SchedulerAsyncStub, scheduler: Scheduler
) -> None:
    peer = await join_worker(stub)  # sends no heartbeats, and nobody listens at its address
    async with asyncio.timeout(20):
        while scheduler.brain.books.workers:
            await asyncio.sleep(0.05)
    assert "refuses connections" in scheduler.brain.deaths["w"].cause
    peer.call.cancel()


async def test_closing_tells_all_peers(scheduler: Scheduler) -> None:
    async with open_channel(scheduler.address) as channel:
        stub = scheduler_pb2_grpc.SchedulerStub(channel)
        worker = await join_worker(stub)
        client = client_peer(stub)
        await client.hello(client_id="c")
        await scheduler.close()
        assert (await worker.call.read()).goodbye.reason == "the scheduler was closed"
        answer = await client.call.read()
        while not answer.HasField("closing"):
            answer = await client.call.read()


async def test_the_embedded_center_knows_the_scheduler(scheduler: Scheduler) -> None:
    async with open_channel(scheduler.address) as channel:
        center = center_pb2_grpc.CenterStub(channel)
        members = (await center.ListMembers(cb.ListMembersRequest())).members
        assert [(each.role, each.address, each.epoch) for each in members] == [
            ("scheduler", scheduler.address, 1)
        ]


async def test_two_addresses() -> None:
    async with Scheduler(port_to_clients=0) as scheduler:
        assert scheduler.address_to_workers != scheduler.address_to_clients
        for address in scheduler.addresses:
            async with open_channel(address) as channel:
                stub = scheduler_pb2_grpc.SchedulerStub(channel)
                summary = await stub.GetSummary(pb.GetSummaryRequest())
                assert summary.address_to_workers == scheduler.address_to_workers


def test_plain_code_needs_no_event_loop() -> None:
    with Scheduler() as scheduler, grpc.insecure_channel(scheduler.address_to_clients) as channel:
        stub = scheduler_pb2_grpc.SchedulerStub(channel)
        assert stub.GetSummary(pb.GetSummaryRequest()).workers == 0
