"""Tasks that leave their threads to others, and tasks that ask to be run again."""

from __future__ import annotations

from gdistributed.core.scheduler import orders
from gdistributed.core.scheduler.explaining import explain
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script


def one_worker(**hello: object) -> Script:
    script = Script()
    script.client("c")
    script.worker("w", **hello)
    script.heard.clear()
    return script


def test_a_seceded_task_takes_no_room() -> None:
    script = one_worker(resources={"GPU": 1.0})
    script.submit("c", "x y", resources={"GPU": 1.0})
    assert script.said("w") == ["run x"]
    script.secede("w", "x")
    assert script.said("w") == ["run y"]
    worker = script.brain.books.workers["w"]
    assert worker.resources_used == {"GPU": 1.0}
    assert [task.key for task in worker.processing] == ["y"]
    script.finish("w", "y")
    script.finish("w", "x")
    assert worker.occupancy_ns == 0
    assert script.said("c") == ["finished y", "finished x"]
    script.close()


def test_a_task_that_rejoins_takes_its_room_again() -> None:
    script = one_worker(resources={"GPU": 1.0})
    script.submit("c", "x y z", resources={"GPU": 1.0})
    script.secede("w", "x")
    script.secede("w", "x", rejoined=True)
    assert script.said("w") == ["run x", "run y"]
    assert script.brain.books.workers["w"].resources_used == {"GPU": 2.0}
    script.finish("w", "y")
    assert script.said("w") == []  # z has to wait until x is done
    script.finish("w", "x")
    assert script.said("w") == ["run z"]
    script.said("c")
    script.close()


def test_leaving_and_coming_back_in_one_message_is_taken_in_order() -> None:
    script = one_worker()
    script.submit("c", "x")
    attempt = script.attempts["w", "x"]
    batch = worker_pb2.FromWorker()
    for rejoined in (False, True, False):
        batch.seceded.add(key="x", attempt=attempt, rejoined=rejoined)
    script.say_worker("w", batch)
    worker = script.brain.books.workers["w"]
    assert [task.key for task in worker.seceded] == ["x"]
    script.heard.clear()
    script.close()


def test_a_seceded_task_goes_elsewhere_when_its_worker_dies_and_is_not_blamed() -> None:
    script = one_worker()
    script.submit("c", "parent")
    script.secede("w", "parent")
    script.submit("c", "child")
    script.worker("v")
    script.worker_dies("w")
    tasks = script.brain.books.tasks
    assert tasks["parent"].deaths == ()
    assert len(tasks["child"].deaths) == 1
    assert script.said("v") == ["run parent"]
    script.secede("v", "parent")
    assert script.said("v") == ["run child"]
    script.finish("v", "child")
    script.finish("v", "parent")
    script.heard.clear()
    script.close()


def test_a_task_that_kills_its_worker_after_it_seceded_is_blamed() -> None:
    script = Script()
    script.client("c")
    script.submit("c", "poison")
    for name in "abc":
        script.worker(name)
        script.secede(name, "poison")
        script.worker_dies(name)
    assert script.said("c") == ["erred poison gdistributed.errors.KilledWorker"]
    script.close()


def test_a_suspect_that_secedes_lets_others_in() -> None:
    script = one_worker()
    script.submit("c", "parent")
    script.worker_dies("w")
    script.worker("v")
    assert script.said("v") == ["run parent"]
    script.submit("c", "child")
    assert script.said("v") == []  # parent is to be alone
    script.secede("v", "parent")
    assert script.said("v") == ["run child"]
    script.heard.clear()
    script.close()


def test_a_worker_that_retires_waits_for_what_has_seceded() -> None:
    script = one_worker()
    script.worker("v")
    script.submit("c", "x")
    where = "w" if script.said("w") else "v"
    script.said("v")
    script.secede(where, "x")
    orders.retire(script.brain, [where], script.now)
    script.listen()
    assert script.said(where) == []
    script.finish(where, "x")
    assert script.heard.pop("w" if where == "v" else "v") == [f"fetch x from {where}"]
    script.heard.clear()
    script.close()


def test_explain_says_that_a_task_has_seceded() -> None:
    script = one_worker()
    script.submit("c", "x")
    script.secede("w", "x")
    assert "left its thread" in explain(script.brain.books, script.brain.books.tasks["x"])
    script.heard.clear()
    script.close()


def test_what_a_waiting_task_took_teaches_nothing_about_its_kind() -> None:
    script = one_worker()
    script.submit("c", "x")
    script.secede("w", "x")
    script.finish("w", "x", seconds=1000)
    assert script.brain.books.prefixes["f"].duration_ns == 0
    script.heard.clear()
    script.close()
