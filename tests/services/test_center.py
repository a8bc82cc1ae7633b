"""The Center over real gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from gdistributed.errors import NameTaken, WaitTimeout
from gdistributed.services.center.server import Center
from gdistributed.services.scheduler.server import Scheduler
from gdistributed.settings import CenterSettings
from gdistributed.v1 import center_pb2 as pb
from gdistributed.v1 import center_pb2_grpc, scheduler_pb2, scheduler_pb2_grpc, server_pb2
from gdistributed.wire.channel import open_channel
from gdistributed.wire.membership import Membership
from gdistributed.wire.status import reason_of_call

SOFTWARE = server_pb2.Software(protocol_major=1, name="by-hand", version="0")


@pytest.fixture
async def center() -> AsyncIterator[Center]:
    settings = CenterSettings(heartbeat_s=0.05, lease_s=5.0, history=4)
    async with Center(settings=settings) as center:
        yield center


@pytest.fixture
async def channel(center: Center) -> AsyncIterator[grpc.aio.Channel]:
    async with open_channel(center.address) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> center_pb2_grpc.CenterAsyncStub:
    return center_pb2_grpc.CenterStub(channel)


def worker(number: str, **fields: object) -> pb.Member:
    return pb.Member(
        id=number,
        role="worker",
        address=f"h:{number}",
        nthreads=int(number),
        software=SOFTWARE,
        **fields,
    )


async def register(stub: center_pb2_grpc.CenterAsyncStub, member: pb.Member) -> pb.RegisterResponse:
    return await stub.Register(pb.RegisterRequest(member=member))


async def test_who_is_there_and_what_they_can_do(stub: center_pb2_grpc.CenterAsyncStub) -> None:
    for number in ("1", "2", "3"):
        await register(stub, worker(number))
    first = await stub.ListMembers(pb.ListMembersRequest(page_size=2, role="worker"))
    request = pb.ListMembersRequest(page_size=2, page_token=first.next_page_token)
    rest = await stub.ListMembers(request)
    assert [member.id for member in (*first.members, *rest.members)] == ["1", "2", "3"]
    assert not rest.next_page_token
    cores = await stub.NCores(pb.NCoresRequest())
    assert dict(cores.nthreads) == {"h:1": 1, "h:2": 2, "h:3": 3}
    some = await stub.NCores(pb.NCoresRequest(workers=["h:2", "nobody"]))
    assert dict(some.nthreads) == {"h:2": 2}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListMembers(pb.ListMembersRequest(page_token="rubbish"))
    assert reason_of_call(caught.value) == "BAD_PAGE_TOKEN"


async def test_another_major_version_is_refused_naming_both(
    stub: center_pb2_grpc.CenterAsyncStub,
) -> None:
    member = worker("1")
    member.software.protocol_major = 2
    with pytest.raises(grpc.aio.AioRpcError, match="upgrade the center") as caught:
        await register(stub, member)
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of_call(caught.value) == "PROTOCOL_VERSION"


async def test_locations_that_a_scheduler_reports(stub: center_pb2_grpc.CenterAsyncStub) -> None:
    await register(stub, worker("1"))
    batch = pb.ReportLocationsRequest(snapshot=True)
    batch.added.add(key="x", worker_id="1", nbytes=8)
    await stub.ReportLocations(iter([batch]))
    held = await stub.WhoHas(pb.WhoHasRequest(keys=["x", "y"]))
    assert [list(each.addresses) for each in held.locations] == [["h:1"], []]
    everything = await stub.WhoHas(pb.WhoHasRequest())
    assert [each.key for each in everything.locations] == ["x"]
    what = await stub.HasWhat(pb.HasWhatRequest())
    assert [(each.address, list(each.keys)) for each in what.workers] == [("h:1", ["x"])]


async def test_datasets(stub: center_pb2_grpc.CenterAsyncStub) -> None:
    dataset = pb.Dataset(name="flights", keys=["x"])
    await stub.PublishDataset(pb.PublishDatasetRequest(dataset=dataset))
    assert (await stub.ListDatasets(pb.ListDatasetsRequest())).names == ["flights"]
    got = await stub.GetDataset(pb.GetDatasetRequest(name="flights"))
    assert got.dataset == dataset
    gone = await stub.UnpublishDataset(pb.UnpublishDatasetRequest(name="flights"))
    assert gone.keys == ["x"]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetDataset(pb.GetDatasetRequest(name="flights"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert reason_of_call(caught.value) == "UNKNOWN_DATASET"


async def test_changes_are_watched_from_a_revision_on(
    stub: center_pb2_grpc.CenterAsyncStub,
) -> None:
    watch = stub.Watch(pb.WatchRequest(start_revision=1, roles=["worker"]))
    await register(stub, worker("1"))
    assert (await watch.read()).joined.id == "1"
    for number in range(5):
        dataset = pb.Dataset(name=str(number))
        await stub.PublishDataset(pb.PublishDatasetRequest(dataset=dataset))
    await stub.Deregister(pb.DeregisterRequest(id="1", reason="enough"))
    assert (await watch.read()).left.reason == "enough"
    late = stub.Watch(pb.WatchRequest(start_revision=1))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await late.read()
    assert caught.value.code() == grpc.StatusCode.OUT_OF_RANGE
    assert reason_of_call(caught.value) == "REVISION_GONE"


async def test_a_member_that_was_forgotten_registers_again(
    center: Center, channel: grpc.aio.Channel, stub: center_pb2_grpc.CenterAsyncStub
) -> None:
    member = await Membership.join(channel, center.address, worker("1"))
    watch = stub.Watch(pb.WatchRequest(start_revision=1))
    assert (await watch.read()).joined.id == "1"
    await stub.Deregister(pb.DeregisterRequest(id="1"))
    assert (await watch.read()).left.member.id == "1"
    assert (await watch.read()).joined.id == "1"
    await member.leave()
    assert (await watch.read()).left.member.id == "1"


async def test_joining_under_a_taken_name_is_refused(
    center: Center, channel: grpc.aio.Channel
) -> None:
    first = await Membership.join(channel, center.address, worker("1", name="bob"))
    with pytest.raises(NameTaken, match="'bob'"):
        await Membership.join(channel, center.address, worker("2", name="bob"))
    await first.leave()


async def test_a_member_waits_for_the_scheduler(center: Center, channel: grpc.aio.Channel) -> None:
    member = await Membership.join(channel, center.address, worker("1"))
    with pytest.raises(WaitTimeout, match=center.address):
        await member.wait_for_scheduler(0.05)
    async with Scheduler(center=center.address) as scheduler:
        found = await member.wait_for_scheduler(10)
        assert found.address == scheduler.address_to_clients
        assert scheduler.cluster_id == center.cluster_id
    await member.leave()


async def test_a_scheduler_elsewhere_keeps_the_center_up_to_date(
    center: Center, stub: center_pb2_grpc.CenterAsyncStub
) -> None:
    async with Scheduler(center=center.address) as scheduler:
        async with open_channel(scheduler.address) as channel:
            summary = await scheduler_pb2_grpc.SchedulerStub(channel).GetSummary(
                scheduler_pb2.GetSummaryRequest()
            )
        assert (summary.epoch, summary.center_address) == (1, center.address)
        (member,) = (await stub.ListMembers(pb.ListMembersRequest(role="scheduler"))).members
        assert member.id == scheduler.id
    assert not (await stub.ListMembers(pb.ListMembersRequest())).members


async def test_a_scheduler_passes_calls_on_to_a_center_elsewhere(
    center: Center, stub: center_pb2_grpc.CenterAsyncStub
) -> None:
    scheduler = await Scheduler(center=center.address)
    async with scheduler, open_channel(scheduler.address) as channel:
        member = await Membership.join(channel, scheduler.address, worker("1"))
        assert (await member.wait_for_scheduler(10)).id == scheduler.id
        there = center_pb2_grpc.CenterStub(channel)
        dataset = pb.Dataset(name="flights", keys=["x"])
        await there.PublishDataset(pb.PublishDatasetRequest(dataset=dataset))
        assert (await stub.ListDatasets(pb.ListDatasetsRequest())).names == ["flights"]
        assert dict((await there.NCores(pb.NCoresRequest())).nthreads) == {"h:1": 1}
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await there.GetDataset(pb.GetDatasetRequest(name="nothing"))
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        assert reason_of_call(caught.value) == "UNKNOWN_DATASET"
        watch = there.Watch(pb.WatchRequest(start_revision=1, roles=["worker"]))
        assert (await watch.read()).joined.id == "1"
        await member.leave()
