"""Members with leases, where data lies, datasets, and what watchers see."""

from __future__ import annotations

from random import Random

import pytest

from gdistributed.core.center.audit import audit
from gdistributed.core.center.brain import CenterBrain
from gdistributed.errors import (
    GDistributedError,
    MalformedMessage,
    NameTaken,
    NotFound,
    Superseded,
)
from gdistributed.settings import CenterSettings
from gdistributed.v1 import center_pb2 as pb


def member(number: str, role: str = "worker", **fields: object) -> pb.Member:
    return pb.Member(id=number, role=role, address=f"h:{number}", nthreads=2, **fields)


def center(history: int = 100) -> CenterBrain:
    return CenterBrain("cluster", CenterSettings(lease_s=10.0, history=history))


def changes(brain: CenterBrain) -> list[str]:
    return [change.WhichOneof("change") or "" for change in brain.history.since(1) or ()]


def test_members_register_and_leave() -> None:
    brain = center()
    response = brain.register(member("1"), 0.0, now=0.0)
    assert response.cluster_id == "cluster"
    assert not response.HasField("scheduler")
    assert response.heartbeat.seconds == 3
    assert [each.id for each in brain.members_of("worker")] == ["1"]
    brain.deregister("1", "", now=1.0)
    brain.deregister("1", "", now=1.0)
    assert brain.members_of("") == []
    assert changes(brain) == ["joined", "left"]
    audit(brain)


def test_each_scheduler_gets_an_epoch_and_there_is_one() -> None:
    brain = center()
    assert brain.register(member("s", "scheduler"), 0.0, now=0.0).epoch == 1
    assert brain.register(member("s", "scheduler"), 0.0, now=1.0).epoch == 1
    with pytest.raises(NameTaken, match="registered already") as caught:
        brain.register(member("t", "scheduler"), 0.0, now=2.0)
    assert caught.value.reason == "SCHEDULER_EXISTS"
    assert brain.register(member("1"), 0.0, now=2.0).scheduler.id == "s"
    assert brain.register(member("t", "scheduler"), 0.0, now=11.0).epoch == 2
    audit(brain)


def test_a_member_lives_as_long_as_it_renews_its_lease() -> None:
    brain = center()
    brain.register(member("1"), 0.0, now=0.0)
    brain.register(member("2"), 30.0, now=0.0)
    assert brain.deadline == 10.0
    brain.heartbeat("1", now=9.0)
    brain.on_time(10.0)
    assert len(brain.members_of("")) == 2
    brain.on_time(19.0)
    assert [each.id for each in brain.members_of("")] == ["2"]
    with pytest.raises(NotFound) as caught:
        brain.heartbeat("1", now=19.0)
    assert caught.value.reason == "UNKNOWN_MEMBER"
    assert brain.deadline == 30.0
    audit(brain)


def test_a_name_belongs_to_one_worker_and_its_successor_at_the_same_address() -> None:
    brain = center()
    brain.register(member("1", name="bob"), 0.0, now=0.0)
    with pytest.raises(NameTaken, match="'bob'"):
        brain.register(member("2", name="bob"), 0.0, now=1.0)
    successor = member("3", name="bob")
    successor.address = "h:1"
    brain.register(successor, 0.0, now=1.0)
    assert [each.id for each in brain.members_of("worker")] == ["3"]
    audit(brain)


@pytest.mark.parametrize("missing", ["id", "role", "address"])
def test_a_member_must_be_whole(missing: str) -> None:
    bad = member("1")
    bad.ClearField(missing)
    with pytest.raises(MalformedMessage) as caught:
        center().register(bad, 0.0, now=0.0)
    assert caught.value.reason == "BAD_MEMBER"


def test_where_data_lies_is_reported_in_batches() -> None:
    brain = center()
    brain.register(member("s", "scheduler"), 0.0, now=0.0)
    for number in ("1", "2"):
        brain.register(member(number), 0.0, now=0.0)
    report = pb.ReportLocationsRequest(epoch=1, snapshot=True)
    for worker_id in ("1", "2"):
        report.added.add(key="x", worker_id=worker_id, nbytes=8)
    brain.report(report)
    (found,) = brain.who_has(["x"])
    assert (list(found.addresses), found.nbytes) == (["h:1", "h:2"], 8)
    assert list(brain.locations.keys_of("2")) == ["x"]
    removed = pb.ReportLocationsRequest(epoch=1)
    removed.removed.add(key="x", worker_id="1")
    brain.report(removed)
    brain.deregister("2", "", now=1.0)
    (found,) = brain.who_has(["x"])
    assert (list(found.addresses), found.nbytes) == ([], 0)
    audit(brain)


