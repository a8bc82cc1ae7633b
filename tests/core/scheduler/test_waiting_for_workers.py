"""Restrictions: who may run a task, who is asked first, and tasks that nobody may run."""

from __future__ import annotations

import pytest

from gdistributed.core.scheduler.explaining import explain
from gdistributed.core.scheduler.states import ERRED, NO_WORKER, PROCESSING
from gdistributed.settings import SchedulerSettings
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script


def script_with(*workers: str, **settings: object) -> Script:
    script = Script(SchedulerSettings(**settings))  # type: ignore[arg-type]
    script.client("c")
    for name in workers:
        script.worker(name, host=f"host-{name}")
    script.heard.clear()
    return script


@pytest.mark.parametrize("word", ["b", "b:1", "host-b"])
def test_a_task_runs_where_it_must_by_name_address_or_host(word: str) -> None:
    script = script_with("a", "b")
    script.submit("c", "x y z", workers=[word])
    assert script.said("a") == []
    assert script.said("b") == ["run x", "run y"]
    script.heard.clear()


def test_a_preference_is_asked_first_and_is_no_restriction() -> None:
    script = script_with("a", "b")
    script.submit("c", "x y z", workers=["b"], allow_other_workers=True)
    assert script.said("b") == ["run x", "run y"]
    assert script.said("a") == ["run z"]
    script.heard.clear()


def test_a_preference_for_nobody_who_is_here_does_not_matter() -> None:
    script = script_with("a")
    script.submit("c", "x", workers=["zoe"], allow_other_workers=True)
    assert script.said("a") == ["run x"]
    script.heard.clear()


def test_a_task_that_nobody_may_run_says_so_at_once_and_once_for_its_kind() -> None:
    script = script_with("a")
    script.submit("c", "x y", resources={"GPU": 1.0})
    assert script.state("x") == NO_WORKER
    ((key, text),) = script.brain.warnings
    assert key == "x"
    assert "none of the 1 workers may run it" in text
    assert "1 of the resource 'GPU'" in text
    script.worker("b", resources={"GPU": 2.0})
    assert script.said("b") == ["run x", "run y"]
    script.heard.clear()


def test_a_cluster_without_workers_is_no_reason_to_warn() -> None:
    script = script_with()
    script.submit("c", "x")
    assert script.state("x") == NO_WORKER
    assert script.brain.warnings == []
    assert "no workers" in explain(script.brain.books, script.brain.books.tasks["x"])
    script.heard.clear()


def test_a_task_errs_when_no_worker_came_in_time() -> None:
    script = script_with("a", no_worker_timeout_s=60.0)
    script.submit("c", "x y=x", resources={"GPU": 1.0}, wants=["y"])
    script.pass_time(59.0)
    assert script.state("x") == NO_WORKER
    script.pass_time(2.0)
    assert script.state("y") == ERRED
    assert script.said("c") == ["erred y gdistributed.errors.NoWorker"]
    error = script.brain.books.tasks["y"].error
    assert error.reason == "NO_WORKER"
    assert "1 of the resource 'GPU'" in error.message
    script.heard.clear()


def test_the_time_begins_anew_when_a_worker_came_meanwhile() -> None:
    script = script_with("a", no_worker_timeout_s=60.0)
    script.submit("c", "x", resources={"GPU": 1.0})
    script.pass_time(30.0)
    script.worker("b", resources={"GPU": 1.0})
    assert script.state("x") == PROCESSING
    script.worker_leaves("b")
    script.pass_time(40.0)
    assert script.state("x") == NO_WORKER
    script.pass_time(21.0)
    assert script.state("x") == ERRED
    script.heard.clear()


def test_a_runtime_that_nobody_has_any_more() -> None:
    script = script_with("a")
    script.worker("go", runtimes=[worker_pb2.RuntimeOffer(runtime="go", any_name=True)])
    script.submit("c", "x", runtime="go")
    script.worker_leaves("go")
    assert script.state("x") == NO_WORKER
    assert "the runtime 'go'" in script.brain.warnings[0][1]
    script.heard.clear()
