"""A run that goes on though nobody wants its result keeps a thread, and nobody waits for that."""

from __future__ import annotations

from gdistributed.core.scheduler.explaining import explain
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script


def given_up(*others: str, threads: int = 1) -> Script:
    """Worker v has begun x, which nobody wants any more; the others are idle."""
    script = Script()
    script.client("c")
    script.worker("v", threads=threads)
    script.submit("c", "x")
    script.begin("v", "x")
    for name in others:
        script.worker(name)
    script.cancel("c", "x")
    assert script.said("v") == ["run x", "cancel x"]
    script.heard.clear()
    return script


def beat(script: Script, worker: str, abandoned: int) -> None:
    heartbeat = worker_pb2.Heartbeat(
        status=worker_pb2.WORKER_STATUS_RUNNING,
        metrics=worker_pb2.WorkerMetrics(abandoned=abandoned),
    )
    script.say_worker(worker, worker_pb2.FromWorker(heartbeat=heartbeat))


def test_others_go_where_a_thread_is_free() -> None:
    script = given_up("w")
    script.submit("c", "y")
    script.finish("w", "y")
    script.submit("c", "z")
    assert script.said("w") == ["run y", "run z"]
    assert script.said("v") == []
    script.heard.clear()


def test_data_is_no_reason_to_wait_for_it() -> None:
    script = given_up("w")
    script.scatter("c", "data", "v", nbytes=1000)
    script.submit("c", "y=data")
    assert script.said("w") == ["run y with data"]
    script.heard.clear()


def test_one_waits_there_if_nothing_else_is_free() -> None:
    script = given_up()
    script.submit("c", "y z")
    assert script.said("v") == ["run y"]
    assert script.state("z") == "queued"
    explained = explain(script.brain.books, script.brain.books.tasks["y"])
    assert explained.endswith("threads cancelled tasks that go on keep 1; 0 came before it.")
    script.finish("v", "y")
    assert script.said("v")[-1] == "run z"
    script.heard.clear()


def test_what_waits_behind_it_is_taken_by_a_worker_that_has_room() -> None:
    script = given_up()
    script.submit("c", "y")
    assert script.said("v") == ["run y"]
    script.worker("w")
    assert script.said("v") == ["revoke y"]
    script.answer_revoke("v", "y", given_back=True)
    assert script.said("w") == ["run y"]
    script.heard.clear()


def test_a_heartbeat_has_the_last_word_but_for_those_on_their_way() -> None:
    script = given_up("w")
    (v, _) = script.brain.books.workers.values()
    beat(script, "v", abandoned=0)  # may have been made before v heard of it
    assert (v.abandoned, v.threads) == (1, 0)
    script.pass_time(1.0, silent=["v"])
    beat(script, "v", abandoned=1)
    assert (v.abandoned, v.threads) == (1, 0)
    beat(script, "v", abandoned=0)
    assert (v.abandoned, v.threads) == (0, 1)
    beat(script, "v", abandoned=3)  # of runs whose beginning was not announced
    assert (v.abandoned, v.threads) == (3, 0)
    script.heard.clear()


def test_the_other_threads_go_on() -> None:
    script = given_up(threads=2)
    (v,) = script.brain.books.workers.values()
    assert v.threads == 1
    script.submit("c", "a b c d e")
    assert script.said("v") == ["run a", "run b"]  # and not twice as many
    beat(script, "v", abandoned=1)
    script.pass_time(2.0)
    assert v.threads == 2
    assert script.said("v") == ["run c", "run d"]
    script.heard.clear()


def test_a_task_that_had_not_begun_leaves_its_thread_at_once() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x y")
    script.cancel("c", "y")
    (v,) = script.brain.books.workers.values()
    assert (v.abandoned, v.threads) == (0, 1)
    script.heard.clear()
