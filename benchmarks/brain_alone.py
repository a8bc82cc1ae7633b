"""The scheduler's brain alone, without gRPC: what a task costs it from submission to release.

Workers and the client are played: they answer at once, and only the time inside the brain counts.
Runs with `make bench-scale`, or by itself: ``python -m benchmarks.brain_alone``.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gdistributed.cli.serving import collect_rarely
from gdistributed.core.scheduler.brain import SchedulerBrain
from gdistributed.v1 import scheduler_pb2, server_pb2, worker_pb2

PYTHON = worker_pb2.RuntimeOffer(runtime="python", runs_code=True, any_name=True)
GRAPH_TASKS = 1000
RUN_NS = 100_000


@dataclass
class Played:
    """A brain whose workers and client do as they are told.

    Parameters
    ----------
    workers
        How many, of one thread each.

    Attributes
    ----------
    spent_s
        Time inside the brain so far.
    """

    workers: int
    brain: SchedulerBrain = field(default_factory=SchedulerBrain)
    spent_s: float = 0.0
    now: float = 0.0
    graphs: int = 0

    def __post_init__(self) -> None:
        software = server_pb2.Software(protocol_major=1)
        for number in range(self.workers):
            hello = worker_pb2.WorkerHello(
                software=software,
                worker_id=f"w{number}",
                name=f"w{number}",
                address=f"127.0.0.1:{number}",
                host=f"host{number}",
                nthreads=1,
                runtimes=[PYTHON],
            )
            self.brain.worker_connected(hello, self.now)
        self.brain.client_connected(scheduler_pb2.ClientHello(client_id="c"), self.now)
        batch = scheduler_pb2.FromClient()
        batch.functions.add(id="f", runtime="python", name="m.f")
        batch.templates.add(id=1, function_id="f", prefix="f")
        self.tell(batch)

    def timed(self, event: Callable[..., object], *arguments: object) -> object:
        """Call the brain, and count the time."""
        begun = time.perf_counter()
        answer = event(*arguments)
        self.spent_s += time.perf_counter() - begun
        return answer

    def tell(self, batch: scheduler_pb2.FromClient) -> None:
        """Say something as the client."""
        self.timed(self.brain.on_client, "c", batch, self.now)

    def run_all(self) -> None:
        """Let the workers do all that they are told, until there is nothing more."""
        while (peers := self.brain.workers.fresh()) or self._goes_on():
            for peer in peers:
                while (told := self.timed(self.brain.workers.take, peer)) is not None:
                    self._answer(peer, told)  # type: ignore[arg-type]
            self.listen()

    def _goes_on(self) -> bool:
        """Let the brain do what it wants done at once, if there is something."""
        deadline = self.brain.deadline
        if deadline is None or deadline > self.now:
            return False
        self.timed(self.brain.on_time, self.now)
        return True

    def _answer(self, peer: str, told: worker_pb2.ToWorker) -> None:
        if not told.run:
            return
        self.now += 1e-6
        batch = worker_pb2.FromWorker()
        for run in told.run:
            batch.finished.add(
                key=run.key, attempt=run.attempt, nbytes=28, type="int", run_ns=RUN_NS, value=b"v"
            )
        self.timed(self.brain.on_worker, peer, batch, self.now)

    def listen(self) -> None:
        """Take the client's mail."""
        self.brain.clients.fresh()
        while self.timed(self.brain.take_for_client, "c") is not None:
            pass

    def submit(self, tasks: Iterator[tuple[str, list[str]]], wants_all: bool = False) -> None:
        """Submit one graph, each task with its key and its dependencies."""
        self.graphs += 1
        batch = scheduler_pb2.FromClient()
        graph = batch.graphs.add(number=self.graphs, wants_all=wants_all)
        last = ""
        for order, (key, dependencies) in enumerate(tasks):
            graph.tasks.add(
                key=key, template=1, dependencies=dependencies, order=order, arguments=b"a" * 40
            )
            last = key
        if not wants_all:
            graph.wants.append(last)
        self.tell(batch)

    def submit_array(self, keys: list[str]) -> None:
        """Submit tasks without dependencies, all wanted."""
        self.graphs += 1
        batch = scheduler_pb2.FromClient()
        graph = batch.graphs.add(number=self.graphs, wants_all=True)
        graph.arrays.add(template=1, keys=keys, arguments=[b"a" * 40] * len(keys))
        self.tell(batch)

    def release(self, keys: list[str]) -> None:
        """Want keys no longer."""
        for begin in range(0, len(keys), 10_000):
            self.tell(scheduler_pb2.FromClient(release=keys[begin : begin + 10_000]))
        self.run_all()


