"""Streams that break and come back, peers that fall silent, and clients that do not listen."""

from __future__ import annotations

import pytest

from gdistributed.core.scheduler.states import MEMORY, PROCESSING, QUEUED
from gdistributed.errors import NameTaken
from gdistributed.v1 import scheduler_pb2, worker_pb2
from tests.core.scheduler.script import Script


@pytest.fixture
def script() -> Script:
    script = Script()
    script.client("c")
    script.worker("w")
    script.said("c")
    return script


def attempt_of(script: Script, key: str) -> int:
    return script.brain.books.tasks[key].attempt


def test_a_worker_that_resumes_within_the_grace_runs_nothing_again(script: Script) -> None:
    script.submit("c", "x")
    assert script.said("w") == ["run x"]
    first = attempt_of(script, "x")
    script.worker_breaks("w")
    script.pass_time(14.0)
    assert script.state("x") == PROCESSING
    assert script.worker_resumes("w")
    script.finish("w", "x")
    assert script.said("c") == ["finished x"]
    assert attempt_of(script, "x") == first
    assert script.said("w") == []


def test_a_worker_without_a_stream_gets_nothing_new_until_it_is_back(script: Script) -> None:
    script.worker_breaks("w")
    script.submit("c", "x")
    assert script.state("x") == QUEUED
    script.worker_resumes("w")
    assert script.said("w") == ["run x"]


def test_what_is_over_meanwhile_is_said_when_the_worker_is_back(script: Script) -> None:
    script.submit("c", "x")
    script.said("w")
    script.worker_breaks("w")
    script.release("c", "x")
    assert script.said("w") == []
    script.worker_resumes("w")
    assert script.said("w") == ["cancel x"]


def test_a_worker_that_does_not_come_back_is_lost_with_the_grace(script: Script) -> None:
    script.submit("c", "x")
    script.worker("v")
    script.worker_breaks("w")
    script.pass_time(16.0)
    assert list(script.brain.books.workers) == ["v"]
    assert script.said("v") == ["run x"]
    assert "was not heard of" in script.brain.departed["w"].cause
    script.heard.clear()


def test_a_worker_that_was_silent_before_its_stream_broke_gets_less_grace(script: Script) -> None:
    script.pass_time(14.0, silent=["w"])
    script.worker_breaks("w")
    script.pass_time(12.0)
    assert not script.brain.books.workers


def test_a_silent_worker_gets_nothing_new_and_is_not_lost(script: Script) -> None:
    script.submit("c", "x")
    script.worker("v")
    script.heard.clear()
    script.pass_time(20.0, silent=["w"])
    script.submit("c", "y z")
    assert script.said("w") == []
    assert script.said("v") == ["run y", "run z"]
    script.finish("v", "y", "z")
    script.status("w", worker_pb2.WORKER_STATUS_RUNNING)
    assert script.brain.books.workers["w"].takes_tasks
    script.finish("w", "x")
    script.said("c")
    assert script.state("x") == MEMORY


def test_a_worker_that_is_silent_for_too_long_is_given_up(script: Script) -> None:
    script.submit("c", "x")
    script.pass_time(310.0, silent=["w"])
    assert not script.brain.books.workers
    assert "its loop has been silent for 30" in script.brain.departed["w"].cause


def test_another_process_may_take_the_name_of_a_worker_without_a_stream(script: Script) -> None:
    with pytest.raises(NameTaken):
        script.brain.worker_connected(twin(), script.now)
    script.worker_breaks("w")
    script.brain.worker_connected(twin(), script.now)
    assert list(script.brain.books.workers) == ["twin"]


def twin() -> worker_pb2.WorkerHello:
    return worker_pb2.WorkerHello(worker_id="twin", name="w", address="w:2", nthreads=1)


def test_words_of_a_worker_that_nobody_knows_are_skipped(script: Script) -> None:
    script.say_worker("stranger", worker_pb2.FromWorker(heartbeat=worker_pb2.Heartbeat()))
    (line,) = script.brain.events.of("stranger")
    assert "not known" in line.target


# Clients


def test_a_client_that_resumes_hears_where_its_keys_stand(script: Script) -> None:
    script.submit("c", "x y z")
    script.finish("w", "x")
    assert script.said("c") == ["finished x"]
    script.client_breaks("c")
    script.finish("w", "y")
    script.fail("w", "z")
    assert script.said("c") == []
    assert script.client_resumes("c")
    assert script.said("c") == ["finished y", "erred z ValueError"]
    script.heard.clear()


def test_only_the_last_news_of_a_key_is_told(script: Script) -> None:
    script.submit("c", "x")
    script.client_breaks("c")
    script.finish("w", "x")
    script.worker_dies("w")
    assert script.client_resumes("c")
    assert [word for word in script.said("c") if not word.startswith("workers")] == ["lost x"]
    assert script.state("x") == "no_worker"


def test_a_key_that_was_cancelled_meanwhile_is_told(script: Script) -> None:
    script.submit("c", "x")
    script.client("other")
    script.client_breaks("c")
    script.cancel("other", "x", force=True)
    script.client_resumes("c")
    assert script.said("c") == ["cancelled x"]
    script.heard.clear()


def test_a_client_that_does_not_come_back_is_gone_with_what_it_wanted(script: Script) -> None:
    script.submit("c", "x")
    script.client_breaks("c")
    script.pass_time(14.0)
    assert script.state("x") == PROCESSING
    script.pass_time(2.0)
    assert script.state("x") == "forgotten"
    assert not script.client_resumes("c")


def test_a_new_session_of_a_client_states_all_that_it_wants(script: Script) -> None:
    script.submit("c", "x y")
    script.client_breaks("c")
    hello = scheduler_pb2.ClientHello(client_id="c", name="c")
    assert not script.brain.client_connected(hello, script.now).resumed
    wanted = scheduler_pb2.WantedKeys(keys=["y", "unknown"], last_graph=1)
    script.say_client("c", scheduler_pb2.FromClient(wanted=wanted))
    assert script.state("x") == "forgotten"
    assert script.state("y") == PROCESSING
    assert "cancelled unknown" in script.said("c")
    script.heard.clear()


def test_a_client_that_does_not_take_its_mail_gets_the_last_news_of_each_key(
    script: Script,
) -> None:
    script.brain.clients.overfull["c"] = None
    script.submit("c", "x y")
    client = script.brain.books.clients["c"]
    assert client.missed == {}
    script.finish("w", "x")
    assert [task.key for task in client.missed] == ["x"]
    script.listen("c")
    assert script.said("c") == ["finished x"]
    assert client.missed is None
    script.finish("w", "y")
    assert script.said("c") == ["finished y"]
    script.heard.clear()
