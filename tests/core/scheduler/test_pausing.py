"""Workers that pause near their memory limit get nothing new, and give back what they can."""

from __future__ import annotations

from gdistributed.core.scheduler.explaining import explain
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script

PAUSED = worker_pb2.WORKER_STATUS_PAUSED
RUNNING = worker_pb2.WORKER_STATUS_RUNNING


def loaded(*names: str) -> Script:
    """Workers, of which the first has one task that it has begun and one that it has not."""
    script = Script()
    script.client("c")
    script.worker(names[0])
    script.submit("c", "x y")
    assert script.said(names[0]) == ["run x", "run y"]
    script.begin(names[0], "x")
    for name in names[1:]:
        script.worker(name)
    script.heard.clear()
    return script


def test_what_has_not_begun_is_taken_back_for_others() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.worker("v")
    script.submit("c", "a b c d")
    script.begin("w", "a")
    script.heard.clear()
    script.status("w", PAUSED)
    asked = [word for word in script.said("w") if word.startswith("revoke")]
    assert len(asked) == 1
    key = asked[0].split()[1]
    script.finish("v", "b")
    script.answer_revoke("w", key, given_back=True)
    assert f"run {key}" in script.said("v")
    script.heard.clear()
    script.close()


def test_nothing_is_taken_back_where_nobody_else_can_run_it_until_somebody_can() -> None:
    script = loaded("w")
    script.status("w", PAUSED)
    assert script.said("w") == []
    script.worker("v")
    script.pass_time(1)  # with a heartbeat, which says again that it is paused
    assert script.said("w") == ["revoke y"]
    script.pass_time(3)
    assert script.said("w") == []  # once is enough
    script.answer_revoke("w", "y", given_back=True)
    assert script.said("v") == ["run y"]
    script.heard.clear()
    script.close()


def test_a_paused_worker_gets_nothing_until_it_resumes() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.status("w", PAUSED)
    script.submit("c", "x")
    assert script.said("w") == []
    told = explain(script.brain.books, script.brain.books.tasks["x"])
    assert "paused" in told
    script.status("w", RUNNING)
    assert script.said("w") == ["run x"]
    script.heard.clear()
    script.close()


def test_a_suspect_does_not_wait_for_a_worker_that_pauses() -> None:
    script = Script()
    script.client("c")
    script.worker("w")
    script.submit("c", "suspect")
    script.worker_dies("w")
    script.worker("v")
    script.status("v", PAUSED)
    script.worker("u")
    assert "run suspect" in script.said("u") + script.said("v")
    script.heard.clear()
    script.close()
