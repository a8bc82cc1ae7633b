"""What a real cluster says of what it does: counts, runs, transfers, and the drawing of a graph."""

from __future__ import annotations

import time
from collections.abc import Iterator

import grpc
import pytest

from gdistributed import Client, LocalCluster, wait
from gdistributed.v1 import activity_pb2 as pb
from gdistributed.v1 import activity_pb2_grpc
from gdistributed.wire.status import reason_of_call
from tests.waiting import until

MIB = 1 << 20


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster.scheduler_address) as client:
        yield client


@pytest.fixture
def stub(cluster: LocalCluster) -> Iterator[activity_pb2_grpc.ActivityStub]:
    with grpc.insecure_channel(cluster.scheduler_address) as channel:
        yield activity_pb2_grpc.ActivityStub(channel)


def nap(number: int, seconds: float = 0.05) -> int:
    time.sleep(seconds)
    return number


def fail(number: int) -> int:
    raise ValueError(number)


def half(number: int) -> float:
    return number / 2


def prefix_of(answer: pb.GetActivityResponse, name: str) -> pb.PrefixActivity:
    (found,) = [each for each in answer.prefixes if each.prefix == name]
    return found


def test_runs_and_their_sums(
    cluster: LocalCluster, client: Client, stub: activity_pb2_grpc.ActivityStub
) -> None:
    before = stub.GetActivity(pb.GetActivityRequest())
    naps = client.map(nap, range(10))
    failed = client.submit(fail, 1)
    wait([*naps, failed])
    after = stub.GetActivity(pb.GetActivityRequest(last_run=before.last_run))
    assert after.last_run == before.last_run + 11
    assert [run.count for run in after.runs] == [1] * 11
    assert {run.worker for run in after.runs} == set(cluster.workers)
    assert {run.key for run in after.runs if run.prefix == "nap"} == {each.key for each in naps}
    assert [run.key for run in after.runs if run.failed] == [failed.key]
    for run in after.runs:
        lasted_ns = run.end.ToNanoseconds() - run.start.ToNanoseconds()
        assert lasted_ns == pytest.approx(run.run_ns, abs=1000)
    napped = prefix_of(after, "nap")
    assert (napped.finished, napped.failed, dict(napped.tasks)) == (10, 0, {"memory": 10})
    assert napped.run_ns >= 10 * 50_000_000
    assert sum(napped.run_counts) == 10
    assert napped.wait_ns + napped.queued_ns > 0  # ten tasks on two threads
    assert prefix_of(after, "fail").failed == 1
    assert after.summary.tasks["memory"] >= 10
    assert after.load.memory_nbytes > MIB
    assert after.load.events >= 11 * 3


def test_short_runs_are_merged_on_request(
    client: Client, stub: activity_pb2_grpc.ActivityStub
) -> None:
    before = stub.GetActivity(pb.GetActivityRequest())
    client.gather(client.map(half, range(500)))
    request = pb.GetActivityRequest(last_run=before.last_run)
    request.merge.FromMilliseconds(10_000)
    answer = stub.GetActivity(request)
    assert sum(run.count for run in answer.runs) == 500
    assert len(answer.runs) == 2  # one on each worker
    assert {run.prefix for run in answer.runs} == {"half"}
    few = stub.GetActivity(pb.GetActivityRequest(last_run=before.last_run, limit=7))
    assert len(few.runs) == 7
    assert few.last_run == answer.last_run


def test_transfers_are_told(
    cluster: LocalCluster, client: Client, stub: activity_pb2_grpc.ActivityStub
) -> None:
    first, second = cluster.workers
    data = client.submit(bytes, 2 * MIB, workers=[first])
    assert client.submit(len, data, workers=[second]).result() == 2 * MIB
    until(
        lambda: [
            moved
            for moved in stub.GetActivity(pb.GetActivityRequest()).transfers
            if (moved.worker, moved.peer) == (second, first) and moved.nbytes >= 2 * MIB
        ],
        "the transfer to be told",
    )
    answer = stub.GetActivity(pb.GetActivityRequest())
    assert prefix_of(answer, "len").fetch_ns > 0
    again = stub.GetActivity(pb.GetActivityRequest(last_transfer=answer.last_transfer))
    assert not again.transfers


def test_a_graph_is_drawn(client: Client, stub: activity_pb2_grpc.ActivityStub) -> None:
    leaves = client.map(half, range(30), pure=False)
    total = client.submit(sum, leaves)
    total.result()
    one = stub.GetGraph(pb.GetGraphRequest(key=total.key))
    assert one.tasks == len(one.nodes) == 31
    assert not one.by_prefix
    assert len(one.edges) == 30
    grouped = stub.GetGraph(pb.GetGraphRequest(key=total.key, limit=5))
    assert grouped.by_prefix
    assert {node.name: dict(node.tasks) for node in grouped.nodes} == {
        "half": {"memory": 30},
        "sum": {"memory": 1},
    }
    (edge,) = grouped.edges
    names = [node.name for node in grouped.nodes]
    assert (names[getattr(edge, "from")], names[edge.to], edge.count) == ("half", "sum", 30)
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetGraph(pb.GetGraphRequest(key="nobody"))
    assert reason_of_call(caught.value) == "UNKNOWN_KEY"
