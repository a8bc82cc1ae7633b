"""What a worker brings into a new session from one that is gone."""

from __future__ import annotations

from gdistributed.core.worker.brain import SCHEDULER
from gdistributed.v1 import task_pb2, worker_pb2
from tests.core.worker.script import TEMPLATE, Script, names, needs


def begin_session(s: Script, *said: worker_pb2.FromWorker, same: bool = True) -> None:
    s.brain.session_began(said, now=0, same_scheduler=same)


def inventory(s: Script) -> worker_pb2.Inventory:
    mail = s.mail()
    assert [field.name for field, _ in mail.ListFields()] == ["inventory"]
    assert mail.inventory.last
    return mail.inventory


def test_what_runs_and_what_is_held_is_in_it_and_what_has_not_begun_is_given_up() -> None:
    with Script() as s:
        s.peers(1)
        s.hold("held", nbytes=5)
        s.run("executing", attempt=7)
        s.run("ready")
        s.run("waiting", needs("x", 1))
        [fetch] = s.fetches()
        s.began()
        begin_session(s)
        found = inventory(s)
        assert names(found.running) == [("executing", 7)]
        assert [(each.key, each.nbytes, each.attempt) for each in found.held] == [("held", 5, 0)]
        s.arrive(fetch, "x")
        s.end(fetch)
        assert s.dropped() == ["x"]
        s.finish("executing", attempt=7)
        assert s.said() == {"finished": ["executing"]}


def test_reports_that_were_not_heard_are_in_it() -> None:
    with Script() as s:
        for key in ("sent", "unsent"):
            s.run(key, attempt=3)
        s.finish("sent", attempt=3)
        sent = s.brain.outbox.take(SCHEDULER)
        assert sent is not None
        s.finish("unsent", attempt=3)
        s.run("bad", attempt=4)
        s.err("bad", attempt=4)
        begin_session(s, sent)
        found = inventory(s)
        assert [each.key for each in found.finished] == ["sent", "unsent"]
        assert [each.key for each in found.erred] == ["bad"]
        assert [(each.key, each.attempt) for each in found.held] == [("sent", 3), ("unsent", 3)]
        s.began()


def test_a_report_whose_value_is_gone_is_not_in_it() -> None:
    with Script() as s:
        s.run("x")
        s.began()
        s.finish("x")
        s.free("x")
        s.dropped()
        begin_session(s)
        assert not inventory(s).finished


def test_what_is_in_it_stays_if_the_next_session_is_lost_too() -> None:
    with Script() as s:
        s.run("x")
        s.began()
        s.finish("x")
        begin_session(s)
        first = s.brain.outbox.take(SCHEDULER)
        assert first is not None
        begin_session(s, first)
        assert [each.key for each in inventory(s).finished] == ["x"]


def test_another_scheduler_announces_templates_anew() -> None:
    with Script() as s:
        begin_session(s, same=False)
        inventory(s)
        s.run("x")
        assert s.said() == {"erred": ["x"]}
        s.tell(templates=[task_pb2.TaskTemplate(id=TEMPLATE, function_id="python:f")])
        s.run("x", attempt=2)
        assert s.began() == ["x"]
        s.said()


def test_what_the_scheduler_does_not_want_is_dropped_and_cancelled() -> None:
    with Script() as s:
        s.hold("held")
        s.run("x")
        s.began()
        begin_session(s)
        inventory(s)
        reconcile = worker_pb2.Reconcile(
            drop=["held"], cancel=[worker_pb2.TaskAttempt(key="x", attempt=1)]
        )
        s.tell(reconcile=reconcile)
        assert s.dropped() == ["held"]
        assert [run.key for run in s.brain.to_cancel] == ["x"]
        s.finish("x")


def test_a_value_that_was_put_again_is_claimed_anew_after_a_break_or_goes() -> None:
    with Script(unclaimed_s=60) as s:
        s.hold("x")
        s.brain.data_put(worker_pb2.StoredData(key="x", nbytes=1), now=0)
        begin_session(s)
        assert [(held.key, held.put) for held in inventory(s).held] == [("x", 2)]
        s.brain.on_time(60.0)
        assert s.dropped() == ["x"]
