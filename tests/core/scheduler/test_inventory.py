"""Workers that come back after their session is gone, with what is left of it."""

from __future__ import annotations

import pytest

from gdistributed.core.scheduler.states import MEMORY, PROCESSING, WAITING
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script


@pytest.fixture
def script() -> Script:
    script = Script()
    script.client("c")
    script.worker("w")
    script.said("c")
    return script


def lose(script: Script, worker: str) -> None:
    """A worker is cut off for longer than the grace, and does not know it."""
    script.worker_breaks(worker)
    script.pass_time(16.0)
    assert worker not in script.brain.books.workers


def last_news(script: Script) -> list[str]:
    return [word for word in script.said("c") if not word.startswith("workers")]


def test_a_value_that_is_still_needed_is_adopted(script: Script) -> None:
    script.submit("c", "x y=x", wants=["y"])
    script.finish("w", "x")
    lose(script, "w")
    assert script.state("x") == "no_worker"
    script.worker_returns("w", held=["x"])
    assert script.state("x") == MEMORY
    assert script.said("w")[-1] == "run y with x"


def test_a_result_that_nobody_heard_of_is_adopted(script: Script) -> None:
    script.submit("c", "x")
    lose(script, "w")
    script.worker_returns("w", finished=["x"])
    assert last_news(script) == ["finished x"]


def test_a_result_beats_a_second_run_that_has_not_ended(script: Script) -> None:
    script.submit("c", "x")
    script.worker("v")
    lose(script, "w")
    assert script.said("v") == ["run x"]
    script.worker_returns("w", finished=["x"])
    assert script.said("v") == ["cancel x"]
    assert last_news(script) == ["finished x"]
    script.finish("v", "x")
    assert script.said("v") == ["free x"]


def test_a_run_that_nobody_has_begun_elsewhere_goes_on(script: Script) -> None:
    script.submit("c", "x")
    attempt = script.brain.books.tasks["x"].attempt
    lose(script, "w")
    script.worker_returns("w", running=["x"])
    assert script.state("x") == PROCESSING
    assert script.brain.books.tasks["x"].attempt == attempt
    assert script.said("w")[1:] == []
    script.finish("w", "x")
    assert last_news(script) == ["finished x"]


def test_a_run_that_goes_on_elsewhere_is_cancelled(script: Script) -> None:
    script.submit("c", "x")
    script.worker("v")
    lose(script, "w")
    script.heard.clear()
    script.worker_returns("w", running=["x"])
    assert script.said("w") == ["cancel x"]
    script.finish("w", "x", attempt=script.attempts["w", "x"])
    assert script.state("x") == PROCESSING
    assert script.said("w") == ["free x"]
    script.heard.clear()


def test_what_nobody_needs_is_dropped(script: Script) -> None:
    script.submit("c", "x")
    script.finish("w", "x")
    lose(script, "w")
    script.release("c", "x")
    script.heard.clear()
    script.worker_returns("w", held=["x", "never heard of"])
    assert script.said("w") == ["drop x", "drop never heard of"]


def test_a_value_of_an_earlier_task_of_that_name_is_dropped(script: Script) -> None:
    script.submit("c", "x")
    script.finish("w", "x")
    lose(script, "w")
    script.release("c", "x")
    script.worker("v")
    script.submit("c", "x")
    script.heard.clear()
    script.worker_returns("w", held=["x"])
    assert script.said("w") == ["drop x"]
    assert script.state("x") == PROCESSING
    script.heard.clear()


def test_a_worker_is_no_candidate_until_its_inventory_has_come(script: Script) -> None:
    lose(script, "w")
    script.worker("w", epoch=1)
    script.submit("c", "x")
    script.heard.clear()
    assert not script.brain.books.workers["w"].takes_tasks
    script.say_worker("w", inventory_of_nothing())
    assert script.said("w") == ["run x"]


def inventory_of_nothing() -> worker_pb2.FromWorker:
    return worker_pb2.FromWorker(inventory=worker_pb2.Inventory(last=True))


def test_what_the_scheduler_believed_to_be_there_and_is_not_is_let_go(script: Script) -> None:
    """The session is gone, but the grace is not over."""
    script.submit("c", "x y z=x", wants=["y", "z"])
    script.finish("w", "x")
    assert script.said("w") == ["run x", "run y", "run z with x"]
    script.worker_breaks("w")
    script.worker_returns("w", running=["z"])
    assert script.state("x") == PROCESSING  # lost, and computed again
    assert script.state("y") == PROCESSING
    assert script.state("z") in (WAITING, PROCESSING)
    assert sorted(script.said("w")) == ["run x", "run y"]
    script.heard.clear()
