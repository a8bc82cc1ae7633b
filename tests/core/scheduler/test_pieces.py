"""Graphs that come in pieces: what has come runs, and what is not needed goes."""

from __future__ import annotations

from gdistributed.v1 import scheduler_pb2
from tests.core.scheduler.script import Script


def script_with_worker() -> Script:
    script = Script()
    script.client("c")
    script.worker("w", threads=4)
    script.heard.clear()
    return script


def test_what_has_come_runs_before_the_rest_comes() -> None:
    script = script_with_worker()
    script.piece("c", "x y=x")
    assert script.said("w") == ["run x"]
    script.finish("w", "x")
    assert script.said("w") == ["run y with x"]
    script.finish("w", "y")
    assert script.said("c") == []
    script.piece("c", "z=y", wants=["z"], begun_by=1)
    assert script.said("w") == ["free x", "run z with y"]
    script.finish("w", "z")
    assert script.said("c") == ["finished z"]
    assert script.said("w") == ["free y"]
    script.close()


def test_a_result_goes_when_all_that_depend_on_it_have_come_and_are_done() -> None:
    script = script_with_worker()
    script.piece("c", "x", dependents={"x": 2})
    script.finish("w", "x")
    script.piece("c", "y=x", begun_by=1)
    script.finish("w", "y")
    assert script.said("w") == ["run x", "run y with x"]
    script.piece("c", "z=x", begun_by=1)
    assert script.said("w") == ["run z with x"]
    script.finish("w", "z")
    assert script.said("w") == ["free x"]
    script.piece("c", "", wants=["y", "z"], begun_by=1, more=False)
    assert script.said("c") == ["finished y", "finished z"]
    script.close()


def test_another_graph_may_come_between_two_pieces() -> None:
    script = script_with_worker()
    script.piece("c", "x")
    script.submit("c", "a")
    script.piece("c", "y=x", wants=["y"], begun_by=1)
    for key in ("x", "a", "y"):
        script.finish("w", key)
    assert script.said("c") == ["finished a", "finished y"]
    script.heard.clear()
    script.close()


def test_a_graph_is_refused_whole_though_one_piece_was_accepted() -> None:
    script = script_with_worker()
    script.piece("c", "x")
    assert script.said("w") == ["run x"]
    script.piece("c", "y=nowhere", begun_by=1)
    assert script.said("w") == ["cancel x"]
    assert script.said("c") == []
    script.piece("c", "z=x", wants=["z"], begun_by=1)
    assert script.said("c") == ["refused UNKNOWN_KEYS nowhere"]
    assert not script.brain.books.tasks
    script.close()


def test_a_client_that_cannot_go_on_ends_its_graph() -> None:
    script = script_with_worker()
    script.piece("c", "x")
    assert script.said("w") == ["run x"]
    script.piece("c", "", wants=[], begun_by=1)
    assert script.said("w") == ["cancel x"]
    assert not script.brain.books.tasks
    script.close()


def test_a_client_that_leaves_in_the_middle_takes_its_graph_along() -> None:
    script = script_with_worker()
    script.piece("c", "x y=x")
    script.brain.client_gone("c", "goodbye", script.now)
    script.listen()
    assert script.said("w") == ["run x", "cancel x"]
    assert not script.brain.books.tasks
    script.close()


def test_a_piece_of_a_graph_whose_beginning_is_not_known_is_refused() -> None:
    script = script_with_worker()
    script.piece("c", "y", wants=["y"], begun_by=7)
    (word,) = script.said("c")
    assert word.startswith("refused BAD_TASK")
    script.close()


def test_a_piece_that_comes_again_changes_nothing() -> None:
    script = script_with_worker()
    batch = scheduler_pb2.FromClient()
    template = script._template("c", batch, {})
    batch.graphs.add(number=1, more=True).tasks.add(key="x", template=template)
    for _ in range(2):
        script.say_client("c", batch)
    assert script.said("w") == ["run x"]
    (graph,) = script.brain.books.clients["c"].open_graphs.values()
    assert [task.key for task in graph.awaited] == ["x"]
    script.close()


def test_a_piece_may_name_a_task_that_is_there_without_what_it_was_made_of() -> None:
    script = script_with_worker()
    script.scatter("c", "y", "w")
    script.piece("c", "y=x z=y")
    script.piece("c", "", wants=["z"], begun_by=1)
    assert script.said("w") == ["run z with y"]
    script.finish("w", "z")
    assert "finished z" in script.said("c")
    script.heard.clear()
    script.close()
