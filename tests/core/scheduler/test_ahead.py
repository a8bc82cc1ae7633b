"""A task follows the one that it needs to a worker before that is done."""

from __future__ import annotations

import pytest

from gdistributed.core.scheduler.ahead import CALLED_BACK
from gdistributed.core.scheduler.explaining import explain
from gdistributed.settings import OWN_RESULTS, SchedulerSettings
from gdistributed.v1 import server_pb2, worker_pb2
from tests.core.scheduler.script import Script

WAITS = server_pb2.Software(protocol_major=1, capabilities=[OWN_RESULTS])
SHORT_S = 0.001


def learned(*workers: str, seconds: float = SHORT_S, **settings: float) -> Script:
    """A cluster that knows how long a task takes. All workers but the first come after that."""
    script = Script(SchedulerSettings(**settings))  # type: ignore[arg-type]
    script.client("c")
    script.worker(workers[0], software=WAITS)
    script.submit("c", "old")
    script.finish(workers[0], "old", seconds=seconds)
    script.release("c", "old")
    for worker in workers[1:]:
        script.worker(worker, software=WAITS)
    script.heard.clear()
    return script


def test_a_chain_is_handed_out_as_a_whole() -> None:
    script = learned("w")
    script.submit("c", "x y=x z=y", wants=["z"])
    assert script.said("w") == ["run x", "run y with x~", "run z with y~"]
    script.finish("w", "x", "y", "z")
    assert script.said("c") == ["finished z"]
    assert sorted(script.said("w")) == ["free x", "free y"]
    script.close()


def test_what_it_waits_for_is_explained() -> None:
    script = learned("w")
    script.submit("c", "x y=x", wants=["y"])
    books = script.brain.books
    assert explain(books, books.tasks["y"]) == (
        "It was handed to worker 'w' at w:1, and waits for what is computed there: "
        "'x' (processing)."
    )
    script.heard.clear()


def test_what_comes_later_follows_as_well() -> None:
    script = learned("w")
    script.submit("c", "x")
    script.submit("c", "y=x")
    assert script.said("w") == ["run x", "run y with x~"]
    script.finish("w", "x")
    script.submit("c", "z=x")  # it is there: nothing to wait for
    assert script.said("w") == ["run z with x"]
    script.heard.clear()


def test_what_needs_two_results_of_one_worker_follows_both() -> None:
    script = learned("w")
    script.submit("c", "x y both=x,y", wants=["both"])
    assert script.said("w") == ["run x", "run y", "run both with x~,y~"]
    script.finish("w", "y")
    script.finish("w", "x", "both")
    assert script.said("c") == ["finished both"]
    script.heard.clear()


def test_what_needs_results_of_two_workers_waits() -> None:
    script = learned("v", "w")
    script.submit("c", "x y both=x,y")
    assert [script.said("v"), script.said("w")] == [["run x"], ["run y"]]
    assert script.state("both") == "waiting"
    script.finish("v", "x")
    assert script.state("both") == "waiting"
    script.finish("w", "y")
    assert script.state("both") == "processing"
    script.heard.clear()


def test_of_many_that_need_one_result_none_follows() -> None:
    script = learned("w")
    script.submit("c", "x y=x z=x")
    assert script.said("w") == ["run x"]
    script.heard.clear()


@pytest.mark.parametrize("seconds", [0.0, 0.02])
def test_what_takes_long_or_who_knows_how_long_is_not_followed(seconds: float) -> None:
    script = learned("w", seconds=seconds) if seconds else Script()
    if not seconds:
        script.client("c")
        script.worker("w", software=WAITS)
    script.submit("c", "x y=x")
    assert script.said("w") == ["run x"]
    script.heard.clear()


def test_it_can_be_switched_off() -> None:
    script = learned("w", follow_s=0.0)
    script.submit("c", "x y=x")
    assert script.said("w") == ["run x"]
    script.heard.clear()


def test_a_worker_that_does_not_know_how_to_wait_is_not_asked_to() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.submit("c", "old")
    script.finish("w", "old", seconds=SHORT_S)
    script.submit("c", "x y=x")
    assert script.said("w") == ["run old", "run x"]
    script.heard.clear()


@pytest.mark.parametrize(
    "options", [{"workers": ["other"]}, {"resources": {"GPU": 1.0}}, {"actor": True}]
)
def test_what_may_not_run_there_does_not_follow(options: dict) -> None:
    script = learned("w")
    script.worker("other", resources={"GPU": 1.0}, software=WAITS)
    script.submit("c", "x", workers=["w"])
    script.submit("c", "y=x", **options)
    assert script.said("w") == ["run x"]
    assert script.state("y") == "waiting"
    script.heard.clear()


