"""Workers that cannot reach each other: nothing is lost, nobody hangs, and tasks go elsewhere."""

from __future__ import annotations

from gdistributed.core.scheduler import orders
from gdistributed.core.scheduler.explaining import explain
from gdistributed.core.scheduler.states import ERRED, MEMORY, NO_WORKER, PROCESSING, QUEUED, WAITING
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script

PAUSED = worker_pb2.WORKER_STATUS_PAUSED
RUNNING = worker_pb2.WORKER_STATUS_RUNNING


def data_on(holder: str, *others: str) -> Script:
    """A client, workers, and scattered data on the first of them."""
    script = Script()
    script.client("c")
    for name in (holder, *others):
        script.worker(name)
    script.scatter("c", "data", holder, nbytes=1000)
    script.heard.clear()
    return script


def cut(script: Script, reporter: str, holder: str, key: str = "data") -> None:
    script.missing(reporter, key, holder, unreachable=True)


def test_data_of_a_holder_that_one_worker_does_not_reach_is_not_lost() -> None:
    script = data_on("v", "w")
    script.status("v", PAUSED)
    script.submit("c", "x=data")
    script.status("v", RUNNING)
    assert script.said("w") == ["run x with data"]
    cut(script, "w", "v")
    assert script.state("data") == MEMORY
    assert script.said("w") == ["cancel x"]
    assert script.said("v") == ["run x with data"]
    script.finish("v", "x")
    assert script.said("c") == ["finished x"]
    script.close()


def test_another_worker_that_reaches_the_holder_has_the_task() -> None:
    script = data_on("v", "u", "w")
    script.submit("c", "x=data", workers=["u", "w"])
    first = "u" if script.said("u") else "w"
    other = "w" if first == "u" else "u"
    script.said(first)
    cut(script, first, "v")
    assert script.said(first) == ["cancel x"]
    assert script.said(other) == ["run x with data"]
    script.heard.clear()
    script.close()


def test_data_goes_by_way_of_a_third_worker() -> None:
    script = data_on("v", "u", "w")
    script.submit("c", "x=data", workers=["w"])
    cut(script, "w", "v")
    assert script.said("w") == ["run x with data", "cancel x"]
    assert script.said("u") == ["fetch data from v"]
    assert script.state("x") == QUEUED
    assert "gets an answer" in explain(script.brain.books, script.brain.books.tasks["x"])
    script.pass_time(3)
    assert script.said("u") == []  # it is under way
    script.stored("u", "data")
    batch = script.brain.books.tasks["x"]
    assert batch.processing_on.name == "w"
    script.heard.clear()
    script.close()


def test_a_stranded_task_whose_last_worker_goes_waits_for_another_worker() -> None:
    script = data_on("v", "w")
    script.submit("c", "x=data", workers=["w"])
    cut(script, "w", "v")
    assert script.state("x") == QUEUED
    assert script.brain.books.stranded
    script.worker_leaves("w")
    assert script.state("x") == NO_WORKER
    assert not script.brain.books.stranded
    script.heard.clear()
    script.close()


def test_a_result_that_cannot_be_had_is_computed_where_it_can() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x")
    script.finish("v", "x", nbytes=10**6)
    script.worker("w")
    script.submit("c", "y=x", workers=["w"])
    assert script.said("w") == ["run y with x"]
    cut(script, "w", "v", "x")
    assert script.state("y") == WAITING
    script.pass_time(1)
    assert script.said("w") == ["cancel y", "run x"]
    assert script.said("v") == ["run x", "free x"]
    script.finish("w", "x")
    assert script.said("w") == ["run y with x"]
    script.finish("w", "y")
    assert script.said("c") == ["finished x", "lost x", "finished x", "finished y"]
    script.close()


