"""What the client's brain says, and what it makes of what the scheduler says."""

from __future__ import annotations

from gdistributed.core.client.futures import CANCELLED, ERROR, FINISHED, LOST, PENDING
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import task_pb2
from tests.core.client.script import FUNCTION, Script, submitted


def test_a_submission_announces_its_function_and_template_once() -> None:
    s = Script()
    s.submit("x")
    s.submit("y", "x")
    (batch,) = s.said()
    assert list(batch.functions) == [FUNCTION]
    assert [t.id for t in batch.templates] == [1]
    assert [g.number for g in batch.graphs] == [1, 2]
    assert list(batch.graphs[1].tasks[0].dependencies) == ["x"]
    assert all(g.wants_all for g in batch.graphs)
    s.submit("z")
    (batch,) = s.said()
    assert not batch.functions
    assert not batch.templates


def test_templates_that_differ_have_numbers_of_their_own() -> None:
    s = Script()
    assert [s.template("a"), s.template("b"), s.template("a")] == [1, 2, 1]


def test_a_key_is_submitted_once_and_shared() -> None:
    s = Script()
    assert s.submit("x") is s.submit("x")
    assert submitted(s.said()) == ["x"]


def test_an_array_is_one_message() -> None:
    s = Script()
    s.brain.submit_array(s.template(), ["a", "b"], [b"1", b"2"])
    (batch,) = s.said()
    (array,) = batch.graphs[0].arrays
    assert (list(array.keys), list(array.arguments)) == (["a", "b"], [b"1", b"2"])


def test_further_pieces_of_a_graph_name_the_first() -> None:
    s = Script(batch_nbytes=100)
    number = s.brain.submit_graph(pb.SubmitGraph(more=True))
    s.submit("y")
    s.brain.submit_graph(pb.SubmitGraph(wants=["x"]), number)
    numbers = [(g.number, g.begun_by, g.more) for batch in s.said() for g in batch.graphs]
    assert numbers == [(1, 0, True), (2, 0, False), (3, 1, False)]


def test_a_batch_does_not_grow_without_bound() -> None:
    s = Script(batch_nbytes=1000)
    for number in range(20):
        s.submit(f"x{number}")
    batches = s.said()
    assert len(batches) > 1
    assert submitted(batches) == [f"x{number}" for number in range(20)]


def test_the_last_release_is_said() -> None:
    s = Script()
    x = s.submit("x")
    s.submit("x")
    s.said()
    s.brain.release(x)
    assert not s.brain.has_mail
    s.brain.release(x)
    assert [list(batch.release) for batch in s.said()] == [["x"]]
    assert not s.brain.records


def test_a_key_that_is_wanted_again_is_released_first() -> None:
    s = Script()
    s.brain.release(s.submit("x"))
    s.submit("x")  # by now this may be another task
    first, second = s.said()
    assert (submitted([first]), list(first.release)) == (["x"], ["x"])
    assert (submitted([second]), list(second.release)) == (["x"], [])


def test_what_was_released_goes_before_a_graph() -> None:
    s = Script()
    x = s.submit("x", "block")
    s.said()
    s.brain.release(x)
    s.brain.want("y")
    graph = pb.SubmitGraph(wants=["y"], tasks=[task_pb2.TaskSpec(key="block")])
    s.brain.submit_graph(graph)  # by now "block" may be another task
    released, submitted_anew = s.said()
    assert (submitted([released]), list(released.release)) == ([], ["x"])
    assert (submitted([submitted_anew]), list(submitted_anew.release)) == (["block"], [])


def test_what_depends_on_it_is_submitted_before_a_key_is_released() -> None:
    s = Script()
    x = s.submit("x")
    s.said()
    s.submit("y", "x")
    s.brain.release(x)
    (batch,) = s.said()  # a batch is applied submissions first
    assert (submitted([batch]), list(batch.release)) == (["y"], ["x"])


