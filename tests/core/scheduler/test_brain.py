"""The life of tasks: submitted, handed out, finished, failed, released; and what peers are told."""

from __future__ import annotations

import pytest

from gdistributed.core.scheduler import orders
from gdistributed.core.scheduler.audit import audit
from gdistributed.core.scheduler.events import one_by_one
from gdistributed.core.scheduler.states import MEMORY, QUEUED
from gdistributed.core.scheduler.transitions import TRANSITIONS
from gdistributed.errors import InvariantBroken, MalformedMessage, NameTaken
from gdistributed.settings import SchedulerSettings
from gdistributed.v1 import scheduler_pb2, worker_pb2
from tests.core.scheduler.script import Script


@pytest.fixture
def script() -> Script:
    """One worker with one thread and one client."""
    script = Script()
    script.client("c")
    script.worker("w")
    script.heard.clear()
    return script


def test_a_task_is_run_and_its_result_reported(script: Script) -> None:
    script.submit("c", "x")
    assert script.said("w") == ["run x"]
    script.finish("w", "x")
    assert script.said("c") == ["finished x"]
    assert script.state("x") == MEMORY
    script.close()


def test_a_released_result_is_freed_and_forgotten(script: Script) -> None:
    script.submit("c", "x")
    script.finish("w", "x")
    script.release("c", "x")
    assert script.said("w") == ["run x", "free x"]
    assert script.said("c") == ["finished x"]
    assert not script.brain.books.tasks
    assert script.brain.books.kept_nbytes == 0
    script.close()


def test_dependents_wait_and_intermediates_are_freed(script: Script) -> None:
    script.submit("c", "x y=x", wants=["y"])
    assert script.said("w") == ["run x"]
    assert script.state("y") == "waiting"
    script.finish("w", "x")
    assert script.said("w") == ["run y with x"]
    script.finish("w", "y")
    assert script.said("w") == ["free x"]
    assert script.said("c") == ["finished y"]
    assert script.state("x") == "released"  # y may have to be computed again
    script.close()


def test_a_small_result_rides_along_to_another_worker(script: Script) -> None:
    script.worker("v")
    script.submit("c", "x")
    first = "w" if script.said("w") else "v"
    other = "v" if first == "w" else "w"
    script.finish(first, "x", value=b"payload")
    script.status(first, worker_pb2.WORKER_STATUS_PAUSED)
    script.submit("c", "y=x")
    assert script.said(other)[-1] == "run y with x!"


def test_an_array_is_many_tasks(script: Script) -> None:
    script.submit("c", "a b c", array=True)
    assert script.said("w") == ["run a", "run b"]
    assert script.state("c") == QUEUED
    script.finish("w", "a", "b")
    assert script.said("w") == ["run c"]
    script.finish("w", "c")
    assert script.said("c") == ["finished a", "finished b", "finished c"]
    script.close()


def test_tasks_run_by_priority_then_graph_then_order() -> None:
    script = Script(SchedulerSettings(prefetch_tasks_min=1))
    script.client("c")
    script.submit("c", "a b")
    script.submit("c", "d")
    script.submit("c", "urgent", priority=1)
    script.submit("c", "later", priority=-1)
    script.worker("w")
    ran: list[str] = []
    while words := script.said("w"):
        ran.extend(word.split()[1] for word in words)
        script.finish("w", *(word.split()[1] for word in words))
    assert ran == ["urgent", "a", "b", "d", "later"]


def test_an_error_reaches_the_client_and_all_dependents(script: Script) -> None:
    script.submit("c", "x y=x z=y", wants=["y", "z"])
    script.fail("w", "x")
    assert script.said("c") == ["erred y ValueError", "erred z ValueError"]
    assert script.brain.books.tasks["z"].error.key == "x"
    script.release("c", "y", "z")
    assert not script.brain.books.tasks
    script.said("w")
    script.close()


def test_retries_are_used_up(script: Script) -> None:
    script.submit("c", "x", retries=2)
    for _ in range(3):
        assert script.said("w") == ["run x"]
        script.fail("w", "x")
    assert script.said("c") == ["erred x ValueError"]
    script.close()


def test_what_is_not_retryable_is_not_retried(script: Script) -> None:
    script.submit("c", "x", retries=2)
    script.fail("w", "x", retryable=False)
    assert script.said("c") == ["erred x ValueError"]
    script.said("w")
    script.close()


def test_retry_runs_the_chain_that_erred_again(script: Script) -> None:
    script.submit("c", "x y=x", wants=["y"])
    script.fail("w", "x")
    script.said("w")
    script.retry("c", "y")
    assert script.said("w") == ["run x"]
    script.finish("w", "x")
    script.finish("w", "y")
    assert script.said("c") == ["erred y ValueError", "finished y"]
    script.said("w")
    script.close()


def test_a_key_that_is_known_keeps_its_task(script: Script) -> None:
    script.submit("c", "x")
    script.finish("w", "x")
    script.client("d")
    script.said("d")
    script.submit("d", "x")
    assert script.said("d") == ["finished x"]
    assert script.said("w") == ["run x"]
    script.said("c")
    script.close()


def test_a_result_lives_as_long_as_one_client_wants_it(script: Script) -> None:
    script.client("d")
    script.submit("c", "x")
    script.hold("d", "x")
    script.finish("w", "x")
    script.release("c", "x")
    assert script.state("x") == MEMORY
    script.client_leaves("d")
    assert script.state("x") == "forgotten"


def test_a_holder_outlives_the_client(script: Script) -> None:
    script.submit("c", "x")
    script.finish("w", "x")
    script.hold("c", "x", holder="dataset:d")
    script.client_leaves("c")
    assert script.state("x") == MEMORY
    script.client("e")
    script.say_client("e", scheduler_pb2.FromClient(unhold=["dataset:d"]))
    assert script.state("x") == "forgotten"


