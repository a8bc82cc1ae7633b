"""Copies of results, an even spread, and workers that leave without a loss."""

from __future__ import annotations

import pytest

from gdistributed.core.scheduler import orders
from gdistributed.core.scheduler.records import WorkerRecord
from gdistributed.core.scheduler.states import MEMORY
from gdistributed.errors import NotFound
from gdistributed.v1 import worker_pb2
from tests.core.scheduler.script import Script

CLOSING = worker_pb2.WORKER_STATUS_CLOSING


def with_data(workers: str, **data: str) -> Script:
    """Workers of which some hold data that a client has put there, 8 bytes each."""
    script = Script()
    script.client("c")
    for name in workers:
        script.worker(name)
    for key, holder in data.items():
        script.scatter("c", key, holder)
    script.heard.clear()
    return script


def holders(script: Script, key: str) -> list[str]:
    return sorted(worker.name for worker in script.brain.books.tasks[key].who_has)


def replicate(script: Script, keys: str, count: int, workers: str = "") -> int:
    copies = orders.replicate(script.brain, keys.split(), count, workers, script.now)
    script.listen()
    return len(copies)


def rebalance(script: Script, keys: str = "", workers: str = "") -> int:
    copies = orders.rebalance(script.brain, keys.split(), workers, script.now)
    script.listen()
    return len(copies)


def retire(script: Script, workers: str) -> list[WorkerRecord]:
    leaving = orders.retire(script.brain, workers, script.now)
    script.listen()
    return leaving


def test_a_result_is_copied_to_as_many_workers_as_asked_for() -> None:
    script = with_data("abcd", x="a")
    assert replicate(script, "x", 3) == 2
    assert script.said("b") == ["fetch x from a"]
    assert script.said("c") == ["fetch x from a"]
    script.stored("b", "x")
    script.stored("c", "x")
    assert holders(script, "x") == ["a", "b", "c"]
    assert not script.brain.books.copying
    assert replicate(script, "x", 3) == 0
    script.close()


def test_the_emptiest_workers_are_filled_first_and_no_count_means_all() -> None:
    script = with_data("abc", x="a", y="b")
    assert replicate(script, "x", 2) == 1
    assert script.said("c") == ["fetch x from a"]
    assert replicate(script, "y", 0, "ab") == 1
    assert script.said("a") == ["fetch y from b"]
    script.heard.clear()


def test_a_copy_that_could_not_be_made_is_over() -> None:
    script = with_data("ab", x="a")
    replicate(script, "x", 2)
    script.missing("b", "x", "a", unreachable=True)
    assert not script.brain.books.copying
    script.heard.clear()


def test_a_copy_of_what_nobody_wants_any_more_is_called_off() -> None:
    script = with_data("ab", x="a")
    replicate(script, "x", 2)
    script.said("b")
    script.release("c", "x")
    assert script.said("a") == ["free x"]
    assert script.said("b") == ["free x"]
    script.stored("b", "x")
    assert script.said("b") == ["free x"]
    script.close()


def test_a_worker_that_dies_while_it_copies() -> None:
    script = with_data("abc", x="a")
    replicate(script, "x", 3)
    script.worker_dies("b")
    script.stored("c", "x")
    assert not script.brain.books.copying
    assert holders(script, "x") == ["a", "c"]
    script.heard.clear()


def test_results_are_spread_evenly() -> None:
    script = with_data("ab", **{f"x{n}": "a" for n in range(6)})
    assert rebalance(script) == 3
    fetched = [word.split()[1] for word in script.said("b")]
    script.stored("b", *fetched)
    assert script.said("a") == [f"free {key}" for key in fetched]
    workers = script.brain.books.workers
    assert [workers[name].held_nbytes for name in "ab"] == [24, 24]
    assert rebalance(script) == 0
    script.close()


def test_only_what_is_named_is_moved() -> None:
    script = with_data("ab", **{f"x{n}": "a" for n in range(6)})
    assert rebalance(script, "x4") == 1
    assert script.said("b") == ["fetch x4 from a"]
    script.heard.clear()