def test_a_worker_that_comes_back_after_its_lease_has_what_it_had() -> None:
    brain = center()
    brain.register(member("s", "scheduler"), 0.0, now=0.0)
    brain.register(member("1"), 0.0, now=0.0)
    report = pb.ReportLocationsRequest(epoch=1, snapshot=True)
    report.added.add(key="x", worker_id="1", nbytes=8)
    brain.report(report)
    brain.on_time(now=100.0)
    (found,) = brain.who_has(["x"])
    assert (list(found.addresses), found.nbytes) == ([], 0)
    brain.register(member("1"), 0.0, now=101.0)
    (found,) = brain.who_has(["x"])
    assert (list(found.addresses), found.nbytes) == (["h:1"], 8)


def test_a_scheduler_that_comes_back_after_its_lease_keeps_its_epoch() -> None:
    brain = center()
    assert brain.register(member("s", "scheduler"), 0.0, now=0.0).epoch == 1
    brain.on_time(now=100.0)
    again = member("s", "scheduler")
    again.epoch = 1
    assert brain.register(again, 0.0, now=100.0).epoch == 1
    brain.on_time(now=200.0)
    assert brain.register(member("t", "scheduler"), 0.0, now=200.0).epoch == 2
    brain.on_time(now=300.0)
    with pytest.raises(Superseded, match="was followed"):
        brain.register(again, 0.0, now=300.0)


def test_a_scheduler_that_has_been_followed_reports_in_vain() -> None:
    brain = center()
    brain.register(member("s", "scheduler"), 0.0, now=0.0)
    brain.register(member("t", "scheduler"), 0.0, now=20.0)
    with pytest.raises(Superseded) as caught:
        brain.report(pb.ReportLocationsRequest(epoch=1))
    assert caught.value.reason == "STALE_EPOCH"


def test_datasets() -> None:
    brain = center()
    brain.publish(pb.Dataset(name="flights", keys=["x", "y"]), override=False)
    with pytest.raises(NameTaken, match="override=True"):
        brain.publish(pb.Dataset(name="flights"), override=False)
    with pytest.raises(NotFound, match="there are: flights"):
        brain.dataset("flight")
    with pytest.raises(MalformedMessage):
        brain.publish(pb.Dataset(), override=False)
    brain.publish(pb.Dataset(name="flights", keys=["z"]), override=True)
    assert brain.unpublish("flights") == ["z"]
    with pytest.raises(NotFound, match="none"):
        brain.unpublish("flights")
    assert changes(brain) == ["published", "published", "unpublished"]


def test_history_is_bounded_and_has_no_silent_gap() -> None:
    brain = center(history=3)
    for number in range(5):
        brain.publish(pb.Dataset(name=str(number)), override=False)
    assert brain.history.since(2) is None
    kept = brain.history.since(3)
    assert kept is not None
    assert [change.revision for change in kept] == [3, 4, 5]
    later = brain.history.since(6)
    assert later is not None
    assert list(later) == []


def any_event(random: Random, brain: CenterBrain, now: float) -> None:
    role = random.choice(["worker", "worker", "worker", "scheduler"])
    number = f"{role[0]}{random.randrange(6)}"
    kind = random.randrange(5)
    if kind == 0:
        name = random.choice("ab") if role == "worker" else ""
        brain.register(member(number, role, name=name), 0.0, now)
    elif kind == 1:
        brain.heartbeat(number, now)
    elif kind == 2:
        brain.deregister(number, "", now)
    elif kind == 3:
        report = pb.ReportLocationsRequest(epoch=brain.epoch, snapshot=random.random() < 0.1)
        report.added.add(key=random.choice("xyz"), worker_id=number, nbytes=8)
        report.removed.add(key=random.choice("xyz"), worker_id=f"w{random.randrange(6)}")
        brain.report(report)
    else:
        brain.on_time(now)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_the_books_agree(seed: int) -> None:
    random, brain, now = Random(seed), center(), 0.0
    refusals = set()
    for _ in range(300):
        now += random.random() * 3
        try:
            any_event(random, brain, now)
        except GDistributedError as error:
            refusals.add(error.reason)
        audit(brain)
    assert refusals <= {"NAME_TAKEN", "SCHEDULER_EXISTS", "UNKNOWN_MEMBER"}
    brain.on_time(now + 100)
    assert brain.members_of("") == []
    assert brain.deadline is None