def test_holding_an_unknown_key_is_answered(script: Script) -> None:
    script.hold("c", "nothing")
    assert script.said("c") == ["cancelled nothing"]
    script.close()


def test_cancel_takes_dependents_along_and_calls_the_run_off(script: Script) -> None:
    script.submit("c", "x y=x")
    script.cancel("c", "x", reason="no longer needed")
    assert script.said("w") == ["run x", "cancel x"]
    assert script.said("c") == ["cancelled y"]  # what it named itself it knows
    assert not script.brain.books.tasks
    script.finish("w", "x")  # late: it is told to drop the result
    assert script.said("w") == ["free x"]
    script.close()


def test_cancel_spares_other_clients_unless_forced(script: Script) -> None:
    script.client("d")
    script.said("d")
    script.submit("c", "x")
    script.submit("d", "x")
    script.cancel("c", "x")
    assert script.state("x") == "processing"
    script.cancel("c", "x", force=True)
    assert script.said("d") == ["cancelled x"]
    assert script.state("x") == "forgotten"


def test_submitting_again_after_release_starts_afresh(script: Script) -> None:
    script.submit("c", "x")
    script.release("c", "x")
    script.submit("c", "x")
    assert script.said("w") == ["run x", "cancel x", "run x"]
    script.finish("w", "x", attempt=script.brain.epoch_attempts - 1)  # of the run called off
    assert script.state("x") == "processing"
    script.finish("w", "x")
    assert script.said("c") == ["finished x"]
    script.close()


def test_a_graph_sent_twice_is_one_graph(script: Script) -> None:
    script.submit("c", "x")
    script.graphs["c"] = 0
    script.submit("c", "other")
    assert script.state("other") == "forgotten"
    script.said("w")
    script.close()


def test_late_and_double_reports_change_nothing(script: Script) -> None:
    script.submit("c", "x")
    script.finish("w", "x")
    script.finish("w", "x")
    assert script.said("c") == ["finished x"]
    script.finish("w", "never-heard-of", attempt=7)
    assert script.said("w") == ["run x", "free never-heard-of"]
    assert [event.target for event in script.brain.events.of("x")][-1] == "late report, dropped"
    script.close()


def test_reports_of_strangers_are_skipped(script: Script) -> None:
    script.brain.on_worker("nobody", worker_pb2.FromWorker(), 0.0)
    script.brain.on_client("nobody", scheduler_pb2.FromClient(), 0.0)
    script.brain.worker_lost("nobody", "?", 0.0)
    script.brain.client_gone("nobody", "?", 0.0)
    script.close()


def test_a_hello_must_be_whole() -> None:
    script = Script()
    with pytest.raises(MalformedMessage):
        script.worker("w", threads=0)
    with pytest.raises(MalformedMessage):
        script.client("")
    script.worker("w")
    with pytest.raises(NameTaken, match="w:1"):
        script.brain.worker_joined(
            worker_pb2.WorkerHello(worker_id="2", name="w", address="a:2", nthreads=1), 0.0
        )


def test_an_edge_that_does_not_exist_is_loud(script: Script) -> None:
    script.submit("c", "x")
    with pytest.raises(InvariantBroken, match="no edge leads from processing to queued"):
        script.brain.transition(script.brain.books.tasks["x"], QUEUED)


@pytest.mark.parametrize("field", ["waiting_on", "waiters"])
def test_the_audit_finds_a_count_that_is_wrong(script: Script, field: str) -> None:
    script.submit("c", "x y=x")
    task = script.brain.books.tasks["y" if field == "waiting_on" else "x"]
    setattr(task, field, 7)
    with pytest.raises(InvariantBroken, match="y" if field == "waiting_on" else "x"):
        audit(script.brain)


def test_a_graph_given_for_a_while_ends(script: Script) -> None:
    batch = scheduler_pb2.FromClient()
    batch.functions.add(id="f", runtime="python", name="m.f")
    batch.templates.add(id=1, function_id="f", prefix="f")
    batch.graphs.add(number=1, wants_all=True).tasks.add(key="x", template=1)
    orders.submit(script.brain, batch, "submit:1", 600.0, 0.0)
    script.listen()
    script.finish("w", "x")
    script.pass_time(599.0)
    assert script.state("x") == MEMORY
    script.pass_time(1.0)
    assert script.state("x") == "forgotten"


def test_what_many_tasks_go_through_at_once_is_one_line(script: Script) -> None:
    events = script.brain.events
    before = events.last
    script.submit("c", "x y z")
    begun, handed = events.since(before + 1)[:2]
    assert (begun[0], begun[1]) == (["x", "y", "z"], before + 1)
    assert handed[1] == before + 4
    assert next(event.path.states for event in events.of("y")) == ("released", "waiting", "queued")
    assert [event.subject for _, event in one_by_one([begun])] == ["x", "y", "z"]


def test_events_are_numbered_and_kept_for_a_while(script: Script) -> None:
    events = script.brain.events
    first = events.last + 1
    script.submit("c", "x")
    moves = [event for _, event in one_by_one(events.since(first))]
    assert [event.path.states for event in moves] == [
        ("released", "waiting", "queued"),
        ("queued", "processing"),
    ]
    assert events.last == first + 1
    for _ in range(50_000):
        events.remark(0.0, "y", "seen")
    script.brain.on_time(script.now)
    assert events.last == first + 50_001
    assert events.first == events.last - 19_999  # the newest 20,000
    assert len(events.since(1)) == len(events.since(events.first)) <= 40_000


def test_the_table_names_its_edges() -> None:
    for (origin, target), edge in TRANSITIONS.items():
        assert edge.__name__ == f"{origin}_to_{target}"
