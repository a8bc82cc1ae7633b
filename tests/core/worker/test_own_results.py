"""Runs that wait for the result of another run of the same worker."""

from __future__ import annotations

from gdistributed.core.worker.records import State
from gdistributed.v1 import worker_pb2
from tests.core.worker.script import Script, needs, run


def own(key: str) -> worker_pb2.Dependency:
    return worker_pb2.Dependency(key=key, own_result=True)


def test_a_chain_runs_without_a_word_of_the_scheduler() -> None:
    with Script() as s:
        s.tell(run=[run("x"), run("y", own("x")), run("z", own("y"))])
        assert s.began() == ["x"]
        assert s.brain.data["x"].state is State.COMING
        s.finish("x")
        assert s.began() == ["y"]
        s.finish("y")
        assert s.began() == ["z"]
        s.finish("z")
        assert [report.key for report in s.mail().finished] == ["x", "y", "z"]


def test_to_wait_for_an_own_result_is_not_to_wait_for_data() -> None:
    with Script() as s:
        s.tell(run=[run("x"), run("y", own("x"))])
        s.began()
        s.finish("x")
        s.began()
        s.finish("y")
        assert [report.fetch_ns for report in s.mail().finished] == [0, 0]


def test_a_result_that_is_there_already_is_not_waited_for() -> None:
    with Script() as s:
        s.run("x")
        s.began()
        s.finish("x")
        s.run("y", own("x"))
        assert s.began() == ["y"]
        s.said()


def test_one_that_waits_for_a_run_that_failed_is_cancelled() -> None:
    with Script() as s:
        s.tell(run=[run("x"), run("y", own("x"))])
        s.began()
        s.err("x")
        assert s.began() == []
        s.cancel("y")
        assert s.brain.data == {}
        assert s.said() == {"started": ["x"], "erred": ["x"]}


def test_one_that_waits_is_given_back() -> None:
    with Script() as s:
        s.tell(run=[run("x"), run("y", own("x"))])
        s.began()
        assert s.revoke("y")
        s.finish("x")
        assert s.brain.data["x"].state is State.HELD
        s.said()


def test_a_result_that_is_to_be_had_elsewhere_after_all_is_fetched() -> None:
    with Script() as s:
        s.peers(2)
        s.tell(run=[run("x"), run("y", own("x"))])
        s.began()
        s.cancel("x")
        s.run("y", needs("x", 2), attempt=2)
        [fetch] = s.fetches()
        s.arrive(fetch, "x")
        assert s.began() == []  # the thread is still at x
        s.finish("x")
        assert s.began() == ["y"]
        s.end(fetch)
        s.said()


def test_it_is_given_up_with_the_session() -> None:
    with Script() as s:
        s.tell(run=[run("x"), run("y", own("x"))])
        s.began()
        s.brain.session_began([], 0, same_scheduler=True)
        assert list(s.brain.runs) == ["x"]
        assert list(s.brain.data) == []
        assert [each.key for each in s.mail().inventory.running] == ["x"]