def test_half_of_the_room_is_left_to_others() -> None:
    script = learned("w", prefetch_s=0.01)
    script.submit("c", "x0 " + " ".join(f"x{n}=x{n - 1}" for n in range(1, 20)), wants=["x19"])
    assert len(script.said("w")) == 5  # of a millisecond each
    script.submit("c", "other")
    assert script.said("w") == ["run other"]
    script.finish("w", "x0", "x1", "x2", "other", seconds=SHORT_S)
    assert [word for word in script.said("w") if word.startswith("run")] == [
        f"run x{n} with x{n - 1}~" for n in (5, 6, 7)
    ]
    script.heard.clear()


def test_what_follows_a_task_that_fails_is_called_off() -> None:
    script = learned("w")
    script.submit("c", "x y=x z=y")
    script.said("w")
    script.fail("w", "x")
    assert script.said("w") == ["cancel y", "cancel z"]
    assert script.said("c") == [f"erred {key} ValueError" for key in "xyz"]
    script.close()


def test_what_follows_a_task_that_is_tried_again_is_called_back_and_follows_again() -> None:
    script = learned("w")
    script.submit("c", "x y=x z=y", retries=1)
    script.said("w")
    script.fail("w", "x")
    words = script.said("w")
    assert [word for word in words if word.startswith("cancel")] == ["cancel y", "cancel z"]
    assert [word for word in words if word.startswith("run")] == [
        "run x",
        "run y with x~",
        "run z with y~",
    ]
    assert CALLED_BACK in [event.target for event in script.brain.events.of("y")]
    script.finish("w", "x", "y", "z")
    assert script.said("c") == ["finished x", "finished y", "finished z"]
    script.close()


def test_a_task_that_is_given_back_calls_back_what_followed_it() -> None:
    script = learned("v", prefetch_s=1.0)
    script.submit("c", "x y=x")
    script.status("v", worker_pb2.WORKER_STATUS_PAUSED)
    script.worker("w", software=WAITS)
    script.status("v", worker_pb2.WORKER_STATUS_PAUSED)
    script.heard.clear()
    run = script.attempts["v", "x"]
    answer = worker_pb2.RevokeAnswer(key="x", attempt=run, given_back=True)
    script.say_worker("v", worker_pb2.FromWorker(revoked=[answer]))
    assert script.said("v") == ["cancel y"]
    assert script.said("w") == ["run x", "run y with x~"]
    script.heard.clear()


def test_a_task_that_leaves_its_thread_may_stay_long() -> None:
    script = learned("w")
    script.submit("c", "x y=x")
    script.said("w")
    script.secede("w", "x")
    assert script.said("w") == ["cancel y"]
    script.finish("w", "x")
    assert script.said("w") == ["run y with x"]
    script.heard.clear()


def test_only_what_could_execute_is_blamed_for_the_death_of_a_worker() -> None:
    script = learned("v")
    script.submit("c", "x y=x")
    script.worker("w", threads=2, software=WAITS)
    script.worker_dies("v")
    tasks = script.brain.books.tasks
    assert (len(tasks["x"].deaths), len(tasks["y"].deaths)) == (1, 0)
    assert script.said("w") == ["run x"]  # alone
    script.finish("w", "x", seconds=SHORT_S)
    assert script.said("w") == ["run y with x"]
    script.heard.clear()


def test_what_nobody_wants_any_more_is_called_off() -> None:
    script = learned("w")
    script.submit("c", "x y=x z=y", wants=["z"])
    script.said("w")
    script.release("c", "z")
    assert sorted(script.said("w")) == ["cancel x", "cancel y", "cancel z"]
    script.close()


def test_what_waits_is_not_stolen() -> None:
    script = learned("v", steal_gain_s=0.0)
    script.submit("c", "x y=x z=y")
    script.said("v")
    script.worker("w", software=WAITS)
    script.now += 1.0
    script.status("w", worker_pb2.WORKER_STATUS_RUNNING)
    assert script.said("v") == ["revoke x"]
    script.answer_revoke("v", "x", given_back=False)
    script.status("w", worker_pb2.WORKER_STATUS_RUNNING)
    assert script.said("v") == []  # the others have to wait for it
    script.heard.clear()
