"""What is said later must be applied later, though a batch is applied kind by kind."""

from __future__ import annotations

from gdistributed.v1 import scheduler_pb2, worker_pb2
from tests.core.scheduler.script import Script


def batches(script: Script, worker: str) -> list[worker_pb2.ToWorker]:
    """Take the mail of a worker that has not read for a while."""
    taken = []
    while (batch := script.brain.workers.take(worker)) is not None:
        taken.append(batch)
    script.heard.clear()
    return taken


def by_client(script: Script, *said: scheduler_pb2.FromClient) -> None:
    for batch in said:
        script.brain.on_client("c", batch, script.now)


def graph(number: int, key: str) -> scheduler_pb2.SubmitGraph:
    each = scheduler_pb2.SubmitGraph(number=number, wants_all=True)
    each.tasks.add(key=key, template=1, arguments=b"a")
    return each


def test_a_run_that_is_cancelled_before_it_was_sent_is_cancelled_after_it() -> None:
    script = Script()
    script.worker("w")
    script.client("c")
    script.submit("c", "first")
    script.said("w")
    script.finish("w", "first")
    batches(script, "w")
    cancel = scheduler_pb2.FromClient()
    cancel.cancel.add(keys=["x"])
    by_client(script, scheduler_pb2.FromClient(graphs=[graph(2, "x")]), cancel)
    run, cancelled = batches(script, "w")
    assert ([each.key for each in run.run], list(run.cancel)) == (["x"], [])
    assert ([each.key for each in cancelled.cancel], list(cancelled.run)) == (["x"], [])


def test_a_task_is_taken_back_after_it_was_handed_over() -> None:
    script = Script()
    script.worker("w")
    script.client("c")
    script.submit("c", "first")
    batches(script, "w")
    by_client(script, scheduler_pb2.FromClient(graphs=[graph(2, "x")]))
    closing = worker_pb2.Heartbeat(status=worker_pb2.WORKER_STATUS_CLOSING)
    script.brain.on_worker("w", worker_pb2.FromWorker(heartbeat=closing), script.now)
    handed, taken_back = batches(script, "w")
    assert [each.key for each in handed.run] == ["x"]
    assert "x" in [each.key for each in taken_back.revoke]


def test_a_key_that_nobody_knows_is_not_awaited_for_ever_when_it_is_retried() -> None:
    script = Script()
    script.client("c")
    script.retry("c", "x")
    assert script.said("c") == ["cancelled x"]
    script.close()


def test_a_value_that_was_put_is_claimed_after_what_was_freed_before() -> None:
    script = Script()
    script.worker("w")
    script.client("c")
    script.scatter("c", "x", "w")
    batches(script, "w")
    release = scheduler_pb2.FromClient(release=["x"])
    scatter = scheduler_pb2.FromClient()
    scatter.scattered.add(key="x", nbytes=8, worker_ids=["w"], puts=[2])
    by_client(script, release, scatter)
    freed, claimed = batches(script, "w")
    assert (list(freed.free), list(freed.claim)) == (["x"], [])
    assert [(each.key, each.put) for each in claimed.claim] == [("x", 2)]


def test_data_that_a_worker_turns_out_not_to_have_is_lost() -> None:
    script = Script()
    script.worker("w")
    script.client("c")
    script.scatter("c", "x", "w")
    assert script.said("c") == ["finished x"]
    script.say_worker("w", worker_pb2.FromWorker(dropped=["x"]))
    assert script.said("c") == ["lost x", "erred x gdistributed.errors.DataLost"]
    script.close()


def test_what_was_said_of_a_task_before_it_was_cancelled_is_told_apart() -> None:
    script = Script()
    script.worker("w")
    script.client("c")
    script.submit("c", "x")
    script.said("w")
    brain = script.brain
    brain.on_worker("w", finished(script, "w", "x"), 0.0)
    cancel = scheduler_pb2.FromClient()
    cancel.cancel.add(keys=["x"])
    by_client(script, cancel, scheduler_pb2.FromClient(graphs=[graph(2, "x")]))
    script.attempts["w", "x"] = brain.books.tasks["x"].attempt
    brain.on_worker("w", finished(script, "w", "x"), 0.0)
    first, second = (brain.take_for_client("c") for _ in range(2))
    assert first is not None
    assert second is not None
    assert [each.key for each in first.finished] == ["x"]
    assert [(each.key, each.own) for each in first.cancelled] == [("x", True)]
    assert [each.key for each in second.finished] == ["x"]


def finished(script: Script, worker: str, key: str) -> worker_pb2.FromWorker:
    batch = worker_pb2.FromWorker()
    batch.finished.add(key=key, attempt=script.attempts[worker, key], nbytes=8)
    return batch
