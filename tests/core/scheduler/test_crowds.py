"""A result that many workers want: those who come late are sent to those who have it by then."""

from __future__ import annotations

from collections.abc import Iterator

from gdistributed.core.scheduler import reports
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script


def crowded_script(workers: int) -> Script:
    """A result "x" on w1, which many others want."""
    script = Script()
    for number in range(1, workers + 1):
        script.worker(f"w{number}")
    script.client("c")
    script.scatter("c", "x", "w1", nbytes=10_000_000)
    clear(script)
    return script


def clear(script: Script) -> None:
    for heard in script.heard.values():
        heard.clear()


def report(script: Script, worker: str, *holders: str) -> None:
    """A worker says that holders are crowded."""
    batch = worker_pb2.FromWorker()
    batch.crowded.add(key="x", worker_ids=holders)
    script.brain.on_worker(worker, batch, script.now)


def located(script: Script) -> dict[str, list[str]]:
    """Where workers are sent; it empties their mail."""
    return {worker: list(_located(script, worker)) for worker in list(script.brain.books.workers)}


def _located(script: Script, worker: str) -> Iterator[str]:
    numbers = {each.number: each.id for each in script.brain.books.workers.values()}
    while (batch := script.brain.workers.take(worker)) is not None:
        for dependency in batch.located:
            assert dependency.key == "x"
            yield from (numbers[number] for number in dependency.holders)


def sent(script: Script) -> dict[str, list[str]]:
    return {worker: places for worker, places in located(script).items() if places}


def store(script: Script, worker: str) -> None:
    batch = worker_pb2.FromWorker()
    batch.stored.add(key="x", nbytes=10_000_000)
    script.brain.on_worker(worker, batch, script.now)


def test_each_new_replica_serves_two_more() -> None:
    script = crowded_script(9)
    for number in range(4, 10):
        report(script, f"w{number}", "w1")
    assert sent(script) == {}
    store(script, "w2")
    assert sent(script) == {"w4": ["w2"], "w5": ["w2"]}
    store(script, "w3")
    store(script, "w4")
    assert sent(script) == {"w6": ["w3"], "w7": ["w3"], "w8": ["w4"], "w9": ["w4"]}
    assert script.brain.books.crowds == {}
    script.close()


def test_who_knows_of_few_holders_is_sent_to_others_at_once() -> None:
    script = crowded_script(5)
    store(script, "w2")
    report(script, "w3", "w1")
    assert sent(script) == {"w3": ["w2"]}
    report(script, "w3", "w1", "w2")
    assert sent(script) == {}
    script.close()


def test_who_has_it_by_then_or_is_gone_is_not_sent_anywhere() -> None:
    script = crowded_script(6)
    for number in (3, 4, 5):
        report(script, f"w{number}", "w1")
    script.worker_dies("w3")
    store(script, "w4")
    assert sent(script) == {"w5": ["w4"]}
    report(script, "w4", "w1")
    assert script.brain.books.crowds == {}
    script.close()


def test_nobody_waits_for_a_result_that_is_gone() -> None:
    script = crowded_script(3)
    report(script, "w2", "w1")
    script.release("c", "x")
    assert script.brain.books.crowds == {}
    report(script, "w2", "w1")
    assert script.brain.books.crowds == {}
    clear(script)
    script.close()


def test_of_many_holders_a_few_are_named_and_not_the_same_to_all() -> None:
    script = crowded_script(20)
    for number in range(2, 11):
        store(script, f"w{number}")
    task, workers = script.brain.books.tasks["x"], script.brain.books.workers.values()
    named = {tuple(reports.few_of(task.who_has, worker)) for worker in workers}
    assert {len(set(holders)) for holders in named} == {4}
    assert len(named) == 10
    assert {holder.id for holders in named for holder in holders} == {
        f"w{number}" for number in range(1, 11)
    }


def test_a_holder_on_the_same_host_is_among_the_few() -> None:
    script = crowded_script(10)
    for number in range(2, 11):
        store(script, f"w{number}")
    holders = script.brain.books.tasks["x"].who_has
    near, reader = holders[7], script.brain.books.workers["w1"]
    near.host = reader.host = "near"
    assert near in list(reports.few_of(holders, reader))
