"""Whatever happens in whatever order, the books agree, and what can finish finishes.

Each seed plays a few hundred random events, with an audit after each (the script does that), then
heals the cluster and insists that every wanted key ends in memory or erred, and that nothing is
left when all is released.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from gdistributed.core.scheduler import orders
from gdistributed.core.scheduler.states import ERRED, MEMORY
from gdistributed.settings import OWN_RESULTS, SchedulerSettings
from gdistributed.v1 import server_pb2, worker_pb2
from tests.core.scheduler.script import Script

EVENTS = 250
CLOSING = worker_pb2.WORKER_STATUS_CLOSING
PAUSED = worker_pb2.WORKER_STATUS_PAUSED
RUNNING = worker_pb2.WORKER_STATUS_RUNNING


class Chaos:
    """Plays random events on a script."""

    def __init__(self, seed: int, script: Script | None = None) -> None:
        self.random = Random(seed)
        self.script = script or Script(SchedulerSettings(follow_s=self.random.choice([0.0, 1.0])))
        self.names = 0
        self.keys = 0
        for _ in range(2):
            self.worker_joins()
            self.client_joins()

    @property
    def books(self):  # noqa: ANN201
        return self.script.brain.books

    def name(self, letter: str) -> str:
        self.names += 1
        return f"{letter}{self.names}"

    def any_of(self, things: object) -> str | None:
        things = list(things)
        return self.random.choice(things) if things else None

    def any_client(self) -> str | None:
        return self.any_of(name for name, each in self.books.clients.items() if each.connected)

    # Events

    def worker_joins(self) -> None:
        if len(self.books.workers) < 5:
            resources = {"GPU": 1.0} if self.random.random() < 0.3 else {}
            threads = self.random.choice([1, 1, 2])
            capabilities = [OWN_RESULTS] if self.random.random() < 0.7 else []
            software = server_pb2.Software(protocol_major=1, capabilities=capabilities)
            self.script.worker(
                self.name("w"), threads=threads, resources=resources, software=software
            )

    def client_joins(self) -> None:
        if len(self.books.clients) < 4:
            self.script.client(self.name("c"))

    def worker_dies(self) -> None:
        if (worker := self.any_of(self.books.workers)) is not None:
            self.script.worker_dies(worker)

    def worker_leaves(self) -> None:
        if (worker := self.any_of(self.books.workers)) is not None:
            self.script.worker_leaves(worker)

    def client_leaves(self) -> None:
        if (client := self.any_client()) is not None and self.random.random() < 0.3:
            self.script.client_leaves(client)

    def worker_breaks_off(self) -> None:
        if (worker := self.any_of(self.books.workers)) is not None:
            self.script.worker_breaks(worker)

    def worker_comes_back(self) -> None:
        away = [worker.id for worker in self.books.workers.values() if not worker.is_connected]
        if (worker := self.any_of(away)) is None:
            return
        if self.random.random() < 0.5:
            self.script.worker_resumes(worker)
            return
        record = self.books.workers[worker]
        executing = (*record.processing, *record.seceded)
        runs = [task.key for task in executing if self.random.random() < 0.7]
        half = len(runs) // 2
        held = [task.key for task in record.has if self.random.random() < 0.7]
        self.script.worker_returns(
            worker,
            held=[key for key in held if (worker, key) in self.script.attempts],
            running=runs[:half],
            finished=runs[half:],
            threads=record.nthreads,
            resources=dict(record.hello.resources),
        )

    def client_breaks_off(self) -> None:
        if (client := self.any_client()) is not None:
            self.script.client_breaks(client)

    def client_comes_back(self) -> None:
        if (client := self.any_client()) is not None:
            self.script.client_resumes(client)

    def replicates(self) -> None:
        keys = [key for key, task in self.books.tasks.items() if task.state is MEMORY]
        orders.replicate(
            self.script.brain, keys[-5:], self.random.choice([0, 2]), (), self.script.now
        )
        self.script.listen()

    def rebalances(self) -> None:
        orders.rebalance(self.script.brain, (), (), self.script.now)
        self.script.listen()

    def retires(self) -> None:
        if self.random.random() < 0.3 and (worker := self.any_of(self.books.workers)) is not None:
            if self.random.random() < 0.5:
                self.script.status(worker, CLOSING)
            leaving = orders.retire(self.script.brain, [worker], self.script.now)
            self.script.listen()
            if self.random.random() < 0.5:
                orders.stay(self.script.brain, leaving, self.script.now)
            self.script.listen()

    def leaves_as_told(self) -> None:
        for worker, retirement in list(self.script.brain.retiring.items()):
            if retirement.is_told:
                self.script.worker_breaks(worker.id)

    def copies(self) -> None:
        for task, targets in list(self.books.copying.items()):
            for target in list(targets):
                if target.is_connected and self.random.random() < 0.5:
                    if self.random.random() < 0.8:
                        self.script.stored(target.id, task.key)
                    else:
                        holder = self.any_of(worker.id for worker in task.who_has)
                        self.script.missing(target.id, task.key, holder or "?")

    def answers_revokes(self) -> None:
        for worker in list(self.books.workers.values()):
            for task in list(worker.revoked):
                if worker.is_connected and self.random.random() < 0.7:
                    self.script.answer_revoke(worker.id, task.key, self.random.random() < 0.5)

    def begins(self) -> None:
        worker = self.books.workers.get(self.any_of(self.books.workers) or "")
        if worker is not None and worker.processing:
            self.script.begin(worker.id, next(iter(worker.processing)).key)

    def secedes(self) -> None:
        worker = self.books.workers.get(self.any_of(self.books.workers) or "")
        if worker is not None and worker.is_connected and worker.processing:
            task = self.any_of(worker.processing)
            if (worker.id, task.key) in self.script.attempts:
                self.script.secede(worker.id, task.key)

    def rejoins(self) -> None:
        for worker in list(self.books.workers.values()):
            if worker.seceded and worker.is_connected:
                self.script.secede(worker.id, self.any_of(worker.seceded).key, rejoined=True)

    def reschedules(self) -> None:
        worker = self.books.workers.get(self.any_of(self.books.workers) or "")
        if worker is not None and worker.is_connected and worker.processing:
            self.script.reschedule(worker.id, self.any_of(worker.processing).key)

    def time_passes(self) -> None:
        silent = [worker for worker in self.books.workers if self.random.random() < 0.2]
        self.script.pass_time(self.random.choice([1.0, 10.0, 20.0]), silent)

    def status_changes(self) -> None:
        if (worker := self.any_of(self.books.workers)) is not None:
            self.script.status(worker, self.random.choice([PAUSED, RUNNING, RUNNING]))

    def submits(self) -> None:
        if (client := self.any_client()) is None:
            return
        words = []
        known = list(self.books.tasks)[-20:]
        for _ in range(self.random.randint(1, 8)):
            self.keys += 1
            key = f"k{self.keys}"
            names = self.random.sample(known, min(len(known), self.random.choice([0, 0, 1, 2, 3])))
            words.append(f"{key}={','.join(names)}")
            known.append(key)
        self.random.shuffle(words)
        options = self.random.choice(
            [
                {},
                {},
                {"retries": 1},
                {"actor": True},
                {"priority": 1},
                {"resources": {"GPU": 1.0}},
                {"workers": ["w1"]},
            ]
        )
        wants = [word.split("=")[0] for word in words if self.random.random() < 0.5] or None
        self.script.submit(client, " ".join(words), wants=wants, **dict(options))

    def finishes(self) -> None:
        for worker in self.books.workers.values():
            executing = (*worker.processing, *worker.seceded)
            some = [task for task in executing if self.random.random() < 0.6]
            nbytes = self.random.choice([8, 10**6])
            value = b"v" * self.random.choice([0, 10])
            seconds = self.random.choice([1e-6, 0.01, 1.0])
            for task in some:
                if task.processing_on is worker:
                    self.script.finish(
                        worker.id, task.key, nbytes=nbytes, value=value, seconds=seconds
                    )

    def fails(self) -> None:
        worker = self.books.workers.get(self.any_of(self.books.workers) or "")
        task = self.any_of(worker.processing) if worker is not None else None
        if task is not None:
            self.script.fail(worker.id, task.key, retryable=self.random.random() < 0.8)

    def repeats_itself(self) -> None:
        """Late and double reports, of attempts that may have been given up."""
        if self.script.attempts:
            (worker, key), attempt = self.random.choice(list(self.script.attempts.items()))
            self.script.finish(worker, key, attempt=attempt - self.random.choice([0, 0, 1]))

    def misses(self) -> None:
        reporter, holder = self.any_of(self.books.workers), self.any_of(self.books.workers)
        key = self.any_of(list(self.books.tasks)[-20:])
        if reporter is not None and key is not None:
            self.script.missing(reporter, key, holder or "?", self.random.random() < 0.5)

    def stores(self) -> None:
        worker, key = self.any_of(self.books.workers), self.any_of(list(self.books.tasks)[-20:])
        if worker is not None and key is not None:
            self.script.stored(worker, key)

    def scatters(self) -> None:
        client, worker = self.any_client(), self.any_of(self.books.workers)
        if client is not None and worker is not None:
            known = self.any_of(list(self.books.tasks)[-20:])
            key = known if known and self.random.random() < 0.3 else self.name("d")
            self.script.scatter(client, key, worker, nbytes=10)

    def releases(self) -> None:
        client = self.books.clients.get(self.any_client() or "")
        if client is not None:
            self.script.release(
                client.id, *(t.key for t in list(client.wants) if self.random.random() < 0.3)
            )

    def cancels(self) -> None:
        client, key = self.any_client(), self.any_of(list(self.books.tasks)[-20:])
        if client is not None and key is not None:
            self.script.cancel(client, key, force=self.random.random() < 0.3)

    def retries(self) -> None:
        client = self.any_client()
        erred = [key for key, task in self.books.tasks.items() if task.state is ERRED]
        if client is not None and erred:
            self.script.retry(client, self.random.choice(erred))

    def play(self) -> None:
        events: list[Callable[[], None]] = [
            *[self.submits] * 4,
            *[self.finishes] * 6,
            self.worker_joins,
            self.worker_dies,
            self.worker_leaves,
            self.client_joins,
            self.client_leaves,
            self.status_changes,
            self.worker_breaks_off,
            *[self.worker_comes_back] * 2,
            self.client_breaks_off,
            *[self.client_comes_back] * 2,
            self.time_passes,
            *[self.answers_revokes] * 2,
            self.begins,
            *[self.secedes] * 2,
            self.rejoins,
            self.reschedules,
            self.replicates,
            self.rebalances,
            self.retires,
            self.leaves_as_told,
            *[self.copies] * 2,
            self.fails,
            self.repeats_itself,
            self.misses,
            self.stores,
            self.scatters,
            *[self.releases] * 2,
            self.cancels,
            self.retries,
        ]
        for _ in range(EVENTS):
            self.random.choice(events)()

    def heal(self) -> None:
        for worker in list(self.books.workers.values()):
            if worker in self.script.brain.retiring:
                self.script.worker_leaves(worker.id)
                continue
            if not worker.is_connected:
                self.script.worker_resumes(worker.id)
            self.script.status(worker.id, RUNNING)
        if "w1" not in self.books.workers:
            self.script.worker("w1")
        self.script.worker("healthy", resources={"GPU": 1.0})
        self.script.pass_time(200.0)  # cuts are tried again
        workers = self.books.workers
        while any(worker.processing or worker.seceded for worker in workers.values()):
            for worker in list(workers.values()):
                executing = (*worker.processing, *worker.seceded)
                self.script.finish(worker.id, *(task.key for task in executing))


@pytest.mark.parametrize("seed", range(40))
def test_random_events(seed: int) -> None:
    chaos = Chaos(seed)
    chaos.play()
    chaos.heal()
    books = chaos.books
    stuck = [
        task
        for task in books.tasks.values()
        if task.wanted_by and task.state not in (MEMORY, ERRED)
    ]
    assert stuck == []
    for client in list(books.clients.values()):
        chaos.script.client_leaves(client.id)
    assert not books.tasks
    assert not books.counts()
    assert books.kept_nbytes == 0
    for worker in books.workers.values():
        assert (worker.occupancy_ns, worker.held_nbytes) == (0, 0)
        assert not any(worker.resources_used.values())


def test_a_long_life() -> None:
    chaos = Chaos(10)
    for _ in range(5):
        chaos.play()  # the script audits the brain after each event
