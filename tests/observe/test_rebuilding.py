"""What an event log tells is enough to build the state of the scheduler again."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from gdistributed.core.scheduler.activity import Moved
from gdistributed.core.scheduler.books import Books
from gdistributed.core.scheduler.brain import SchedulerBrain
from gdistributed.core.scheduler.events import TASK, one_by_one
from gdistributed.core.scheduler.records import PrefixRecord, TaskRecord
from gdistributed.core.scheduler.states import RELEASED
from gdistributed.observe.event_lines import EventLines, plain
from gdistributed.observe.rebuilding import Rebuilt
from gdistributed.v1 import task_pb2, worker_pb2
from gdistributed.v1.scheduler_pb2 import FromClient
from tests.core.scheduler.script import Script
from tests.core.scheduler.test_random_events import Chaos

SECOND = 1_000_000_000
ZERO_S = 1_700_000_000.0
TIME_TOLERANCE_S = 1e-5


class Logged:
    """A script whose brain keeps a log, of which lines are taken after each of its events."""

    def __init__(self, script: Script) -> None:
        self.brain = script.brain
        self.lines: list[bytes] = []
        self._lines = EventLines(script.brain, ZERO_S)
        self._lines.start(script.now, {"cluster_id": "c"})
        decide = script.brain.decide

        def decide_and_tell() -> None:
            decide()
            self.take()

        script.brain.decide = decide_and_tell  # type: ignore[method-assign]  # as the shell does

    def take(self) -> None:
        self._lines.tell()
        self.lines += self._lines.cut()

    def rebuilt(self) -> SchedulerBrain:
        self.take()
        start, *rest = (json.loads(line) for line in self.lines)
        again = Rebuilt(start)
        for line in rest:
            again.apply(line)
        again.tidy()
        return again.brain


def facts_of(task: TaskRecord) -> dict[str, Any]:
    return {
        "state": task.state,
        "prefix": task.prefix,
        "needs": [each.key for each in task.dependencies],
        "needed": {each.key for each in task.dependents or ()},
        "wanted": [client.id for client in task.wanted_by],
        "on": task.processing_on.name if task.processing_on is not None else None,
        "held": [worker.name for worker in task.who_has],
        "result": (task.nbytes, task.type) if task.who_has else None,
        "attempt": task.attempt if task.processing_on is not None else None,
        "failures": task.failures,
        "error": plain(task.error) if task.error is not None else None,
    }


def facts_of_prefix(prefix: PrefixRecord) -> dict[str, Any]:
    names = ("finished", "failed", "run_ns", "fetch_ns", "wait_ns", "result_nbytes", "run_counts")
    return {
        "counts": prefix.counts,
        "times": (round(prefix.queued_s, 2), round(prefix.handed_s, 2)),
        **{name: getattr(prefix, name) for name in names},
    }


def facts_of_workers(books: Books) -> dict[str, Any]:
    return {
        worker.name: (
            worker.address,
            worker.nthreads,
            worker.status,
            worker.held_nbytes,
            len(worker.processing),
            len(worker.seceded),
        )
        for worker in books.workers.values()
    }


def told(brain: SchedulerBrain) -> dict[tuple[str, str], list[tuple[str, ...]]]:
    """Return what the events say of each subject, in order."""
    stories: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for _, event in one_by_one(brain.events.since(1)):
        line = (*event.path.states, event.worker, event.prefix, event.detail)
        stories.setdefault((event.kind, event.subject), []).append(line)
    return stories


def never_needed(brain: SchedulerBrain) -> set[str]:
    """Return the keys of tasks to which nothing has happened yet: no log tells of these.

    They came with a task for which a client brought a result at once.
    """
    keys = {event.subject for _, event in one_by_one(brain.events.since(1)) if event.kind == TASK}
    return brain.books.tasks.keys() - keys


def assert_same(again: SchedulerBrain, brain: SchedulerBrain) -> None:
    untold = never_needed(brain)
    expected = {key: facts_of(task) for key, task in brain.books.tasks.items()}
    for key in untold:
        assert expected.pop(key)["state"] is RELEASED
    for facts in expected.values():
        facts["needed"] -= untold
    assert {key: facts_of(task) for key, task in again.books.tasks.items()} == expected
    assert told(again) == told(brain)
    assert facts_of_workers(again.books) == facts_of_workers(brain.books)
    assert wants(again) == wants(brain)
    for key in untold:
        brain.books.tasks[key].template.prefix.counts[RELEASED] -= 1
    for name, prefix in (*brain.books.prefixes.items(), ("", brain.books.data)):
        if any(prefix.counts.values()):
            other = again.books.prefixes[name] if name else again.books.data
            assert facts_of_prefix(other) == facts_of_prefix(prefix)


def wants(brain: SchedulerBrain) -> dict[str, tuple[str, set[str]]]:
    clients = brain.books.clients.values()
    return {each.id: (each.name, {task.key for task in each.wants}) for each in clients}


@pytest.mark.parametrize("seed", range(60))
def test_the_books_are_the_same_after_random_events(seed: int) -> None:
    script = Script()
    logged = Logged(script)
    Chaos(seed, script).play()
    again = logged.rebuilt()
    audit_times(again, script.brain)
    assert_same(again, script.brain)


def audit_times(again: SchedulerBrain, brain: SchedulerBrain) -> None:
    times = [[event.now for _, event in one_by_one(one.events.since(1))] for one in (again, brain)]
    assert sorted(times[0]) == pytest.approx(sorted(times[1]), abs=TIME_TOLERANCE_S)


def test_runs_and_transfers_are_the_same() -> None:
    script = Script()
    logged = Logged(script)
    script.worker("v")
    script.worker("w")
    script.client("c")
    script.submit("c", "x y=x")
    worker = next(name for name, key in script.attempts if key == "x")
    attempt = script.attempts[worker, "x"]
    report = task_pb2.TaskFinished(key="x", attempt=attempt, nbytes=8, run_ns=5, fetch_ns=6)
    script.say_worker(worker, worker_pb2.FromWorker(finished=[report]))
    moved = worker_pb2.Transfer(worker_id="v", values=2, nbytes=100, duration_ns=7, ended_ns=SECOND)
    heartbeat = worker_pb2.Heartbeat(transfers=[moved], metrics={"memory_nbytes": 9})
    script.say_worker("w", worker_pb2.FromWorker(heartbeat=heartbeat))
    again = logged.rebuilt()
    (ours,), (theirs,) = (list(b.activity.runs.after(0)) for b in (again, script.brain))
    assert ours[1:] == theirs[1:]  # all but the time
    (ours,), (theirs,) = (b.activity.transfers.since(1) for b in (again, script.brain))
    assert Moved(*ours)[1:] == Moved(*theirs)[1:]
    assert again.activity.sent == script.brain.activity.sent
    assert_same(again, script.brain)


def test_a_line_of_a_later_version_is_passed_over() -> None:
    again = Rebuilt({"time": ZERO_S, "event": "start", "format": 1})
    again.apply({"time": ZERO_S, "event": "what nobody knows yet"})
    assert not again.brain.events.last


@pytest.mark.parametrize("key", ['a"b', "back\\slash", "umlaut-ä"])
def test_keys_that_json_has_to_escape(key: str) -> None:
    script = Script()
    logged = Logged(script)
    script.worker("w")
    script.client("c")
    script.submit("c", f"plain {key} other={key}")
    script.finish("w", "plain", key)
    assert logged.rebuilt().books.tasks.keys() == {"plain", key, "other"}


@pytest.mark.parametrize("key", ["line\nbreak", "\x7f"])
def test_control_characters_in_keys(key: str) -> None:
    script = Script()
    logged = Logged(script)
    script.worker("w")
    script.client("c")
    script.scatter("c", key, "w")
    assert logged.rebuilt().books.tasks.keys() == {key}


@pytest.mark.parametrize("seed", range(60))
def test_arrays_with_all_that_may_come_in_one_batch(seed: int) -> None:
    """Keys that are known, tasks that need some of an array, keys that are given up at once."""
    random = Random(seed)
    script = Script()
    logged = Logged(script)
    script.worker("w")
    for client in ("c", "d"):
        script.client(client)
        batch = FromClient()
        batch.functions.add(id="f", runtime="python", name="m.f")
        for template in (1, 2):
            batch.templates.add(id=template, function_id="f", prefix="f", priority=template)
        for number in range(1, 4):
            graph = batch.graphs.add(number=number, wants_all=random.random() < 0.8)
            for _ in range(random.randint(1, 3)):
                begin, template = random.randrange(40), random.randint(1, 2)
                keys = [f"k{index}" for index in range(begin, begin + random.randint(1, 8))]
                graph.arrays.add(template=template, keys=keys, arguments=[b""] * len(keys))
            if not graph.wants_all:
                graph.wants.extend(random.sample(list(graph.arrays[0].keys), 1))
            needed = random.sample(list(graph.arrays[0].keys), 1)
            later = batch.graphs.add(number=number + 10, wants_all=True)
            later.tasks.add(key=f"x{client}{number}", template=1, dependencies=needed)
        batch.release.extend(f"k{random.randrange(48)}" for _ in range(random.randint(0, 9)))
        script.say_client(client, batch)
    assert_same(logged.rebuilt(), script.brain)


def test_arrays_that_are_alike_share_a_line() -> None:
    script = Script()
    logged = Logged(script)
    script.client("c")
    batch = FromClient()
    batch.functions.add(id="f", runtime="python", name="m.f")
    batch.templates.add(id=1, function_id="f", prefix="f")
    for number, keys in enumerate((["a", "b"], ["c", "d", "e"]), 1):
        graph = batch.graphs.add(number=number, wants_all=True)
        graph.arrays.add(template=1, keys=keys, arguments=[b""] * len(keys))
    script.worker("w")
    script.say_client("c", batch)
    assert_same(logged.rebuilt(), script.brain)
    lines = [json.loads(line) for line in logged.lines]
    (begun,) = (line for line in lines if line["event"] == "task" and line["from"] == "released")
    assert begun["keys"] == ["a", "b", "c", "d", "e"]
    assert begun["wanted_by"] == ["c"]
