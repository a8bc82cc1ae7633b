"""Runs that leave their threads to others, and runs that ask to be made elsewhere."""

from __future__ import annotations

from gdistributed.v1 import worker_pb2
from tests.core.worker.script import Script


def secede(script: Script, key: str, attempt: int = 1, *, rejoins: bool = False) -> None:
    script.brain.run_seceded(key, attempt, now=0, rejoins=rejoins)


def test_another_run_begins_in_the_place_of_one_that_seceded() -> None:
    with Script() as script:
        script.run("parent")
        script.run("child")
        assert script.began() == ["parent"]
        secede(script, "parent")
        assert script.began() == ["child"]
        assert script.said() == {"started": ["parent", "child"], "seceded": ["parent"]}
        script.finish("child")
        script.finish("parent")
        script.said()


def test_nothing_begins_beside_one_that_rejoins() -> None:
    with Script() as script:
        script.run("parent")
        script.run("a")
        script.run("b")
        secede(script, "parent")
        assert script.began() == ["parent", "a"]
        secede(script, "parent", rejoins=True)
        script.finish("a")
        assert script.began() == []  # the thread is the parent's
        script.finish("parent")
        assert script.began() == ["b"]
        script.said()


def test_leaving_twice_counts_once() -> None:
    with Script() as script:
        script.run("x")
        secede(script, "x")
        secede(script, "x")
        assert script.mail().seceded[0].rejoined is False
        secede(script, "x", rejoins=True)
        secede(script, "x", rejoins=True)
        assert [each.rejoined for each in script.mail().seceded] == [True]
        script.began()


def test_a_run_that_is_over_cannot_secede() -> None:
    with Script() as script:
        script.run("x")
        script.began()
        script.finish("x")
        script.said()
        secede(script, "x")


def test_a_cancelled_run_that_secedes_frees_its_thread_without_a_word() -> None:
    with Script() as script:
        script.run("x")
        script.began()
        script.cancel("x")
        script.run("y")
        script.said()
        secede(script, "x")
        assert script.began() == ["y"]
        assert script.said() == {"started": ["y"]}
        script.finish("x")


def test_a_new_session_is_told_who_holds_no_thread() -> None:
    with Script() as script:
        script.run("x")
        script.began()
        secede(script, "x")
        script.brain.session_began([], now=0, same_scheduler=True)
        mail = script.mail()
        assert [run.key for run in mail.inventory.running] == ["x"]
        assert [(each.key, each.rejoined) for each in mail.seceded] == [("x", False)]


def test_a_run_that_asks_for_another_place_is_over_here() -> None:
    with Script() as script:
        script.run("x")
        script.began()
        script.said()
        name = worker_pb2.TaskAttempt(key="x", attempt=1)
        script.brain.tasks_ended([], [], now=0, rescheduled=[name])
        assert script.said() == {"rescheduled": ["x"]}
        assert script.brain.runs == {}
