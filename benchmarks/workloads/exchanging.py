"""All to all: what each of many tasks makes goes, cut into blocks, to each of as many others."""

from __future__ import annotations

import operator
from collections.abc import Generator, Hashable
from typing import Any, Final

from systems.cluster import GRAPHS, System

from workloads.functions import blocks_of, filled, sum_of_firsts
from workloads.warming import Stopwatch, check, rest, warm_cluster
from workloads.workload import Metric, Workload

KIB: Final = 1 << 10
MIB: Final = 1 << 20
BLOCK_NBYTES: Final = 256 * KIB
HEIGHT: Final = 128
WIDTH: Final = BLOCK_NBYTES // 8 // HEIGHT
REPEATS: Final = 3
TOTAL: Final = "total"
RATE: Final = Metric("", "MiB/s", more_is_better=True)


def all_to_all(system: System, size: int) -> Generator[float]:
    """Yield MiB a second of making, exchanging and looking at so many times so many blocks.

    Each block is a task of its own that takes it out of what its maker returned.
    """
    with warm_cluster(system) as cluster:
        for number in range(REPEATS):
            graph = _exchange(size, number)
            with Stopwatch() as watch:
                value = cluster.get(graph, (TOTAL, number))
            check(value, size * size * number)
            yield size * size * BLOCK_NBYTES / MIB / watch.elapsed_s
            rest()


def _exchange(size: int, number: int) -> dict[Hashable, object]:
    graph: dict[Hashable, object] = {
        ("make", number, i): (blocks_of, size, BLOCK_NBYTES, number) for i in range(size)
    }
    for i in range(size):
        made = ("make", number, i)
        graph |= {("cut", number, i, j): (operator.getitem, made, j) for j in range(size)}
    for j in range(size):
        blocks = [("cut", number, i, j) for i in range(size)]
        graph["take", number, j] = (sum_of_firsts, blocks)
    graph[TOTAL, number] = (sum, [("take", number, j) for j in range(size)])
    return graph


def rows_to_columns(system: System, size: int) -> Generator[float]:
    """Yield MiB a second of a dask array whose chunks of rows become as many of columns.

    How, is for dask and the system to choose: in steps, each a task for a block of a size that dask
    finds good, or from worker to worker beside the tasks, by way of files ("P2P"), as
    dask.distributed does where much moves.
    """
    import dask.array
    import numpy as np

    da: Any = dask.array  # it has no types
    rows = (HEIGHT,) * size, (WIDTH * size,)
    meta = np.empty((0, 0), dtype=np.int64)
    nnumbers = HEIGHT * size * WIDTH * size
    with warm_cluster(system) as cluster:
        for number in range(REPEATS):
            made = da.map_blocks(filled, number, chunks=rows, meta=meta)
            total = made.rechunk((HEIGHT * size, WIDTH)).sum()
            with Stopwatch() as watch:
                value = cluster.compute(total)
            check(int(value), number * nnumbers)
            yield nnumbers * 8 / MIB / watch.elapsed_s
            del made, total
            rest()


def _memory_mib(size: int) -> int:
    return 4 * size * size * BLOCK_NBYTES // MIB


WORKLOADS: Final = (
    Workload(
        name="all-to-all",
        title="{size}² blocks of 256 KiB, all to all",
        metrics=(RATE,),
        measure=all_to_all,
        size=100,
        quick_size=20,
        needs=frozenset({GRAPHS}),
        memory_mib=_memory_mib,
    ),
    Workload(
        name="rechunk",
        title="{size}² blocks, rechunk of an array",
        metrics=(RATE,),
        measure=rows_to_columns,
        size=100,
        quick_size=20,
        needs=frozenset({GRAPHS}),
        memory_mib=_memory_mib,
    ),
)
