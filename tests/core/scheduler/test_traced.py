"""Tasks of a trace: workers are told of it with each run, and nothing is told of other tasks."""

from __future__ import annotations

import pytest

from tests.core.scheduler.script import Script


def script_with_worker() -> Script:
    script = Script()
    script.client("c")
    script.worker("w", threads=4)
    script.heard.clear()
    return script


@pytest.mark.parametrize(
    ("tasks", "array"),
    [("x", False), ("x y", False), ("x y", True)],
    ids=["a task", "a graph", "an array"],
)
def test_a_run_names_the_trace_of_its_graph(tasks: str, array: bool) -> None:
    script = script_with_worker()
    script.submit("c", tasks, array=array, trace="A")
    script.submit("c", "u v", array=array)
    traced = [f"run {key} in A" for key in tasks.split()]
    assert script.said("w") == [*traced, "run u", "run v"]
    script.close()


def test_all_pieces_of_a_graph_are_in_its_trace() -> None:
    script = script_with_worker()
    script.piece("c", "x", trace="A")
    script.finish("w", "x")
    script.piece("c", "y=x", wants=["y"], begun_by=1, trace="A")
    assert script.said("w") == ["run x in A", "run y with x in A"]
    script.close()


def test_what_is_run_again_is_in_the_same_trace() -> None:
    script = script_with_worker()
    script.submit("c", "x", trace="A")
    script.finish("w", "x")
    script.worker_dies("w")
    script.worker("v")
    assert script.said("v") == ["run x in A"]
    assert script.said("c") == ["finished x", "lost x"]
    script.close()


def test_a_task_that_is_known_stays_in_its_trace() -> None:
    script = Script()
    script.client("c")
    script.client("d")
    script.submit("c", "x", trace="A")
    script.submit("d", "x", trace="B")
    script.submit("c", "y")
    script.submit("d", "y z", trace="B")
    script.worker("w", threads=4)
    assert sorted(script.said("w")) == ["run x in A", "run y", "run z in B"]
    script.close()


def test_a_task_that_is_forgotten_leaves_nothing_behind() -> None:
    script = script_with_worker()
    script.submit("c", "x", trace="A")
    script.finish("w", "x")
    script.release("c", "x")
    assert script.state("x") == "forgotten"
    assert script.brain.books.traced == {}
    script.heard.clear()
    script.submit("c", "x")
    assert script.said("w") == ["run x"]
    script.close()