def test_a_result_settles_the_record() -> None:
    s = Script()
    x, y = s.submit("x"), s.submit("y")
    s.say(peers=[task_pb2.Peer(number=3, worker_id="w", address="host:1")])
    s.finish("x", value=b"small")
    s.finish("y", value=b"", holders=(3,))
    assert (x.state, x.outcome, x.type) == (FINISHED, b"small", "int")
    assert (y.state, y.outcome) == (FINISHED, (3,))
    assert s.brain.peers[3].address == "host:1"


def test_news_of_a_released_key_is_no_news() -> None:
    s = Script()
    s.brain.release(s.submit("x"))
    s.finish("x")
    s.err("x")
    s.say(lost=["x"], cancelled=[pb.KeyCancelled(key="x")])
    assert not s.brain.records


def test_lost_and_finished_in_one_batch_is_finished() -> None:
    s = Script()
    x = s.submit("x")
    s.finish("x", value=b"", holders=(1,))
    report = task_pb2.TaskFinished(key="x", holders=[2])
    s.say(lost=["x"], finished=[report])
    assert (x.state, x.outcome) == (FINISHED, (2,))


def test_a_lost_key_is_waited_for_again() -> None:
    s = Script()
    x = s.submit("x")
    s.finish("x", value=b"", holders=(1,))
    s.say(lost=["x"])
    assert x.state is LOST
    watch = s.countdown(x)
    assert not watch.is_over
    s.finish("x")
    assert watch.is_over
    assert s.woken == ["countdown"]


def test_an_error_is_kept() -> None:
    s = Script()
    x = s.submit("x")
    s.err("x", "division by zero")
    assert x.state is ERROR
    assert x.error is not None
    assert x.error.message == "division by zero"


def test_an_erred_key_can_be_tried_again() -> None:
    s = Script()
    x = s.submit("x")
    s.err("x")
    s.brain.retry(["x"])
    assert x.state is PENDING
    s.finish("x")
    assert x.state is FINISHED
    assert [list(r.keys) for batch in s.said() for r in batch.retry] == [["x"]]


def test_a_watch_is_told_at_once_of_what_has_settled() -> None:
    s = Script()
    x, y = s.submit("x"), s.submit("y")
    s.finish("x")
    watch = s.countdown(x, y)
    assert s.woken == []
    s.finish("y")
    assert s.woken == ["countdown"]
    assert watch.is_over
    s.arrivals(x, y)
    assert s.woken[1:] == ["arrivals", "arrivals"]


def test_a_watch_that_is_forgotten_is_not_woken() -> None:
    s = Script()
    x = s.submit("x")
    s.brain.unwatch([x], s.countdown(x))
    s.finish("x")
    assert s.woken == []


def test_a_cancelled_key_is_cancelled_at_once() -> None:
    s = Script()
    x = s.submit("x")
    s.countdown(x)
    s.brain.cancel(["x"], "too late")
    s.say()  # wakes those who wait
    assert x.state is CANCELLED
    assert s.woken == ["countdown"]
    assert x.error is not None
    assert "too late" in x.error.message


def test_a_key_may_be_submitted_again_after_it_was_cancelled() -> None:
    s = Script()
    old = s.submit("x")
    s.brain.cancel(["x"], "")
    new = s.submit("x")
    assert new is not old
    first, second = s.said()
    assert (submitted([first]), [list(c.keys) for c in first.cancel]) == (["x"], [["x"]])
    assert submitted([second]) == ["x"]
    s.finish("x")  # said before the scheduler heard of the cancel
    assert new.state is PENDING
    s.say(cancelled=[pb.KeyCancelled(key="x", own=True)])
    assert new.state is PENDING
    s.finish("x")
    assert (old.state, new.state) == (CANCELLED, FINISHED)


def test_somebody_else_cancels() -> None:
    s = Script()
    x = s.submit("x")
    s.say(cancelled=[pb.KeyCancelled(key="x", reason="budget", client="alice")])
    assert x.state is CANCELLED
    assert x.error is not None
    assert "alice" in x.error.message
    assert "budget" in x.error.message
    assert "x" not in s.brain.records


def test_a_refused_graph_errs_what_it_wanted() -> None:
    s = Script()
    x, y = s.submit("x"), s.submit("y")
    s.say(refused=[pb.GraphRefused(number=1, message="a cycle: x", keys=["x"], wanted=["x"])])
    assert (x.state, y.state) == (ERROR, PENDING)
    assert x.error is not None
    assert x.error.reason == "BAD_GRAPH"


