"""Workers and data that are lost, and what is done about it."""

from __future__ import annotations

from gdistributed.core.scheduler.states import MEMORY
from gdistributed.v1 import nanny_pb2, worker_pb2
from tests.core.scheduler.script import Script


def two_workers() -> Script:
    script = Script()
    script.client("c")
    script.worker("v")
    script.worker("w")
    script.heard.clear()
    return script


def test_running_tasks_go_elsewhere() -> None:
    script = two_workers()
    script.submit("c", "x")
    first = "v" if script.said("v") else "w"
    other = "w" if first == "v" else "v"
    script.said(first)
    script.worker_dies(first)
    assert script.said(other) == ["run x"]
    script.finish(other, "x")
    assert script.said("c") == ["finished x"]
    script.close()


def test_lost_results_are_computed_again_with_what_they_need() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.submit("c", "x y=x", wants=["y"])
    script.finish("w", "x")
    script.finish("w", "y")
    script.heard.clear()
    script.worker_dies("w")
    assert script.said("c") == ["lost y"]
    assert script.state("x") == "no_worker"
    script.worker("v")
    assert script.said("v") == ["run x"]
    script.finish("v", "x")
    script.finish("v", "y")
    assert script.said("c") == ["finished y"]
    assert script.said("v") == ["run y with x", "free x"]
    script.close()


def test_a_second_replica_saves_the_work() -> None:
    script = two_workers()
    script.submit("c", "x")
    first = "v" if script.said("v") else "w"
    other = "w" if first == "v" else "v"
    script.said(first)
    script.finish(first, "x")
    script.stored(other, "x")
    script.worker_dies(first)
    assert script.state("x") == MEMORY
    assert script.said("c") == ["finished x"]
    script.close()


def test_a_replica_that_nobody_needs_is_freed() -> None:
    script = two_workers()
    script.stored("v", "x")
    assert script.said("v") == ["free x"]
    script.close()


def test_a_task_that_kills_three_workers_errs_and_its_neighbours_do_not() -> None:
    script = Script()
    script.client("c")
    script.submit("c", "poison innocent")
    for name in "abc":
        script.worker(name)
        script.worker_dies(name)
    assert script.said("c") == ["erred poison gdistributed.errors.KilledWorker"]
    error = script.brain.books.tasks["poison"].error
    assert "3 workers" in error.message
    assert "'c'" in error.message
    assert script.brain.books.tasks["innocent"].deaths == ()
    script.worker("d")
    assert script.said("d") == ["run innocent"]
    script.close()


def test_a_goodbye_blames_nobody() -> None:
    script = Script()
    script.client("c")
    script.submit("c", "x")
    for name in "abcd":
        script.worker(name)
        script.worker_leaves(name)
    assert script.brain.books.tasks["x"].deaths == ()
    script.heard.clear()
    script.close()


def test_scattered_data_that_is_lost_errs_with_all_that_needs_it() -> None:
    script = two_workers()
    script.scatter("c", "data", "v")
    script.submit("c", "y=data")
    script.status("v", worker_pb2.WORKER_STATUS_PAUSED)
    script.heard.clear()
    script.worker_dies("v")
    assert script.said("c") == [
        "lost data",
        "erred data gdistributed.errors.DataLost",
        "erred y gdistributed.errors.DataLost",
    ] or script.state("y") in ("processing", "erred")
    assert script.brain.books.tasks["data"].error.missing_keys == ["data"]


def test_scattered_data_is_reported_and_used() -> None:
    script = two_workers()
    script.scatter("c", "data", "v", nbytes=10**9)
    assert script.said("c") == ["finished data"]
    script.submit("c", "y=data")
    assert script.said("v") == ["run y with data"]
    script.close()


def test_scattering_to_workers_that_are_gone_errs() -> None:
    script = two_workers()
    script.scatter("c", "data", "nobody")
    assert script.said("c") == ["erred data gdistributed.errors.DataLost"]
    script.close()


