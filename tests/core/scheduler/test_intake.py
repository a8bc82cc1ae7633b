"""Graphs that are refused, and graphs that come in any order."""

from __future__ import annotations

from gdistributed.v1 import scheduler_pb2
from tests.core.scheduler.script import Script


def script_with_client() -> Script:
    script = Script()
    script.client("c")
    script.heard.clear()
    return script


def test_a_cycle_is_refused_naming_its_keys() -> None:
    script = script_with_client()
    script.submit("c", "a x=z,a y=x z=y b=z")
    (word,) = script.said("c")
    assert word.startswith("refused CYCLE ")
    assert set(word.split()[-1].split(",")) == {"x", "y", "z"}
    assert not script.brain.books.tasks
    script.close()


def test_a_task_that_depends_on_itself_is_a_cycle() -> None:
    script = script_with_client()
    script.submit("c", "x=x")
    assert script.said("c") == ["refused CYCLE x"]
    script.close()


def test_unknown_dependencies_are_refused_naming_them() -> None:
    script = script_with_client()
    script.submit("c", "x=nowhere y=x")
    assert script.said("c") == ["refused UNKNOWN_KEYS nowhere"]
    script.submit("c", "", wants=["nothing"])
    assert script.said("c") == ["refused UNKNOWN_KEYS nothing"]
    script.close()


def test_a_template_that_was_not_announced_is_refused() -> None:
    script = script_with_client()
    batch = scheduler_pb2.FromClient()
    batch.graphs.add(number=1, wants_all=True).tasks.add(key="x", template=9)
    script.say_client("c", batch)
    assert script.said("c") == ["refused BAD_TASK "]
    script.close()


def test_a_refusal_does_not_take_what_is_wanted_already() -> None:
    script = script_with_client()
    script.worker("w")
    script.submit("c", "x")
    script.heard.clear()
    batch = scheduler_pb2.FromClient()
    batch.graphs.add(number=2, wants=["x", "nothing"])
    script.brain.on_client("c", batch, 0.0)
    reply = script.brain.take_for_client("c")
    assert reply is not None
    assert list(reply.refused[0].wanted) == ["nothing"]
    assert reply.graphs_accepted == 2


def test_dependents_may_come_before_what_they_need() -> None:
    script = script_with_client()
    script.worker("w")
    script.submit("c", "z=y y=x x", wants=["z"])
    for key in "xyz":
        script.finish("w", key)
    assert script.said("c")[-1] == "finished z"


def test_graphs_may_build_on_earlier_ones() -> None:
    script = script_with_client()
    script.worker("w")
    script.submit("c", "x")
    script.submit("c", "y=x")
    script.finish("w", "x")
    script.finish("w", "y")
    assert script.said("c")[-2:] == ["finished x", "finished y"]


def test_an_empty_graph_is_answered_at_once() -> None:
    script = script_with_client()
    batch = scheduler_pb2.FromClient()
    batch.graphs.add(number=1)
    script.brain.on_client("c", batch, 0.0)
    reply = script.brain.take_for_client("c")
    assert reply is not None
    assert reply.graphs_accepted == 1
    script.close()