def test_no_more_news() -> None:
    s = Script()
    x, y = s.submit("x"), s.submit("y")
    s.finish("y")
    s.countdown(x)
    s.brain.gave_up("CONNECTION_LOST", "the scheduler is gone")
    s.say()
    assert (x.state, y.state) == (ERROR, FINISHED)
    assert x.error is not None
    assert x.error.reason == "CONNECTION_LOST"
    assert s.woken == ["countdown"]


def test_the_number_of_workers() -> None:
    s = Script()
    watch = s.countdown()
    s.brain.watch_workers(watch)
    s.say(workers=pb.WorkerCount(count=2, nthreads=4))
    assert s.brain.workers.count == 2
    assert s.woken == ["countdown"]
    s.brain.unwatch_workers(watch)
    s.say(workers=pb.WorkerCount(count=3))
    assert s.woken == ["countdown"]


# After a break


def test_a_new_session_is_told_everything_that_counts() -> None:
    s = Script()
    s.submit("known")
    s.say(acknowledged=len(s.said()), graphs_accepted=1)
    s.submit("sent")
    unacknowledged = s.said()
    s.submit("open")
    s.brain.session_began(unacknowledged)
    batch, last = s.said()
    assert list(batch.functions) == [FUNCTION]
    assert [t.id for t in batch.templates] == [1]
    assert submitted([batch]) == ["sent", "open"]
    assert list(last.wanted.keys) == ["known", "sent", "open"]
    assert last.wanted.last_graph == 3


def test_a_new_session_keeps_the_order_of_cancel_and_submit() -> None:
    s = Script()
    s.submit("x")
    s.brain.cancel(["x"], "")
    s.submit("x")
    s.brain.session_began()
    batches = s.said()
    cancelled_in = [n for n, batch in enumerate(batches) if batch.cancel]
    last_submitted_in = max(n for n, batch in enumerate(batches) if "x" in submitted([batch]))
    assert cancelled_in == [0]
    assert last_submitted_in == 1


def test_a_holder_outlives_the_session() -> None:
    s = Script()
    s.brain.hold(["x"], "dataset:d")
    s.brain.session_began()
    (batch,) = s.said()
    assert [(list(hold.keys), hold.holder) for hold in batch.hold] == [(["x"], "dataset:d")]


def test_a_holder_changes_its_keys() -> None:
    s = Script()
    s.brain.replace_holder("dataset:d", ["y"])
    first, second = s.said()  # a batch is applied holds first
    assert list(first.unhold) == ["dataset:d"]
    assert list(second.hold[0].keys) == ["y"]


def test_goodbye_is_the_last_word() -> None:
    s = Script()
    s.submit("x")
    s.brain.goodbye("closed")
    assert s.said()[-1].goodbye.reason == "closed"
    assert not s.brain.has_mail


def test_what_is_submitted_after_a_break_is_not_in_the_statement_of_wants() -> None:
    s = Script()
    s.submit("x")
    s.said()
    s.brain.session_began()
    s.submit("y")
    *statement, later = s.said()
    assert list(statement[-1].wanted.keys) == ["x"]
    assert submitted([later]) == ["y"]


def test_submissions_of_a_trace_say_so_and_what_is_wanted_remembers_it() -> None:
    s = Script()
    records = {key: s.brain.want(key) for key in ("x", "a", "b", "y", "u")}
    template = s.template()
    s.brain.submit("x", template, (), b"", "A")
    s.brain.submit_array(template, ["a", "b"], [b"1", b"2"], "B")
    s.brain.submit_graph(pb.SubmitGraph(wants=["y"]), traceparent="C")
    s.brain.submit("u", template, (), b"")
    (batch,) = s.said()
    assert [graph.traceparent for graph in batch.graphs] == ["A", "B", "C", ""]
    traces = {key: record.traceparent for key, record in records.items()}
    assert traces == {"x": "A", "a": "B", "b": "B", "y": "C", "u": ""}
