"""What is wrong is refused with a reason, or noted and skipped; it never does harm.

Graphs that are refused whole are in test_intake, messages with wrong numbers in test_session.
"""

from __future__ import annotations

import pytest

from gdistributed.core.scheduler import orders
from gdistributed.core.scheduler.explaining import explain
from gdistributed.errors import MalformedMessage, NotFound
from gdistributed.v1 import scheduler_pb2, worker_pb2
from tests.core.scheduler.script import Script


@pytest.fixture
def script() -> Script:
    script = Script()
    script.worker("w")
    script.client("c")
    return script


def test_a_worker_without_threads_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="thread"):
        Script().worker("w", threads=0)


def test_a_worker_that_is_not_there_is_named_with_those_that_are(script: Script) -> None:
    with pytest.raises(NotFound, match="no worker is called 'nobody'; there are: w"):
        orders.retire(script.brain, ["nobody"], script.now)


def test_a_task_for_an_unknown_worker_says_what_it_waits_for(script: Script) -> None:
    script.submit("c", "x", workers=["nobody"])
    books = script.brain.books
    assert script.state("x") == "no_worker"
    assert "one of the workers nobody" in explain(books, books.tasks["x"])


def test_a_resource_that_no_worker_has_is_named(script: Script) -> None:
    script.submit("c", "x", resources={"GPU": 1.0})
    books = script.brain.books
    assert "1 of the resource 'GPU'" in explain(books, books.tasks["x"])


def test_a_heartbeat_of_an_unknown_worker_is_skipped(script: Script) -> None:
    status = worker_pb2.WORKER_STATUS_RUNNING
    heartbeat = worker_pb2.Heartbeat(status=status)
    script.brain.on_worker("nobody", worker_pb2.FromWorker(heartbeat=heartbeat), script.now)
    assert list(script.brain.books.workers) == ["w"]
    script.close()


def test_words_of_an_unknown_client_are_skipped(script: Script) -> None:
    script.brain.on_client("nobody", scheduler_pb2.FromClient(release=["x"]), script.now)
    script.close()


def test_a_report_on_an_unknown_key_is_answered_by_freeing_it(script: Script) -> None:
    script.finish("w", "nothing", attempt=1)
    assert script.said("w") == ["free nothing"]
    script.close()


def test_a_report_that_comes_twice_counts_once(script: Script) -> None:
    script.submit("c", "x")
    script.said("w")
    script.finish("w", "x")
    script.finish("w", "x")
    assert script.said("c") == ["finished x"]
    assert script.said("w") == []
    script.close()


def test_failures_retries_and_revokes_of_unknown_keys_are_skipped(script: Script) -> None:
    script.attempts["w", "nothing"] = 7
    script.fail("w", "nothing")
    script.answer_revoke("w", "nothing", given_back=True)
    script.begin("w", "nothing")
    script.missing("w", "nothing", "w")
    script.stored("w", "nothing")
    assert script.said("w") == ["free nothing"]
    script.close()