def independent(played: Played, count: int) -> int:
    """Run tasks that have nothing to do with each other."""
    keys = [f"f-{number:08d}" for number in range(count)]
    for begin in range(0, count, GRAPH_TASKS):
        played.submit_array(keys[begin : begin + GRAPH_TASKS])
    played.run_all()
    played.release(keys)
    return count


def tree(played: Played, count: int) -> int:
    """Reduce leaves two by two, in one graph."""
    leaves = 1 << (count.bit_length() - 2)

    def nodes() -> Iterator[tuple[str, list[str]]]:
        level = [f"leaf-{number:08d}" for number in range(leaves)]
        yield from ((key, []) for key in level)
        depth = 0
        while len(level) > 1:
            depth += 1
            above = [f"node-{depth}-{number:08d}" for number in range(len(level) // 2)]
            for number, key in enumerate(above):
                yield key, level[2 * number : 2 * number + 2]
            level = above

    played.submit(nodes())
    played.run_all()
    played.release([f"node-{leaves.bit_length() - 1}-{0:08d}"])
    return 2 * leaves - 1


def chains(played: Played, count: int) -> int:
    """Run layers of 1,000 tasks, each of which needs the one below it."""
    return _layers(played, count, (0,))


def woven_layers(played: Played, count: int) -> int:
    """Run layers of 1,000 tasks, each of which needs three of the layer before."""
    return _layers(played, count, (-1, 0, 1))


def _layers(played: Played, count: int, offsets: tuple[int, ...]) -> int:
    width = 1000

    def nodes() -> Iterator[tuple[str, list[str]]]:
        for layer in range(count // width):
            for number in range(width):
                before = {(number + offset) % width for offset in offsets} if layer else ()
                yield f"t-{layer}-{number}", [f"t-{layer - 1}-{each}" for each in before]
        yield "last", [f"t-{count // width - 1}-{number}" for number in range(width)]

    played.submit(nodes())
    played.run_all()
    played.release(["last"])
    return count + 1


SHAPES: dict[str, Callable[[Played, int], int]] = {
    "independent": independent,
    "tree": tree,
    "layers of 1,000, one dependency": chains,
    "layers of 1,000, three dependencies": woven_layers,
}


def microseconds_a_task(shape: str, count: int, workers: int) -> float:
    """Run a shape once with a fresh brain."""
    played = Played(workers)
    played.spent_s = 0.0
    gc.collect()
    gc.freeze()
    tasks = SHAPES[shape](played, count)
    gc.unfreeze()
    if played.brain.books.tasks:
        raise RuntimeError(f"{shape}: {len(played.brain.books.tasks)} tasks were not forgotten")
    return played.spent_s / tasks * 1e6


def main() -> None:
    """Print a line for each shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    collect_rarely()  # as in the scheduler's process
    for shape in SHAPES:
        each = [
            microseconds_a_task(shape, options.tasks, options.workers)
            for _ in range(options.rounds)
        ]
        print(f"{shape:36} {statistics.median(each):6.1f} µs a task ({min(each):.1f} at best)")


if __name__ == "__main__":
    main()
