"""Large results on their way: from one worker to the other, and to the client.

Between processes of one machine a system may have a shorter way than through a socket. What it does
by itself is measured, and what it would do between machines.

The first one in a process goes to memory that the process has yet to be given, which can cost more
than the way; later ones find some. Both happen to users, so both are shown.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any, Final

from systems.cluster import BY_SOCKET, SHARED_ARRAYS, TRANSFERS, Cluster, System

from workloads.functions import block, keep_block, kept_block, large, maker, nbytes_of, shared_block
from workloads.peaks import PeakMemory
from workloads.warming import Stopwatch, check, on_every_worker, rest, warm_cluster
from workloads.workload import Metric, Workload

MIB: Final = 1 << 20
REPEATS: Final = 8
TRIES_MAX: Final = 20

Trip = Callable[[], object]
"""Moves values when it is called, and returns what has come."""
Way = Callable[[Cluster, int], Iterator[Trip]]
"""Makes values of so many bytes, each to be moved by the trip that is yielded."""
Make = Callable[[int, int], object]
"""Makes a block of so many bytes, another one for each number."""


def _first(samples: Sequence[float]) -> float:
    return samples[0]


def _later(samples: Sequence[float]) -> float:
    return statistics.median(samples[1:] or samples)


RATES: Final = (
    Metric("first", "MiB/s", more_is_better=True, summarise=_first),
    Metric("later", "MiB/s", more_is_better=True, summarise=_later),
)


MULTIPLE: Final = (Metric("", "times", more_is_better=False, summarise=_later),)


def to_the_other_worker(cluster: Cluster, nbytes: int, make: Make = block) -> Iterator[Trip]:
    """A task needs two blocks, one from each worker: one has to move."""
    numbers = count()
    for _ in range(REPEATS):
        blocks = _one_on_each_worker(cluster, partial(make, nbytes), numbers)
        yield partial(_nbytes_of_both, cluster, blocks)


def _one_on_each_worker(
    cluster: Cluster, make: Callable[[int], object], numbers: Iterator[int]
) -> list[Any]:
    for _ in range(TRIES_MAX):
        blocks = [cluster.submit(make, next(numbers)) for _ in range(2)]
        if len({cluster.result(cluster.submit(maker, made)) for made in blocks}) == 2:
            return blocks
    raise RuntimeError(f"both blocks were on the same worker {TRIES_MAX} times")


def _nbytes_of_both(cluster: Cluster, blocks: list[Any]) -> int:
    nbytes: int = cluster.result(cluster.submit(nbytes_of, *blocks))
    return nbytes // 2


def to_the_client(cluster: Cluster, nbytes: int) -> Iterator[Trip]:
    """A task returns a block that the worker has had all the time.

    The task counts, since that is when some systems copy its result to where others can have it.
    """
    on_every_worker(cluster, keep_block, nbytes)
    for number in range(REPEATS):
        yield lambda: cluster.result(cluster.submit(kept_block, nbytes, number))  # noqa: B023


def once_to_the_client(cluster: Cluster, nbytes: int) -> Iterator[Trip]:
    """A task has made a block."""
    made = cluster.submit(large, nbytes)
    cluster.wait([made])
    yield partial(cluster.result, made)


def rates(way: Way, system: System, size: int, *, by_socket: bool = False) -> Generator[float]:
    """Yield MiB a second on a way."""
    with warm_cluster(system, by_socket=by_socket) as cluster:
        for trip in way(cluster, size * MIB):
            rest()
            with Stopwatch() as watch:
                come = trip()
            check(_nbytes(come), size * MIB)
            yield size / watch.elapsed_s
            del come, trip
            rest()


def multiples(way: Way, system: System, size: int, *, by_socket: bool = False) -> Generator[float]:
    """Yield memory at its peak as a multiple of the data, whose source counts as 1."""
    with warm_cluster(system, by_socket=by_socket) as cluster:
        for trip in way(cluster, size * MIB):
            rest()
            with PeakMemory() as memory:
                come = trip()
            check(_nbytes(come), size * MIB)
            yield 1 + memory.growth_nbytes / (size * MIB)
            del come, trip
            rest()


def _nbytes(come: Any) -> int:  # noqa: ANN401
    return come if isinstance(come, int) else int(come.nbytes)


def _workloads(
    title: str, way: Way, *needs: str, sockets: Sequence[bool] = (False, True)
) -> Iterator[Workload]:
    """Yield the speed and the memory of a way, as the system likes it and by socket."""
    name = title.replace(" ", "-")
    for by_socket in sockets:
        how = "by socket, " if by_socket else ""
        suffix = "-by-socket" if by_socket else ""
        offers = frozenset({*needs, BY_SOCKET} if by_socket else needs)
        yield Workload(
            name=f"{name}{suffix}",
            title=f"{how}{title}" if by_socket else f"{{size}} MiB {title}",
            metrics=RATES,
            measure=partial(rates, way, by_socket=by_socket),
            size=256,
            quick_size=64,
            needs=offers,
        )
        yield Workload(
            name=f"{name}-memory{suffix}",
            title=f"{how}{title}, peak",
            metrics=MULTIPLE,
            measure=partial(multiples, way, by_socket=by_socket),
            size=256,
            quick_size=64,
            needs=offers,
        )


WORKLOADS: Final = (
    *_workloads("worker to worker", to_the_other_worker, TRANSFERS),
    *_workloads(
        "worker to worker shm",
        partial(to_the_other_worker, make=shared_block),
        TRANSFERS,
        SHARED_ARRAYS,
        sockets=(False,),
    ),
    *_workloads("worker to client", to_the_client),
    Workload(
        name="large-value",
        title="{size:,} MiB worker to client",
        metrics=(Metric("", "MiB/s", more_is_better=True),),
        measure=partial(rates, once_to_the_client, by_socket=True),
        size=5 * 1024,
        quick_size=512,
        needs=frozenset({TRANSFERS, BY_SOCKET}),
        memory_mib=lambda size: 3 * size,
        timeout_s=600.0,
    ),
)
