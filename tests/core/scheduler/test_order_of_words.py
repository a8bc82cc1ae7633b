"""What is said later must be applied later, though a batch is applied kind by kind."""

from __future__ import annotations

from gdistributed.settings import SchedulerSettings
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


def put(script: Script, worker: str, key: str) -> None:
    batch = worker_pb2.FromWorker()
    batch.stored.add(key=key, nbytes=8, put=True)
    script.say_worker(worker, batch)


def test_a_value_that_was_put_waits_for_its_client_to_speak_of_it() -> None:
    script = Script()
    script.worker("w")
    script.client("c")
    put(script, "w", "x")
    script.scatter("c", "x", "w")
    script.pass_time(100)
    assert script.state("x") == "memory"
    assert script.said("c") == ["finished x"]
    script.close()


def test_a_value_is_freed_whose_client_died_before_it_spoke_of_it() -> None:
    script = Script(SchedulerSettings(unclaimed_s=60))
    script.worker("w")
    put(script, "w", "x")
    script.pass_time(59)
    assert script.said("w") == []
    script.pass_time(2)
    assert script.said("w") == ["free x"]
    script.client("c")
    script.scatter("c", "x", "w")  # too late
    assert script.said("c") == ["erred x gdistributed.errors.DataLost"]
    script.close()