def test_what_a_result_is_made_of_is_computed_again_with_it() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "a b=a")
    script.finish("v", "a", nbytes=10**6)
    script.finish("v", "b", nbytes=10**6)
    script.worker("w")
    script.submit("c", "y=b", workers=["w"])
    cut(script, "w", "v", "b")
    script.heard.clear()
    script.pass_time(1)
    assert script.said("w") == ["run a"]
    script.finish("w", "a")
    assert script.said("w") == ["run b with a"]
    script.finish("w", "b")
    assert script.said("w") == ["run y with b"]
    script.heard.clear()


def test_data_that_nobody_reaches_errs_after_a_few_tries() -> None:
    script = data_on("v", "w")
    script.submit("c", "x=data", workers=["w"])
    for cut_s in (10, 20, 40):
        assert script.state("x") == PROCESSING
        cut(script, "w", "v")
        cut(script, "w", "v")  # the same try
        script.pass_time(cut_s + 2)
    assert script.state("x") == ERRED
    assert script.state("data") == MEMORY
    error = script.brain.books.tasks["x"].error
    assert error.missing_keys == ["data"]
    assert "'v' at v:1" in error.message
    assert "'w' at w:1" in error.message
    script.heard.clear()
    script.close()


def test_a_task_that_needs_data_of_two_workers_does_not_go_to_and_fro_for_ever() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "a", workers=["v"])
    script.finish("v", "a", nbytes=10**6)
    script.worker("w")
    script.submit("c", "b", workers=["w"])
    script.finish("w", "b", nbytes=10**6)
    script.submit("c", "x=a,b")
    for _ in range(8):
        where = script.brain.books.tasks["x"].processing_on
        if where is None:
            break
        script.pass_time(20)  # longer than the first cut is remembered
        other, key = ("w", "b") if where.name == "v" else ("v", "a")
        cut(script, where.name, other, key)
    assert script.state("x") in (QUEUED, WAITING)
    script.heard.clear()
    script.close()


def test_a_short_cut_between_two_workers_harms_nobody() -> None:
    script = data_on("v", "w")
    script.submit("c", "x=data", workers=["w"])
    cut(script, "w", "v")
    assert script.state("x") == QUEUED
    script.pass_time(12)
    assert script.state("x") == PROCESSING
    script.finish("w", "x")
    script.heard.clear()
    script.close()


def test_a_stranded_task_does_not_stand_in_the_way_of_others() -> None:
    script = data_on("v", "w")
    cut(script, "w", "v")
    script.status("v", PAUSED)
    script.status("w", PAUSED)
    script.submit("c", "x=data")
    script.submit("c", "y", workers=["w"])
    script.status("w", RUNNING)
    assert script.state("x") == QUEUED
    assert script.said("w") == ["run y"]
    script.heard.clear()
    script.close()


def test_a_stranded_task_may_be_cancelled() -> None:
    script = data_on("v", "w")
    script.submit("c", "x=data", workers=["w"])
    cut(script, "w", "v")
    script.cancel("c", "x")
    assert script.brain.books.stranded == {}
    script.heard.clear()
    script.close()


def test_a_stranded_task_is_run_by_a_worker_that_comes() -> None:
    script = data_on("v", "w")
    script.submit("c", "x=data", workers=["w", "u"])
    cut(script, "w", "v")
    script.said("w")
    script.worker("u")
    script.pass_time(2)
    assert script.said("u") == ["run x with data"]
    script.heard.clear()
    script.close()


def test_a_stranded_task_errs_with_the_data_when_the_holder_dies() -> None:
    script = data_on("v", "w")
    script.submit("c", "x=data", workers=["w"])
    cut(script, "w", "v")
    script.worker_dies("v")
    assert script.state("x") == ERRED
    script.heard.clear()
    script.close()


def test_holders_that_do_not_answer_are_not_named_again() -> None:
    script = data_on("v", "u", "w")
    orders.replicate(script.brain, ["data"], 2, (), script.now)
    script.listen()
    copier = "u" if script.said("u") else "w"
    other = "w" if copier == "u" else "u"
    script.stored(copier, "data")
    script.submit("c", "x=data", workers=[other])
    cut(script, other, "v")
    assert script.state("x") == PROCESSING  # again, with the other holder alone
    script.heard.clear()
    script.close()


