"""Who comes first: priorities, generations, clients in turn; and how much memory that takes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from random import Random

from gdistributed.core.scheduler.brain import SchedulerBrain
from gdistributed.v1 import scheduler_pb2, server_pb2, worker_pb2
from tests.core.scheduler.script import Script

MIB = 2**20


def begun(script: Script, *tasks: str) -> list[str]:
    """Let one worker do everything, and return the order in which it was told to."""
    order = []
    while words := script.said("w"):
        for word in words:
            if word.startswith("run "):
                key = word.split()[1]
                order.append(key)
                script.finish("w", key)
    script.heard.clear()
    return [key for key in order if not tasks or key in tasks]


def two_clients() -> Script:
    script = Script()
    script.client("c")
    script.client("d")
    return script


def test_a_higher_priority_comes_first_and_graphs_of_one_priority_as_they_came() -> None:
    script = two_clients()
    script.submit("c", "low1 low2", priority=-1)
    script.submit("c", "a1 a2")
    script.submit("c", "high", priority=2)
    script.submit("c", "b1 b2")
    script.worker("w")
    assert begun(script) == ["high", "a1", "a2", "b1", "b2", "low1", "low2"]


def test_a_later_graph_of_low_priority_never_comes_before_an_earlier_one() -> None:
    script = two_clients()
    script.submit("c", " ".join(f"first{n}" for n in range(50)))
    script.worker("w")
    script.submit("c", " ".join(f"later{n}" for n in range(50)), priority=-5)
    order = begun(script)
    assert [key for key in order if key.startswith("first")] == order[:50]


def test_a_client_with_ten_tasks_does_not_wait_for_another_ones_thousand() -> None:
    script = two_clients()
    script.submit("c", " ".join(f"many{n}" for n in range(1000)), array=True)
    script.worker("w")
    script.submit("d", " ".join(f"few{n}" for n in range(10)))
    order = begun(script)
    assert order.index("few9") < 25
    assert [key for key in order if key.startswith("few")] == [f"few{n}" for n in range(10)]


def test_a_client_does_not_get_ahead_by_submitting_in_many_graphs() -> None:
    script = two_clients()
    script.worker("w")
    for n in range(20):
        script.submit("c", f"c{n}")
    for n in range(20):
        script.submit("d", f"d{n}")
    order = begun(script)
    first = order[:20]
    assert 8 <= sum(key.startswith("c") for key in first) <= 12


def test_what_a_task_submits_comes_before_the_rest_of_its_generation() -> None:
    script = two_clients()
    script.submit("c", "parent sibling1 sibling2 sibling3")
    script.worker("w")
    assert script.said("w") == ["run parent", "run sibling1"]
    batch = scheduler_pb2.FromClient()
    template = script._template("d", batch, {})
    graph = batch.graphs.add(number=1, wants_all=True, submitted_by="parent")
    for key in ("child1", "child2"):
        graph.tasks.add(key=key, template=template, order=len(graph.tasks))
    script.say_client("d", batch)
    script.finish("w", "sibling1")
    assert script.said("w") == ["run child1"]
    script.finish("w", "child1")
    assert script.said("w") == ["run child2"]
    script.heard.clear()


def test_the_pieces_of_one_graph_keep_their_order() -> None:
    script = two_clients()
    batch = scheduler_pb2.FromClient()
    template = script._template("c", batch, {})
    first = batch.graphs.add(number=1, more=True, span=10)
    other = batch.graphs.add(number=2, wants_all=True)
    last = batch.graphs.add(number=3, wants=["x0", "x1", "x5", "x9"], begun_by=1)
    for graph, orders in ((first, (0, 5)), (other, (2,)), (last, (1, 9))):
        for order in orders:
            graph.tasks.add(key=f"x{order}", template=template, order=order)
    script.say_client("c", batch)
    script.worker("w")
    assert begun(script) == ["x0", "x1", "x5", "x9", "x2"]


def test_an_exhausted_resource_blocks_only_those_who_need_it() -> None:
    script = two_clients()
    script.worker("w", resources={"GPU": 1.0})
    script.submit("c", "g1 g2 g3", resources={"GPU": 1.0})
    script.submit("c", "x1 x2 x3")
    assert script.said("w") == ["run g1", "run x1"]
    script.finish("w", "x1")
    assert script.said("w") == ["run x2"]
    script.finish("w", "g1")
    assert script.said("w")[0] == "run g2"
    assert script.brain.books.workers["w"].resources_used == {"GPU": 1.0}
    script.heard.clear()


# In virtual time: workers that take as long as they say, and how much is stored at most


class Timed:
    """A brain with workers of one thread; a run takes the time that `seconds` gives for its key."""

    def __init__(self, workers: int, seconds: Callable[[str], float], nbytes: int) -> None:
        self.brain = SchedulerBrain()
        self.seconds, self.nbytes = seconds, nbytes
        self.now = 0.0
        self.running: set[str] = set()
        self.queues: dict[str, list[tuple[int, str, int]]] = {}
        self.ends: list[tuple[float, str, str, int]] = []
        self.stored: set[str] = set()
        self.held_nbytes = self.peak_nbytes = 0
        python = worker_pb2.RuntimeOffer(runtime="python", runs_code=True, any_name=True)
        for number in range(workers):
            name = f"w{number}"
            self.queues[name] = []
            hello = worker_pb2.WorkerHello(
                worker_id=name, name=name, address=name, nthreads=1, runtimes=[python],
                software=server_pb2.Software(protocol_major=1),
            )  # fmt: skip
            self.brain.worker_connected(hello, 0.0)
        self.brain.client_connected(scheduler_pb2.ClientHello(client_id="c"), 0.0)

    def compute(self, tasks: Iterator[tuple[str, str, list[str]]], wants: list[str]) -> None:
        """Run a graph: for each task its key, its prefix, and what it depends on."""
        batch = scheduler_pb2.FromClient()
        batch.functions.add(id="f", runtime="python", name="m.f")
        graph = batch.graphs.add(number=1, wants=wants)
        templates: dict[str, int] = {}
        for order, (key, prefix, dependencies) in enumerate(tasks):
            if prefix not in templates:
                templates[prefix] = len(templates) + 1
                batch.templates.add(id=templates[prefix], function_id="f", prefix=prefix)
            graph.tasks.add(
                key=key, template=templates[prefix], dependencies=dependencies, order=order
            )
        self.brain.on_client("c", batch, self.now)
        self.listen()
        while self.ends:
            self.now, worker, key, attempt = heapq.heappop(self.ends)
            self._end(worker, key, attempt)

    def _end(self, worker: str, key: str, attempt: int) -> None:
        self.stored.add(key)
        self.held_nbytes += self._nbytes(key)
        self.peak_nbytes = max(self.peak_nbytes, self.held_nbytes)
        report = worker_pb2.FromWorker()
        report.finished.add(
            key=key, attempt=attempt, nbytes=self._nbytes(key),
            run_ns=int(self.seconds(key) * 1e9), type="bytes",
        )  # fmt: skip
        self.running.discard(worker)
        self.brain.on_worker(worker, report, self.now)
        self._begin(worker)
        self.listen()

    def _nbytes(self, key: str) -> int:
        return self.nbytes if key.startswith("produce") else 8

    def listen(self) -> None:
        for worker in self.brain.workers.fresh():
            while (batch := self.brain.workers.take(worker)) is not None:
                for key in batch.free:
                    self.stored.remove(key)
                    self.held_nbytes -= self._nbytes(key)
                for revoked in batch.revoke:
                    self._give_back(worker, revoked)
                for run in batch.run:
                    heapq.heappush(self.queues[worker], (run.rank, run.key, run.attempt))
                self._begin(worker)
        while self.brain.take_for_client("c") is not None:
            pass

    def _give_back(self, worker: str, revoked: worker_pb2.TaskAttempt) -> None:
        queue = self.queues[worker]
        left = [entry for entry in queue if entry[1] != revoked.key]
        answer = worker_pb2.FromWorker()
        answer.revoked.add(
            key=revoked.key, attempt=revoked.attempt, given_back=len(left) < len(queue)
        )
        self.queues[worker] = left
        heapq.heapify(left)
        self.brain.on_worker(worker, answer, self.now)

    def _begin(self, worker: str) -> None:
        if self.queues[worker] and worker not in self.running:
            _, key, attempt = heapq.heappop(self.queues[worker])
            self.running.add(worker)
            heapq.heappush(self.ends, (self.now + self.seconds(key), worker, key, attempt))


def test_ten_thousand_producers_do_not_flood_the_memory() -> None:
    count = 10_000

    def tasks() -> Iterator[tuple[str, str, list[str]]]:
        for number in range(count):
            yield f"produce-{number}", "produce", []
            yield f"consume-{number}", "consume", [f"produce-{number}"]

    for producer_s, consumer_s in ((0.0001, 0.0001), (0.001, 0.02)):
        seconds = {"produce": producer_s, "consume": consumer_s}
        played = Timed(4, lambda key, s=seconds: s[key.partition("-")[0]], MIB)
        played.compute(tasks(), [f"consume-{number}" for number in range(count)])
        assert not [key for key in played.stored if key.startswith("produce")]
        assert played.peak_nbytes < 0.05 * count * MIB


def reduction(leaves: int) -> list[tuple[str, str, list[str]]]:
    """A binary tree of tasks in the order of a walk in depth, as dask.order gives it."""
    tasks: list[tuple[str, str, list[str]]] = []

    def node(low: int, high: int) -> str:
        if high - low == 1:
            tasks.append((f"produce-{low}", "produce", []))
        else:
            middle = (low + high) // 2
            below = [node(low, middle), node(middle, high)]
            tasks.append((f"produce-{low}-{high}", "produce", below))
        return tasks[-1][0]

    node(0, leaves)
    return tasks


def test_a_long_reduction_takes_less_memory_in_its_order_than_first_come() -> None:
    leaves = 256

    def peak(tasks: list[tuple[str, str, list[str]]]) -> int:
        random = Random(1)
        times = {key: random.uniform(0.5, 1.5) for key, _, _ in tasks}
        played = Timed(2, lambda key: times[key], MIB)
        played.compute(iter(tasks), [f"produce-0-{leaves}"])
        return played.peak_nbytes

    ordered = reduction(leaves)
    first_come = sorted(ordered, key=lambda task: len(task[2]))  # all leaves first
    assert peak(ordered) * 5 < peak(first_come)
