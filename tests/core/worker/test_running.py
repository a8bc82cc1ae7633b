"""Tasks come, run by rank, and are reported; cancelled and revoked ones are not."""

from __future__ import annotations

import pytest

from gdistributed.core.worker.records import State
from gdistributed.errors import InvariantBroken
from gdistributed.v1 import task_pb2, worker_pb2
from tests.core.worker.script import Script, names, needs, run


def test_a_task_runs_and_is_reported() -> None:
    with Script() as s:
        s.run("x")
        assert s.began() == ["x"]
        assert s.said() == {"started": ["x"]}
        s.finish("x", nbytes=28, value=b"payload")
        [report] = s.mail().finished
        assert (report.key, report.attempt, report.nbytes) == ("x", 1, 28)
        assert report.value == b"payload"
        assert s.brain.data["x"].state is State.HELD
        assert s.brain.held_nbytes == 28


def test_a_task_that_fails_is_reported_and_holds_nothing() -> None:
    with Script() as s:
        s.run("x")
        s.began()
        s.err("x")
        mail = s.mail()
        assert mail.erred[0].error.type == "ValueError"
        assert s.brain.data == {}


def test_each_thread_gets_one_long_task_by_rank() -> None:
    with Script(nthreads=2) as s:
        s.tell(run=[run("c", rank=3), run("a", rank=1), run("b", rank=2), run("d", rank=2)])
        assert s.began() == ["a", "b"]
        s.finish("b")
        assert s.began() == ["d"]
        s.finish("d")
        assert s.began() == ["c"]
        assert s.said() == {"started": ["a", "b", "d", "c"], "finished": ["b", "d"]}


def test_short_tasks_are_given_several_at_a_time_and_not_announced() -> None:
    with Script(ahead_s=0.005) as s:
        s.tell(run=[run(f"x{n}", expected_ns=1_000_000) for n in range(12)])
        assert s.began() == ["x0", "x1", "x2", "x3", "x4"]
        assert s.said() == {}
        s.finish("x0")
        assert s.began() == ["x5"]
        assert s.said() == {"finished": ["x0"]}


def test_tasks_of_unknown_length_are_taken_to_be_long() -> None:
    with Script() as s:
        s.tell(run=[run("a", expected_ns=0), run("b", expected_ns=1)])
        assert s.began() == ["a"]
        assert s.said() == {"started": ["a"]}


def test_a_task_cancelled_before_it_began_is_dropped() -> None:
    with Script() as s:
        s.run("a")
        s.run("b")
        s.cancel("b")
        assert s.began() == ["a"]
        s.finish("a")
        assert s.began() == []
        assert s.said() == {"started": ["a"], "finished": ["a"]}


@pytest.mark.parametrize("outcome", ["finish", "err"])
def test_the_late_result_of_a_cancelled_task_is_dropped(outcome: str) -> None:
    with Script() as s:
        s.run("a")
        s.began()
        assert s.brain.is_awaited("a", 1)
        s.cancel("a")
        assert not s.brain.is_awaited("a", 1)
        assert [record.key for record in s.brain.to_cancel] == ["a"]
        s.run("b")
        assert s.began() == []  # the thread is still taken
        getattr(s, outcome)("a")
        assert s.began() == ["b"]
        assert s.said() == {"started": ["a", "b"]}
        assert s.brain.data == {}


def test_cancel_names_the_attempt() -> None:
    with Script() as s:
        s.run("a", attempt=2)
        s.cancel("a", attempt=1)
        assert s.began() == ["a"]
        s.finish("a", attempt=2)
        assert s.said() == {"started": ["a"], "finished": ["a"]}


def test_a_newer_attempt_takes_the_place_of_an_older_one() -> None:
    with Script(nthreads=2) as s:
        s.run("a", attempt=1)
        s.run("a", attempt=2)
        assert s.began() == ["a", "a"]
        s.finish("a", attempt=1)
        s.finish("a", attempt=2)
        mail = s.mail()
        assert names(mail.started) == [("a", 1), ("a", 2)]
        assert [report.attempt for report in mail.finished] == [2]


def test_an_older_or_repeated_attempt_is_ignored() -> None:
    with Script(nthreads=3) as s:
        s.run("a", attempt=2)
        s.run("a", attempt=1)
        s.run("a", attempt=2)
        assert s.began() == ["a"]
        assert s.said() == {"started": ["a"]}


def test_a_report_of_an_unknown_run_changes_nothing() -> None:
    with Script() as s:
        s.finish("ghost")
        s.err("ghost", attempt=7)
        assert len(s.brain.story) == 2


def test_what_has_not_begun_is_given_back() -> None:
    with Script() as s:
        s.peers(1)
        s.run("executing")
        s.run("ready")
        s.run("waiting", needs("x", 1))
        assert s.began() == ["executing"]
        [fetch] = s.fetches()
        s.mail()
        assert s.revoke("ready")
        assert s.revoke("waiting")
        assert not s.revoke("waiting")
        assert not s.revoke("executing")
        assert not s.revoke("executing", attempt=9)
        s.finish("executing")
        assert s.said() == {"finished": ["executing"]}
        s.arrive(fetch, "x")
        s.end(fetch)
        assert s.dropped() == ["x"]  # nobody waits for it any more


def test_a_template_that_was_not_announced_fails_the_task() -> None:
    with Script() as s:
        s.tell(run=[worker_pb2.RunTask(key="x", attempt=1, template=99)])
        [failure] = s.mail().erred
        assert failure.error.reason == "UNKNOWN_TEMPLATE"
        assert failure.error.attempt == 1
        assert "99" in failure.error.message


def test_what_was_announced_can_be_forgotten() -> None:
    with Script() as s:
        s.tell(functions=[task_pb2.Function(id="python:f", name="f")])
        s.tell(forget_functions=["python:f", "python:g"], forget_templates=[1, 7])
        assert (s.brain.functions, s.brain.templates) == ({}, {})


def test_a_draining_worker_begins_nothing_new() -> None:
    with Script() as s:
        s.run("a")
        s.tell(drain=True)
        s.run("b")
        assert s.began() == ["a"]
        s.finish("a")
        assert s.said() == {"started": ["a"], "finished": ["a"]}
        assert s.revoke("b")


def test_a_lost_session_leaves_only_what_threads_still_do() -> None:
    with Script() as s:
        s.peers(1)
        s.hold("held")
        s.run("executing")
        s.run("ready")
        s.run("waiting", needs("x", 1), needs("y", 1), needs("held"))
        [fetch] = s.fetches()
        s.began()
        s.brain.session_lost(now=0)
        assert s.dropped() == ["held"]
        s.arrive(fetch, "x")
        s.end(fetch)
        assert s.dropped() == ["x"]
        s.tell(templates=[task_pb2.TaskTemplate(id=1, function_id="python:f")])
        s.run("next")
        assert s.began() == []
        s.finish("executing")
        assert s.began() == ["next"]
        assert s.said() == {"started": ["next"]}


def test_a_way_that_is_not_in_the_table_is_loud() -> None:
    s = Script()
    s.run("a")
    with pytest.raises(InvariantBroken, match="no way from executing to ready"):
        s.brain.move(s.brain.runs["a"], State.READY)