def test_cuts_end_with_their_workers_and_with_time() -> None:
    script = data_on("v", "u", "w")
    cut(script, "w", "v")
    cut(script, "u", "v")
    assert len(script.brain.cuts) == 2
    script.worker_dies("u")
    assert len(script.brain.cuts) == 1
    script.pass_time(200)
    assert script.brain.cuts == {}
    script.heard.clear()
    script.close()


def test_a_worker_that_cannot_get_the_data_steals_no_task() -> None:
    script = data_on("v", "w")
    cut(script, "w", "v")
    script.submit("c", "a=data b=data d=data e=data")
    script.finish("v", "a", seconds=5.0)
    assert all(not word.startswith("revoke") for word in script.said("v"))
    assert script.said("w") == []
    script.heard.clear()
    script.close()


def test_a_task_that_asks_is_run_elsewhere() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.worker("w")
    script.submit("c", "x", retries=0)
    first = "v" if script.said("v") else "w"
    other = "w" if first == "v" else "v"
    script.said(first)
    script.reschedule(first, "x")
    assert script.said(other) == ["run x"]
    script.reschedule(other, "x")
    assert script.said(first) == ["run x"]
    assert script.brain.books.avoided == {}
    assert script.brain.books.tasks["x"].failures == 0
    script.heard.clear()
    script.close()


def test_a_task_that_asks_is_run_again_where_there_is_no_other_worker() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.worker("v")
    script.status("v", PAUSED)
    script.submit("c", "x")
    assert script.said("w") == ["run x"]
    script.reschedule("w", "x")
    assert script.said("w") == ["run x"]
    script.heard.clear()
    script.close()


def test_a_task_that_asks_and_is_cancelled_is_forgotten() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.submit("c", "hog")
    script.submit("c", "x")
    script.worker_leaves("w")
    script.brain.books.avoided[script.brain.books.tasks["x"]] = None
    script.cancel("c", "x")
    assert script.brain.books.avoided == {}
    script.heard.clear()
    script.close()


def test_a_result_is_not_computed_again_where_it_cannot_be_had_either() -> None:
    script = Script()
    script.client("c")
    script.worker("u")
    script.worker("v")
    script.submit("c", "x", workers=["u", "v"])
    script.finish("u", "x", nbytes=10**6)
    script.worker("w")
    script.submit("c", "y=x", workers=["w"])
    cut(script, "w", "v", "x")
    cut(script, "w", "u", "x")
    script.heard.clear()
    script.pass_time(5)
    assert script.said("u") == []
    assert script.said("v") == []
    script.pass_time(10)  # the cut is over
    assert script.said("w") == ["run y with x"]
    script.heard.clear()


def test_what_is_asked_again_before_a_cut_is_over_is_the_same_try() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x")
    script.finish("v", "x")
    script.worker("w")
    script.missing("w", "x", "v", unreachable=True)
    ((_, first),) = script.brain.cuts.items()
    script.pass_time(first.until - script.now - 1.0)
    script.missing("w", "x", "v", unreachable=True)
    ((_, same),) = script.brain.cuts.items()
    assert (same.until, same.tries) == (first.until, 1)
    script.pass_time(2.0)
    script.missing("w", "x", "v", unreachable=True)
    ((_, second),) = script.brain.cuts.items()
    assert second.tries == 2
    script.heard.clear()


def test_a_copy_on_its_way_to_a_worker_that_does_not_get_it_either_is_no_help() -> None:
    script = data_on("v", "u", "w")
    script.submit("c", "x=data", workers=["w"])
    books = script.brain.books
    for _ in range(3):
        cut(script, "u", "v")
        books.copying[books.tasks["data"]] = {books.workers["u"]: None}
        cut(script, "w", "v")
        script.pass_time(max(each.until for each in script.brain.cuts.values()) - script.now)
    assert script.state("x") == ERRED
    script.heard.clear()
