"""Actors: their tasks err when their home is lost, and their results are copied nowhere."""

from __future__ import annotations

import pytest

from gdistributed.core.scheduler import orders
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script

LOST = "gdistributed.errors.ActorLost"


def with_actor(copies: str = "") -> Script:
    """An actor x on v, with copies of its reference on other workers."""
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x", actor=True)
    script.finish("v", "x")
    for name in copies:
        script.worker(name)
        script.stored(name, "x")
    script.heard.clear()
    return script


def reason(script: Script, key: str) -> str:
    error = script.brain.books.tasks[key].error
    assert error is not None
    return error.reason


@pytest.mark.parametrize("copies", ["", "w", "wz"])
def test_it_errs_when_its_home_dies_whoever_has_a_copy(copies: str) -> None:
    script = with_actor(copies)
    script.worker_dies("v")
    assert script.said("c") == ["lost x", f"erred x {LOST}"]
    assert reason(script, "x") == "ACTOR_LOST"
    for name in copies:
        assert script.said(name) == ["free x"]
    script.close()


def test_the_death_of_another_holder_changes_nothing() -> None:
    script = with_actor("w")
    script.worker_dies("w")
    assert script.state("x") == "memory"
    script.worker_leaves("v")
    assert script.said("c") == ["lost x", f"erred x {LOST}"]
    script.close()


def test_what_depends_on_it_errs_with_it() -> None:
    script = with_actor()
    script.submit("c", "y=x")
    assert script.said("v") == ["run y with x"]
    script.worker_dies("v")
    assert script.said("c") == ["lost x", f"erred x {LOST}", f"erred y {LOST}"]
    assert reason(script, "y") == "ACTOR_LOST"
    script.close()


def test_a_constructor_that_is_interrupted_is_run_again() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x", actor=True)
    assert script.said("v") == ["run x"]
    script.worker_dies("v")
    script.worker("w")
    assert script.said("w") == ["run x"]
    script.finish("w", "x")
    assert script.said("c") == ["finished x"]
    script.close()


def test_a_retry_makes_a_new_one() -> None:
    script = with_actor("w")
    script.worker_dies("v")
    script.heard.clear()
    script.retry("c", "x")
    assert script.said("w") == ["run x"]
    script.finish("w", "x")
    assert script.said("c") == ["finished x"]
    script.close()


def test_one_that_nobody_wants_is_no_loss() -> None:
    script = with_actor()
    script.release("c", "x")
    assert script.said("v") == ["free x"]
    script.worker_dies("v")
    assert script.state("x") == "forgotten"
    script.close()


def test_it_is_copied_nowhere_and_leaves_with_its_worker() -> None:
    script = with_actor()
    script.worker("w")
    assert orders.replicate(script.brain, ["x"], 2, "", script.now) == []
    assert orders.rebalance(script.brain, ["x"], "", script.now) == []
    orders.retire(script.brain, "v", script.now)
    script.listen()
    assert script.said("v") == ["goodbye retired"]
    script.worker_leaves("v")
    assert script.said("c") == ["lost x", f"erred x {LOST}"]
    script.close()


def test_a_home_that_says_it_has_it_no_longer() -> None:
    script = with_actor("w")
    script.say_worker("v", worker_pb2.FromWorker(dropped=["x"]))
    assert script.said("c") == ["lost x", f"erred x {LOST}"]
    assert script.said("w") == ["free x"]
    script.close()
