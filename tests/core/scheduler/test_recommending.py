"""How many workers are worth having: by what can run, by memory, by what is held."""

from __future__ import annotations

import pytest

from gdistributed.core.scheduler.recommending import recommend
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script

GIB = 1024**3


def workers(script: Script, target_s: float = 5.0, nthreads: int = 0) -> int:
    return recommend(script.brain, script.now, target_s, nthreads).workers


def removable(script: Script) -> list[str]:
    return [each.name for each in recommend(script.brain, script.now).removable]


def with_workers(*names: str, threads: int = 1, memory_limit_nbytes: int = GIB) -> Script:
    script = Script()
    script.client("c")
    for name in names:
        script.worker(name, threads, memory_limit_nbytes=memory_limit_nbytes)
    return script


def keys(count: int) -> str:
    return " ".join(f"x{number}" for number in range(count))


def test_none_without_tasks() -> None:
    script = with_workers()
    assert recommend(script.brain, script.now) == (0, 0, [])


def test_one_for_a_task_that_nobody_can_run_yet() -> None:
    script = with_workers()
    script.submit("c", "x")
    assert script.state("x") == "no_worker"
    assert workers(script) == 1


def test_one_stays_for_tasks_that_workers_like_these_cannot_run() -> None:
    script = with_workers("v")
    script.submit("c", keys(10), resources={"GPU": 1})
    assert script.state("x0") == "no_worker"
    assert workers(script, target_s=0.1) == 1
    script.worker_leaves("v")
    assert workers(script, target_s=0.1) == 10  # those that come may be of another kind


@pytest.mark.parametrize(
    ("seconds", "target_s", "threads", "expected"),
    [
        (1.0, 5.0, 1, 20),  # 100 seconds of work
        (1.0, 10.0, 1, 10),
        (1.0, 5.0, 4, 5),
        (0.001, 5.0, 1, 1),
        (3600.0, 5.0, 1, 100),  # no more than there are tasks
        (3600.0, 5.0, 3, 34),
    ],
)
def test_as_many_as_do_in_the_target_what_can_run(
    seconds: float, target_s: float, threads: int, expected: int
) -> None:
    script = with_workers("v", threads=threads)
    script.submit("c", "first")
    script.finish("v", "first", seconds=seconds)
    script.submit("c", keys(100))
    assert workers(script, target_s) == expected
    assert workers(script, target_s, threads * 2) == -(-expected // 2)


def test_tasks_that_wait_for_others_are_no_reason() -> None:
    script = with_workers("v")
    script.submit("c", "x " + " ".join(f"y{number}=x" for number in range(100)))
    assert workers(script, target_s=0.1) == 1


def test_tasks_of_unknown_length_count_by_how_long_they_have_run() -> None:
    script = with_workers("v")
    script.submit("c", keys(10))
    assert workers(script) == 1
    script.now += 20
    assert workers(script) == 10
    script.finish("v", "x0", seconds=20)
    assert workers(script) == 9


def test_tasks_that_have_left_their_thread_need_none() -> None:
    script = with_workers("v")
    script.submit("c", "x")
    script.secede("v", "x")
    assert workers(script) == 0
    assert removable(script) == []


def test_twice_as_many_where_memory_is_short() -> None:
    script = with_workers("v", "w")
    script.scatter("c", "x", "v", nbytes=int(1.1 * GIB))
    assert workers(script) == 0
    script.scatter("c", "y", "w", nbytes=int(0.2 * GIB))
    assert workers(script) == 4


def test_memory_without_a_limit_is_never_short() -> None:
    script = with_workers("v", "w", memory_limit_nbytes=0)
    script.scatter("c", "x", "v", nbytes=1000 * GIB)
    assert recommend(script.brain, script.now)[:2] == (0, 2)
    assert removable(script) == ["w"]


def test_those_that_hold_nothing_leave_first_and_all_where_nothing_is_held() -> None:
    script = with_workers("v", "w", "z")
    assert removable(script) == ["v", "w", "z"]
    script.scatter("c", "x", "v", nbytes=1000)
    script.scatter("c", "y", "w", nbytes=10)
    assert removable(script) == ["z", "w"]


def test_those_stay_whose_memory_is_needed() -> None:
    script = with_workers("v", "w", "z")
    script.scatter("c", "x", "v", nbytes=GIB // 2 + 1)
    assert removable(script) == ["w"]


def test_those_stay_that_have_something_to_do() -> None:
    script = with_workers("v", "w", "z")
    script.submit("c", "x")
    assert script.said("v") == ["run x"]
    assert removable(script) == ["w", "z"]
    script.begin("v", "x")
    script.cancel("c", "x")
    assert removable(script) == ["w", "z"]  # nobody wants it, and it goes on
    script.pass_time(3)
    assert removable(script) == ["v", "w", "z"]


def test_homes_of_actors_stay() -> None:
    script = with_workers("v")
    script.submit("c", "x", actor=True)
    script.finish("v", "x")
    script.worker("w")
    script.stored("w", "x")
    assert removable(script) == ["w"]


def test_those_that_leave_do_not_count() -> None:
    script = with_workers("v", "w")
    script.status("v", worker_pb2.WORKER_STATUS_CLOSING)
    assert recommend(script.brain, script.now)[:2] == (0, 1)
    assert removable(script) == ["w"]


def test_those_that_pause_for_want_of_memory_count() -> None:
    script = with_workers("v", "w")
    script.scatter("c", "x", "v", nbytes=int(1.3 * GIB))
    script.status("v", worker_pb2.WORKER_STATUS_PAUSED)
    assert recommend(script.brain, script.now) == (4, 2, [])
