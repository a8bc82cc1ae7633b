"""What was run and moved: each by itself, and the sums by prefix."""

from __future__ import annotations

import pytest

from gdistributed.core.numbered import Numbered
from gdistributed.core.scheduler.activity import Moved, Run, handed_ns, queued_ns
from gdistributed.core.scheduler.drawing import Drawing, related
from gdistributed.core.scheduler.records import PrefixRecord
from gdistributed.core.scheduler.states import MEMORY, PROCESSING, QUEUED
from gdistributed.v1 import error_pb2, task_pb2, worker_pb2
from tests.core.scheduler.script import Script

SECOND = 1_000_000_000


@pytest.fixture
def script() -> Script:
    script = Script()
    script.worker("w")
    script.client("c")
    return script


def prefix_of(script: Script, key: str) -> PrefixRecord:
    template = script.brain.books.tasks[key].template
    assert template is not None
    return template.prefix


def runs(script: Script) -> list[Run]:
    return list(script.brain.activity.runs.after(0))


def finish(script: Script, key: str, **times: int) -> None:
    report = task_pb2.TaskFinished(
        key=key, attempt=script.attempts["w", key], nbytes=8, type="int", **times
    )
    script.say_worker("w", worker_pb2.FromWorker(finished=[report]))


def test_a_run_is_noted_with_its_times(script: Script) -> None:
    script.submit("c", "x")
    script.pass_time(5.0)
    finish(script, "x", run_ns=2 * SECOND, fetch_ns=SECOND, wait_ns=3)
    prefix = prefix_of(script, "x")
    assert runs(script) == [
        Run(script.now, prefix.name, "w", "x", 2 * SECOND, SECOND, 3, 8, failed=0, type="int")
    ]
    assert (prefix.finished, prefix.failed, prefix.result_nbytes) == (1, 0, 8)
    assert (prefix.run_ns, prefix.fetch_ns, prefix.wait_ns) == (2 * SECOND, SECOND, 3)
    assert prefix.run_counts == {(2 * SECOND).bit_length(): 1}
    assert 2 ** ((2 * SECOND).bit_length() - 1) <= 2 * SECOND < 2 ** (2 * SECOND).bit_length()


def test_a_run_that_raised_is_noted(script: Script) -> None:
    script.submit("c", "x")
    error = error_pb2.TaskError(type="ValueError")
    report = task_pb2.TaskErred(key="x", attempt=script.attempts["w", "x"], error=error, run_ns=7)
    script.say_worker("w", worker_pb2.FromWorker(erred=[report]))
    assert [(run.key, run.run_ns, run.failed) for run in runs(script)] == [("x", 7, 1)]
    assert (prefix_of(script, "x").finished, prefix_of(script, "x").failed) == (0, 1)


def test_late_reports_are_not_counted(script: Script) -> None:
    script.submit("c", "x")
    finish(script, "x", run_ns=1)
    finish(script, "x", run_ns=1)
    assert len(runs(script)) == 1


def test_times_in_states_are_summed_while_tasks_are_in_them_and_after(script: Script) -> None:
    script.submit("c", "x y")  # one thread: with prefetching both are handed out
    before = script.now
    prefix = prefix_of(script, "x")
    handed = prefix.counts[PROCESSING]
    waiting = prefix.counts[QUEUED]
    assert handed + waiting == 2
    script.pass_time(4.0)
    assert handed_ns(prefix, script.now) == pytest.approx(4 * handed * SECOND)
    assert queued_ns(prefix, script.now) == pytest.approx(4 * waiting * SECOND)
    for key in ("x", "y"):
        finish(script, key, run_ns=SECOND)
    assert prefix.counts[MEMORY] == 2
    spent_ns = handed_ns(prefix, script.now) + queued_ns(prefix, script.now)
    assert spent_ns == pytest.approx(2 * 4 * SECOND)
    script.pass_time(10.0)
    after_ns = handed_ns(prefix, script.now) + queued_ns(prefix, script.now)
    assert after_ns == pytest.approx(spent_ns)
    assert before < script.now


def test_time_with_a_worker_that_dies_counts_once(script: Script) -> None:
    script.submit("c", "x")
    script.pass_time(2.0)
    script.worker_dies("w")
    prefix = prefix_of(script, "x")
    script.pass_time(3.0)
    assert handed_ns(prefix, script.now) == pytest.approx(2 * SECOND)


def test_transfers_are_noted_by_name_and_time(script: Script) -> None:
    script.worker("v")
    script.pass_time(5.0)
    told = worker_pb2.Transfer(
        worker_id="v", values=3, nbytes=100, duration_ns=SECOND, ended_ns=SECOND // 2, shared=True
    )
    heartbeat = worker_pb2.Heartbeat(transfers=[told])
    script.say_worker("w", worker_pb2.FromWorker(heartbeat=heartbeat))
    (moved,) = [Moved(*each) for each in script.brain.activity.transfers.since(1)]
    assert moved == Moved(script.now - 0.5, "w", "v", 3, 100, SECOND, shared=True)


def test_the_newest_entries_are_kept_by_their_numbers() -> None:
    numbered: Numbered[int] = Numbered(kept=10)
    for number in range(1, 101):
        numbered.append(number)
        numbered.trim()
        assert numbered.last == number
        assert min(10, number) <= len(numbered.since(1)) <= 20
    assert numbered.since(98) == [98, 99, 100]
    assert numbered.since(numbered.first)[0] == numbered.first > 1
    assert numbered.since(101) == []


def test_a_graph_is_drawn_by_task_and_by_prefix(script: Script) -> None:
    script.submit("c", "a b c=a,b")
    tasks = script.brain.books.tasks
    by_task = Drawing(by_prefix=False)
    for task in tasks.values():
        by_task.add(task)
    names = list(by_task.nodes)
    arrows = {(names[origin], names[target]) for origin, target in by_task.edges}
    assert arrows == {("a", "c"), ("b", "c")}
    by_prefix = Drawing(by_prefix=True)
    for task in tasks.values():
        by_prefix.add(task)
    assert by_prefix.tasks == 3
    assert sum(sum(node.counts.values()) for node in by_prefix.nodes.values()) == 3


def test_what_a_task_has_to_do_with(script: Script) -> None:
    script.submit("c", "a b z c=a d=c,b")
    tasks = script.brain.books.tasks
    assert [task.key for task in related(tasks["c"])] == ["a", "c", "d"]
    assert {task.key for task in related(tasks["d"])} == {"a", "b", "c", "d"}
