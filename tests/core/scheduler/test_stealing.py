"""Workers that run dry get what others were handed and have not begun."""

from __future__ import annotations

from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script


def loaded_and_dry(**options: object) -> Script:
    """Worker v has two long tasks that it alone was there for; then w joins."""
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x y", **options)
    script.worker("w")
    return script


def test_a_task_that_was_not_begun_is_taken_back_and_begun_where_there_is_room() -> None:
    script = loaded_and_dry()
    assert script.said("v") == ["run x", "run y", "revoke y"]
    script.answer_revoke("v", "y", given_back=True)
    assert script.said("w") == ["run y"]
    script.finish("v", "x")
    script.finish("w", "y")
    assert sorted(script.said("c")) == ["finished x", "finished y"]
    script.heard.clear()


def test_a_task_that_has_begun_stays_and_is_not_asked_for_again() -> None:
    script = loaded_and_dry()
    script.said("v")
    script.answer_revoke("v", "y", given_back=False)
    script.status("w", worker_pb2.WORKER_STATUS_RUNNING)
    assert script.said("v") == []
    script.finish("v", "x")
    script.finish("v", "y")
    script.heard.clear()


def test_a_task_is_asked_for_once() -> None:
    script = loaded_and_dry()
    script.said("v")
    script.status("w", worker_pb2.WORKER_STATUS_RUNNING)
    assert script.said("v") == []
    script.heard.clear()


def test_a_task_whose_report_crosses_the_question_is_done() -> None:
    script = loaded_and_dry()
    script.finish("v", "x")
    script.finish("v", "y")
    script.answer_revoke("v", "y", given_back=False)
    assert sorted(script.said("c")) == ["finished x", "finished y"]
    assert list(script.brain.books.dry)
    script.heard.clear()


def test_the_worker_for_which_it_was_taken_may_be_gone() -> None:
    script = loaded_and_dry()
    script.worker_leaves("w")
    script.answer_revoke("v", "y", given_back=True)
    assert script.said("v")[-1] == "run y"
    script.heard.clear()


def test_the_worker_that_has_it_may_be_gone() -> None:
    script = loaded_and_dry()
    script.worker_leaves("v")
    assert script.said("w") == ["run x", "run y"]
    script.heard.clear()


def test_what_would_not_begin_earlier_elsewhere_is_left_alone() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.scatter("c", "big", "v", nbytes=10**10)
    script.submit("c", "x=big y=big")
    script.worker("w")
    assert script.said("v") == ["run x with big", "run y with big"]
    script.heard.clear()


def test_a_worker_that_may_not_run_it_gets_nothing() -> None:
    script = loaded_and_dry(workers=["v"])
    assert script.said("v") == ["run x", "run y"]
    script.heard.clear()


def test_a_worker_without_a_stream_is_not_asked() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x y")
    script.said("v")
    script.worker_breaks("v")
    script.worker("w")
    script.worker_resumes("v")
    assert script.said("v") == ["revoke y"]
    script.heard.clear()


def test_tasks_behind_one_that_takes_much_longer_than_expected_are_taken_back() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "a")
    script.finish("v", "a", seconds=0.0001)
    script.submit("c", "x y")
    script.worker("w")
    script.said("v")
    script.pass_time(1.0)
    assert script.said("v") == ["revoke y"]
    script.heard.clear()


def test_resources_are_booked_where_it_goes() -> None:
    script = Script()
    script.client("c")
    script.worker("v", resources={"GPU": 2.0})
    script.submit("c", "x y", resources={"GPU": 1.0})
    script.worker("w", resources={"GPU": 1.0})
    script.answer_revoke("v", "y", given_back=True)
    workers = script.brain.books.workers
    assert [workers[name].resources_used for name in "vw"] == [{"GPU": 1.0}, {"GPU": 1.0}]
    script.heard.clear()