def test_one_large_value_is_not_moved_to_and_fro() -> None:
    script = Script()
    script.client("c")
    script.worker("a")
    script.worker("b")
    script.scatter("c", "large", "a", nbytes=10**6)
    assert rebalance(script) == 0
    script.heard.clear()


def test_a_worker_that_retires_leaves_when_all_it_alone_held_is_elsewhere() -> None:
    script = with_data("abc", x="a", y="a")
    script.stored("b", "y")
    retire(script, "a")
    assert script.said("b") == []
    assert script.said("c") == ["fetch x from a"]
    assert script.said("a") == []
    script.stored("c", "x")
    assert script.said("a") == ["free x", "goodbye retired"]
    script.brain.worker_disconnected("a", script.now)
    assert sorted(script.brain.books.workers) == ["b", "c"]
    assert script.state("x") == MEMORY
    script.heard.clear()


def test_a_worker_that_retires_finishes_what_it_has_begun_and_gives_back_the_rest() -> None:
    script = with_data("a")
    script.submit("c", "x y")
    script.worker("b")
    script.submit("c", "z")
    script.heard.clear()
    script.begin("a", "x")
    retire(script, "a")
    assert script.said("a") == []  # y was asked for when b came
    script.answer_revoke("a", "y", given_back=True)
    assert script.said("b") == ["run y"]
    script.finish("a", "x")
    assert script.said("b") == ["fetch x from a"]
    script.stored("b", "x")
    assert script.said("a") == ["free x", "goodbye retired"]
    script.heard.clear()


def test_a_worker_that_retires_gets_nothing_new() -> None:
    script = with_data("ab")
    retire(script, "a")
    assert script.said("a") == ["goodbye retired"]
    script.submit("c", "x y z")
    assert script.said("a") == []
    script.heard.clear()


def test_a_worker_whose_data_has_nowhere_to_go_stays_until_it_has() -> None:
    script = with_data("a", x="a")
    leaving = retire(script, "a")
    assert script.said("a") == []
    script.worker("b")
    assert script.said("b") == ["fetch x from a"]
    orders.stay(script.brain, leaving, script.now)
    assert script.brain.books.workers["a"].takes_tasks
    script.stored("b", "x")
    assert holders(script, "x") == ["b"]
    script.heard.clear()


def test_a_target_that_dies_is_replaced() -> None:
    script = with_data("abc", x="a")
    retire(script, "a")
    target = "b" if script.said("b") else "c"
    other = "c" if target == "b" else "b"
    script.worker_dies(target)
    assert script.said(other) == ["fetch x from a"]
    script.stored(other, "x")
    assert script.said("a") == ["free x", "goodbye retired"]
    script.heard.clear()


def test_two_workers_that_retire_do_not_save_data_on_each_other() -> None:
    script = with_data("abc", x="a", y="b")
    retire(script, "ab")
    assert sorted(script.said("c")) == ["fetch x from a", "fetch y from b"]
    script.stored("c", "x", "y")
    assert script.said("a") == ["free x", "goodbye retired"]
    assert script.said("b") == ["free y", "goodbye retired"]
    script.heard.clear()


def test_a_worker_that_says_it_closes_is_retired() -> None:
    script = with_data("ab", x="a")
    script.status("a", CLOSING)
    assert script.said("b") == ["fetch x from a"]
    script.stored("b", "x")
    assert script.said("a") == ["free x", "goodbye retired"]
    script.heard.clear()


def test_the_last_worker_that_closes_is_not_held_up() -> None:
    script = with_data("a", x="a")
    script.status("a", CLOSING)
    assert script.said("a") == ["goodbye retired"]
    script.heard.clear()


def test_unknown_workers_are_refused_by_name() -> None:
    script = with_data("ab", x="a")
    with pytest.raises(NotFound, match="no worker is called 'z'; there are: a, b"):
        retire(script, "az")
    assert script.brain.books.workers["a"].takes_tasks
    with pytest.raises(NotFound):
        replicate(script, "x", 2, "z")
    script.close()
