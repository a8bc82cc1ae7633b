"""Whatever happens in whatever order: the books agree, and every edge of the table is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from gdistributed.core.worker import brain as brain_module
from gdistributed.core.worker.audit import audit
from gdistributed.core.worker.brain import SCHEDULER, WorkerBrain
from gdistributed.core.worker.records import HELD, Fetch, RunRecord, State
from gdistributed.core.worker.transitions import TRANSITIONS
from gdistributed.settings import WorkerSettings
from gdistributed.v1 import error_pb2, task_pb2, worker_pb2

KEYS = [f"k{n}" for n in range(8)]
ERROR = error_pb2.TaskError(type="ValueError")
SEEDS = 250
STEPS = 150


class Life:
    """A worker's brain to which anything may happen that can happen."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        settings = WorkerSettings(
            fetch_nbytes=self.random.choice([1, 30, 1000]),
            fetch_keys=self.random.choice([1, 3, 1000]),
            fetch_calls=self.random.choice([1, 2]),
            fetch_tries=self.random.choice([1, 2, 8]),
            keep_nbytes=10,
        )
        self.brain = WorkerBrain(self.random.choice([1, 2]), settings, memory_limit_nbytes=100)
        self.attempt = 0
        self.now = 0.0
        self.running: list[RunRecord] = []
        self.fetches: list[Fetch] = []
        self.riding: list[str] = []
        self.stored: set[str] = set()
        self.announce()

    def announce(self) -> None:
        self.tell(
            templates=[task_pb2.TaskTemplate(id=1)],
            peers=[task_pb2.Peer(number=n, worker_id=f"w{n}", address=f"h:{n}") for n in (1, 2)],
        )

    def live(self) -> None:
        events: list[Callable[[], None]] = [
            self.run, self.run, self.run, self.cancel, self.revoke, self.free, self.copy,
            self.finish, self.finish, self.err, self.arrive, self.arrive, self.lack, self.break_off,
            self.crowd, self.locate,
            self.fail_fetch, self.end_fetch, self.store, self.break_riding, self.put, self.lose,
            self.delete, self.secede, self.rejoin, self.reschedule,
            self.measure, self.fill_disk, self.refuse_fetch, self.pass_time, self.lose_session,
            self.begin_session,
        ]  # fmt: skip
        weights = [4] * (len(events) - 2) + [0.2, 0.5]
        for _ in range(STEPS):
            self.random.choices(events, weights)[0]()
            self.empty_lanes()
            audit(self.brain)
            self.check_store()

    def heal(self) -> None:
        """Let everything come to its end: what peers, threads and the store owe."""
        self.brain.memory_measured(0, now=self.now)
        self.brain.disk_changed(False, now=self.now)
        self.empty_lanes()
        for _ in range(1000):
            waits = self.brain.deadline is not None
            if not (self.running or self.fetches or self.riding or waits):
                break
            for event in (self.finish, self.arrive, self.end_fetch, self.store, self.pass_time):
                event()
                self.empty_lanes()
                audit(self.brain)
        assert not self.brain.ready_count
        assert not self.brain.executing_count
        assert not self.brain.fetching_count
        lacking = (State.MISSING, State.COMING)  # by a run that came to nothing
        missing = {key for key, data in self.brain.data.items() if data.state in lacking}
        for run in self.brain.runs.values():  # only what nobody gives is still waited for
            assert {data.key for data in run.uses or ()} & missing

    # ---- The scheduler

    def tell(self, **fields: object) -> None:
        self.brain.on_scheduler(worker_pb2.ToWorker(**fields), now=self.now)  # type: ignore[arg-type]

    def key(self) -> str:
        return self.random.choice(KEYS)

    def name(self) -> worker_pb2.TaskAttempt:
        runs = list(self.brain.runs.values())
        if runs and self.random.random() < 0.8:
            run = self.random.choice(runs)
            return worker_pb2.TaskAttempt(key=run.key, attempt=run.attempt)
        return worker_pb2.TaskAttempt(key=self.key(), attempt=self.random.randint(0, self.attempt))

    def dependency(self, key: str) -> worker_pb2.Dependency:
        holders = self.random.sample([1, 2, 3], self.random.randint(0, 3))
        value = self.random.choice([b"", b"", b"small", b"large enough"])
        if key in self.brain.runs and self.random.random() < 0.5:
            return worker_pb2.Dependency(key=key, own_result=True)
        return worker_pb2.Dependency(key=key, nbytes=20, holders=holders, value=value)

    def run(self) -> None:
        key, *needs = self.random.sample(KEYS, self.random.randint(1, 3))
        self.attempt += 1
        task = worker_pb2.RunTask(
            key=key,
            attempt=self.attempt if self.random.random() < 0.9 else 1,
            template=1 if self.random.random() < 0.95 else 2,
            rank=self.random.randint(0, 9),
            expected_ns=self.random.choice([0, 1_000_000]),
            dependencies=[self.dependency(need) for need in needs],
        )
        self.tell(run=[task])

    def cancel(self) -> None:
        self.tell(cancel=[self.name()])

    def revoke(self) -> None:
        self.tell(revoke=[self.name()])

    def free(self) -> None:
        self.tell(free=[self.key()])

    def copy(self) -> None:
        self.tell(fetch=[self.dependency(self.key())])

    def lose_session(self) -> None:
        self.brain.session_lost(now=self.now)
        self.riding.clear()
        self.announce()

    def begin_session(self) -> None:
        same = self.random.random() < 0.5
        self.brain.session_began([], now=self.now, same_scheduler=same)
        if not same:
            self.announce()

    # ---- Threads, peers, and the store

    def finish(self) -> None:
        if self.running:
            run = self.running.pop(self.random.randrange(len(self.running)))
            if self.brain.is_awaited(run.key, run.attempt):
                self.stored.add(run.key)
            report = task_pb2.TaskFinished(key=run.key, attempt=run.attempt, nbytes=5)
            self.brain.tasks_ended([report], [], now=self.now)

    def err(self) -> None:
        if self.running:
            run = self.running.pop(self.random.randrange(len(self.running)))
            report = task_pb2.TaskErred(key=run.key, attempt=run.attempt, error=ERROR)
            self.brain.tasks_ended([], [report], now=self.now)

    def reschedule(self) -> None:
        if self.running:
            run = self.running.pop(self.random.randrange(len(self.running)))
            name = worker_pb2.TaskAttempt(key=run.key, attempt=run.attempt)
            self.brain.tasks_ended([], [], now=self.now, rescheduled=[name])

    def secede(self) -> None:
        if self.running:
            run = self.random.choice(self.running)
            self.brain.run_seceded(run.key, run.attempt, now=self.now, rejoins=False)

    def rejoin(self) -> None:
        if self.running:
            run = self.random.choice(self.running)
            self.brain.run_seceded(run.key, run.attempt, now=self.now, rejoins=True)

    def fetch_and_key(self) -> tuple[Fetch, str] | None:
        open_fetches = [fetch for fetch in self.fetches if fetch.wanted]
        if not open_fetches:
            return None
        fetch = self.random.choice(open_fetches)
        return fetch, self.random.choice(list(fetch.wanted))

    def arrive(self) -> None:
        if chosen := self.fetch_and_key():
            fetch, key = chosen
            self.stored.add(key)
            stored = [worker_pb2.StoredData(key=key, nbytes=7)]
            self.brain.fetched(fetch, stored, now=self.now)

    def lack(self) -> None:
        if chosen := self.fetch_and_key():
            self.brain.fetch_lacked(*chosen, now=self.now)

    def crowd(self) -> None:
        if chosen := self.fetch_and_key():
            self.brain.fetch_crowded(*chosen, now=self.now)

    def locate(self) -> None:
        self.tell(located=[self.dependency(self.key())])

    def fail_fetch(self) -> None:
        if chosen := self.fetch_and_key():
            self.brain.fetch_failed(*chosen, ERROR, now=self.now)

    def end_fetch(self) -> None:
        for fetch in [fetch for fetch in self.fetches if not fetch.wanted]:
            self.fetches.remove(fetch)
            self.brain.fetch_ended(fetch, now=self.now, unreachable=False)

    def break_off(self) -> None:
        if self.fetches:
            fetch = self.fetches.pop(self.random.randrange(len(self.fetches)))
            self.brain.fetch_ended(fetch, now=self.now, unreachable=True)

    def refuse_fetch(self) -> None:
        if self.fetches:
            fetch = self.fetches.pop(self.random.randrange(len(self.fetches)))
            self.brain.fetch_ended(fetch, now=self.now, unreachable=False, is_busy=True)

    def measure(self) -> None:
        self.brain.memory_measured(self.random.choice([10, 75, 90]), now=self.now)

    def fill_disk(self) -> None:
        self.brain.disk_changed(self.random.choice([True, False]), now=self.now)

    def pass_time(self) -> None:
        if self.brain.deadline is not None:
            self.now = max(self.now, self.brain.deadline)
            self.brain.on_time(self.now)

    def store(self) -> None:
        if self.riding:
            key = self.riding.pop(0)
            self.stored.add(key)
            self.brain.value_stored(worker_pb2.StoredData(key=key, nbytes=9), now=self.now)

    def break_riding(self) -> None:
        if self.riding:
            self.brain.value_broken(self.riding.pop(0), ERROR, now=self.now)

    def put(self) -> None:
        key = self.key()
        self.stored.add(key)
        self.brain.data_put(worker_pb2.StoredData(key=key, nbytes=11), now=self.now)

    def lose(self) -> None:
        self.brain.data_lost(self.key(), now=self.now)

    def delete(self) -> None:
        self.brain.data_deleted([self.key()], now=self.now)

    def empty_lanes(self) -> None:
        brain = self.brain
        withdrawn, brain.to_withdraw = brain.to_withdraw, []
        for run in withdrawn:
            taken_back = run in self.running and self.random.random() < 0.5
            if taken_back:
                self.running.remove(run)
            brain.run_withdrawn(run, self.now, taken_back=taken_back)
        self.stored.difference_update(brain.to_drop)
        self.riding += [key for key, _ in brain.to_store]
        self.fetches += brain.to_fetch
        self.running += brain.to_run
        for lane in (brain.to_drop, brain.to_store, brain.to_cancel, brain.to_fetch, brain.to_run):
            lane.clear()
        while brain.outbox.take(SCHEDULER) is not None:
            pass

    def check_store(self) -> None:
        """What the brain holds is in the store; nothing else stays there."""
        held = {key for key, data in self.brain.data.items() if data.state is HELD}
        assert held == self.stored


@pytest.mark.parametrize("chunk", range(5))
def test_the_books_agree_whatever_happens(chunk: int) -> None:
    for seed in range(chunk * SEEDS // 5, (chunk + 1) * SEEDS // 5):
        life = Life(seed)
        life.live()
        life.heal()


def test_every_edge_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: Counter[tuple[State, State]] = Counter()
    move = WorkerBrain.move

    def counted(brain: WorkerBrain, record: RunRecord, target: State) -> None:
        taken[record.state, target] += 1
        move(brain, record, target)

    monkeypatch.setattr(brain_module.WorkerBrain, "move", counted)
    for seed in range(40):
        life = Life(seed)
        life.live()
        life.heal()
    assert set(TRANSITIONS) - set(taken) == set()
