"""What a restart means for the brain: every task is given up, whoever wanted it."""

from __future__ import annotations

from gdistributed.core.scheduler import orders
from tests.core.scheduler.script import Script


def test_everything_is_forgotten_and_everybody_is_told() -> None:
    script = Script()
    script.client("c")
    script.client("d")
    script.worker("a")
    script.scatter("c", "s", "a")
    script.submit("c", "x y=x z=y", wants=["z"])
    script.submit("d", "bad more=bad", wants=["more"])
    script.finish("a", "x")
    script.fail("a", "bad")
    script.hold("c", "s", holder="dataset:numbers")
    script.heard.clear()

    [worker] = orders.forget_all(script.brain, "restarted", script.now)
    script.listen()

    assert worker.name == "a"
    assert script.brain.books.tasks == {}
    assert list(script.brain.books.clients) == ["c", "d"]
    assert sorted(script.said("c")) == ["cancelled s", "cancelled z"]
    assert script.said("d") == ["cancelled more"]
    assert sorted(script.said("a")) == ["cancel y", "free s", "free x"]
    script.submit("c", "x")
    assert script.said("a") == ["run x"]
    script.close()


def test_a_worker_that_retires_is_left_alone() -> None:
    script = Script()
    script.client("c")
    for name in "ab":
        script.worker(name)
    script.scatter("c", "s", "a")
    orders.retire(script.brain, "a", script.now)
    assert [w.name for w in orders.forget_all(script.brain, "restarted", script.now)] == ["b"]
