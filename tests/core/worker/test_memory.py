"""A worker near its memory limit pauses: what it has begun goes on, and nothing new begins."""

from __future__ import annotations

import pytest

from gdistributed.core.worker.brain import WorkerBrain
from gdistributed.core.worker.memory import MemoryWatch
from gdistributed.settings import WorkerSettings
from gdistributed.v1 import worker_pb2
from tests.core.worker.script import Script

RUNNING = worker_pb2.WORKER_STATUS_RUNNING
PAUSED = worker_pb2.WORKER_STATUS_PAUSED
CLOSING = worker_pb2.WORKER_STATUS_CLOSING


@pytest.mark.parametrize(
    ("measured", "verdicts"),
    [
        ([79, 80, 79], [False, True, True]),
        ([80, 70, 69, 79], [True, True, False, False]),
        ([1000, 0], [True, False]),
    ],
)
def test_between_its_bounds_the_verdict_stands(measured: list[int], verdicts: list[bool]) -> None:
    watch = MemoryWatch(100, WorkerSettings())
    found = []
    for nbytes in measured:
        before = watch.is_paused
        assert watch.measured(nbytes) is (watch.is_paused is not before)
        found.append(watch.is_paused)
    assert found == verdicts


def test_without_a_limit_there_is_always_room() -> None:
    watch = MemoryWatch(0, WorkerSettings())
    assert not watch.measured(10**15)
    assert not watch.is_paused


@pytest.mark.parametrize(
    ("used", "managed", "bound"),
    [
        (50, 45, 60),  # little that is not managed: the target holds
        (40, 20, 50),  # 20 that are not managed, which 70 has to have room for
        (90, 30, 10),
        (90, 0, 0),
        (20, 50, 60),  # memory that values have asked for and not used
    ],
)
def test_values_make_room_for_what_is_not_managed(used: int, managed: int, bound: int) -> None:
    watch = MemoryWatch(100, WorkerSettings())
    assert watch.bound_nbytes == watch.target_nbytes == 60
    watch.measured(used, managed)
    assert watch.bound_nbytes == pytest.approx(bound)


def test_what_is_on_its_way_has_its_share_of_the_memory() -> None:
    assert MemoryWatch(1000, WorkerSettings()).fetch_nbytes == 100
    assert MemoryWatch(1000, WorkerSettings(fetch_nbytes=50)).fetch_nbytes == 50
    assert MemoryWatch(0, WorkerSettings()).fetch_nbytes == WorkerSettings().fetch_nbytes


def test_a_full_disk_pauses_too() -> None:
    watch = MemoryWatch(100, WorkerSettings())
    assert watch.disk_changed(True)
    assert watch.is_paused
    assert not watch.measured(90)
    assert not watch.disk_changed(False)
    assert watch.is_paused
    assert watch.measured(60)
    assert not watch.is_paused


def limited() -> Script:
    script = Script()
    script.brain = WorkerBrain(1, WorkerSettings(), memory_limit_nbytes=100)
    script.tell(templates=[{"id": 1}])
    return script


def test_a_paused_worker_begins_nothing_and_resumes_by_itself() -> None:
    with limited() as script:
        script.run("a")
        script.run("b")
        script.run("c")
        assert script.began() == ["a"]
        assert script.brain.memory_measured(90, now=0)
        assert script.brain.status == PAUSED
        script.finish("a")
        assert script.began() == []
        assert not script.brain.memory_measured(75, now=0)
        assert script.began() == []
        assert script.brain.memory_measured(50, now=0)
        assert script.brain.status == RUNNING
        assert script.began() == ["b"]
        script.said()


def test_a_paused_worker_gives_back_what_it_has_not_begun() -> None:
    with limited() as script:
        script.brain.memory_measured(90, now=0)
        script.run("a")
        assert script.revoke("a")


def test_a_worker_with_a_full_disk_resumes_when_that_has_room() -> None:
    with limited() as script:
        assert script.brain.disk_changed(True, now=0)
        assert script.brain.status == PAUSED
        script.run("a")
        assert script.began() == []
        assert script.brain.disk_changed(False, now=0)
        assert script.began() == ["a"]
        script.said()


def test_a_worker_that_leaves_says_so_though_it_is_paused() -> None:
    with limited() as script:
        script.brain.memory_measured(90, now=0)
        script.tell(drain=True)
        assert script.brain.status == CLOSING