def test_missing_data_is_computed_again_and_the_task_taken_back() -> None:
    script = two_workers()
    script.submit("c", "x")
    first = "v" if script.said("v") else "w"
    other = "w" if first == "v" else "v"
    script.said(first)
    script.finish(first, "x")
    script.status(first, worker_pb2.WORKER_STATUS_PAUSED)
    script.submit("c", "y=x")
    assert script.said(other) == ["run y with x"]
    script.missing(other, "x", first)
    assert script.said(other) == ["cancel y", "run x"]
    script.finish(other, "x")
    assert script.said(other) == ["run y with x"]
    script.finish(other, "y")
    assert script.said("c") == ["finished x", "lost x", "finished x", "finished y"]
    script.close()


def test_data_dropped_by_a_worker_is_computed_again() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.submit("c", "x")
    script.finish("w", "x")
    script.heard.clear()
    script.say_worker("w", worker_pb2.FromWorker(dropped=["x"]))
    assert script.said("c") == ["lost x"]
    assert script.said("w") == ["run x"]
    script.close()


def a_death(script: Script, worker: str) -> None:
    script.worker_dies(worker)
    script.heard.pop(worker, None)


def test_a_suspect_is_run_alone_and_its_worker_gets_nothing_else() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x y z")
    script.said("v")
    a_death(script, "v")
    script.worker("w")
    assert script.said("w") == ["run x"]  # it may be to blame
    script.finish("w", "x")
    assert script.said("w") == ["run y", "run z"]
    script.heard.clear()


def test_a_suspect_waits_until_its_worker_is_empty() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x")
    script.worker("w")
    script.submit("c", "a", workers=["w"])
    script.heard.clear()
    a_death(script, "v")
    assert script.said("w") == []
    assert script.brain.books.workers["w"].reserved_for is not None
    script.finish("w", "a")
    assert script.said("w") == ["run x"]
    script.heard.clear()


def test_a_suspect_that_nobody_wants_any_more_frees_the_worker_it_waited_for() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x")
    script.worker("w")
    script.submit("c", "a", workers=["w"])
    a_death(script, "v")
    script.heard.clear()
    script.submit("c", "y")
    assert script.said("w") == []
    script.release("c", "x")
    script.finish("w", "a")
    assert script.said("w") == ["run y"]
    script.heard.clear()


def test_a_suspect_does_not_wait_for_a_worker_that_is_gone() -> None:
    script = Script()
    script.client("c")
    script.worker("v")
    script.submit("c", "x")
    script.worker("w")
    script.submit("c", "a", workers=["w"])
    a_death(script, "v")
    script.worker("u")
    script.heard.clear()
    script.worker_leaves("w")
    assert "run x" in script.said("u")
    script.heard.clear()


def test_what_a_worker_said_it_has_begun_is_blamed() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.submit("c", "x y")
    script.begin("w", "y")
    a_death(script, "w")
    tasks = script.brain.books.tasks
    assert [len(tasks[key].deaths) for key in "xy"] == [0, 1]
    script.heard.clear()


def test_a_nanny_says_how_its_worker_ended() -> None:
    script = Script()
    script.client("c")
    script.submit("c", "poison")
    for name in "abc":
        script.worker(name)
        exit = nanny_pb2.WorkerExit(
            worker_id=name, signal=9, peak_memory_nbytes=2**27, log_tail=["one", f"two of {name}"]
        )
        script.brain.worker_exited(exit, script.now)
        assert not script.brain.books.workers
    message = script.brain.books.tasks["poison"].error.message
    for name in "abc":
        assert f"{name!r} at {name}:1: its process was ended by signal 9 (SIGKILL)" in message
        assert f"\n    two of {name}" in message
    assert "128 MiB" in message
    script.heard.clear()


def test_a_nanny_may_say_so_after_the_loss() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.submit("c", "x")
    a_death(script, "w")
    script.brain.worker_exited(nanny_pb2.WorkerExit(worker_id="w", exit_code=3), script.now)
    (death,) = script.brain.books.tasks["x"].deaths
    assert death.cause == "its process ended with exit code 3"
    script.heard.clear()


def test_an_end_that_a_nanny_wanted_blames_nobody() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.submit("c", "x")
    script.brain.worker_exited(nanny_pb2.WorkerExit(worker_id="w", cause="lifetime"), 0.0)
    assert script.brain.books.tasks["x"].deaths == ()
    script.heard.clear()
