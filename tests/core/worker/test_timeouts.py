"""Runs that take longer than they may."""

from __future__ import annotations

from gdistributed.v1 import task_pb2
from tests.core.worker.script import TEMPLATE, Script


def limited(seconds: float) -> Script:
    s = Script()
    template = task_pb2.TaskTemplate(id=TEMPLATE, function_id="python:f")
    template.timeout.FromNanoseconds(int(seconds * 1e9))
    s.tell(templates=[template])
    return s


def test_a_run_that_takes_too_long_has_failed_whatever_its_thread_does() -> None:
    with limited(2.0) as s:
        s.run("x")
        s.run("y")
        assert s.began() == ["x"]
        assert s.brain.deadline == 2.0
        s.brain.on_time(now=2.0)
        (erred,) = s.mail().erred
        assert (erred.key, erred.error.reason) == ("x", "TASK_TIMEOUT")
        assert erred.error.retryable
        assert "longer than its timeout of 2 s" in erred.error.message
        assert [run.key for run in s.brain.to_cancel] == ["x"]
        assert s.began() == []  # its thread is not free
        s.finish("x")
        assert s.began() == ["y"]
        assert s.said() == {"started": ["y"]}
        s.finish("y")
        s.brain.on_time(now=5.0)
        assert s.said() == {"finished": ["y"]}


def test_another_attempt_of_the_task_is_not_touched() -> None:
    with limited(2.0) as s:
        s.run("x", attempt=1)
        s.began()
        s.cancel("x", attempt=1)
        s.finish("x", attempt=1)
        s.run("x", attempt=2)
        assert s.began() == ["x"]
        s.said()
        s.brain.on_time(now=1.0)
        s.finish("x", attempt=2)
        assert s.said() == {"finished": ["x"]}
