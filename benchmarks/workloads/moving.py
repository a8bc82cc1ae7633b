"""Large results on their way: from one worker to the other, and to the client."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import count
from typing import Any, Final

from systems.cluster import TRANSFERS, Cluster, System

from workloads.functions import block, keep_block, kept_block, maker, nbytes_of
from workloads.warming import Stopwatch, check, on_every_worker, rest, warm_cluster
from workloads.workload import Metric, Workload

MIB: Final = 1 << 20
REPEATS: Final = 3
TRIES_MAX: Final = 20
RATE: Final = Metric("", "MiB/s", more_is_better=True)


def to_the_other_worker(system: System, size: int) -> Generator[float]:
    """Yield MiB a second of a task that needs two blocks, one from each worker: one has to move."""
    numbers = count()
    with warm_cluster(system) as cluster:
        for _ in range(REPEATS):
            blocks = _one_on_each_worker(cluster, size * MIB, numbers)
            rest()
            with Stopwatch() as watch:
                nbytes = cluster.result(cluster.submit(nbytes_of, *blocks))
            check(nbytes, 2 * size * MIB)
            yield size / watch.elapsed_s
            del blocks
            rest()


def _one_on_each_worker(cluster: Cluster, nbytes: int, numbers: Iterator[int]) -> list[Any]:
    for _ in range(TRIES_MAX):
        blocks = [cluster.submit(block, nbytes, next(numbers)) for _ in range(2)]
        if len({cluster.result(cluster.submit(maker, made)) for made in blocks}) == 2:
            return blocks
    raise RuntimeError(f"both blocks were on the same worker {TRIES_MAX} times")


def to_the_client(system: System, size: int) -> Generator[float]:
    """Yield MiB a second of a task whose result of that size is there already, and of its way here.

    The task counts, since that is when some systems copy its result to where others can have it.
    """
    with warm_cluster(system) as cluster:
        on_every_worker(cluster, keep_block, size * MIB)
        for number in range(REPEATS):
            with Stopwatch() as watch:
                array = cluster.result(cluster.submit(kept_block, size * MIB, number))
            check(array.nbytes, size * MIB)
            yield size / watch.elapsed_s
            del array
            rest()


WORKLOADS: Final = (
    Workload(
        name="worker-to-worker",
        title="{size} MiB from worker to worker",
        metrics=(RATE,),
        measure=to_the_other_worker,
        size=256,
        quick_size=64,
        needs=frozenset({TRANSFERS}),
    ),
    Workload(
        name="worker-to-client",
        title="{size} MiB from worker to client",
        metrics=(RATE,),
        measure=to_the_client,
        size=256,
        quick_size=64,
    ),
)
