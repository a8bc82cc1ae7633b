"""A cluster that is ready: both workers have started, loaded the functions and met the client."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final, Self

from systems.cluster import Cluster, System

from workloads.functions import add, increment, nap, same

NWORKERS: Final = 2
NAP_S: Final = 0.02
TRIES_MAX: Final = 100
FIRST_TASKS: Final = 500
REST_S: Final = 0.3


@contextmanager
def warm_cluster(
    system: System, *, scheduler_alone: bool = False, by_socket: bool = False
) -> Iterator[Cluster]:
    """Start a cluster and let it work a little, in the same way for all systems."""
    with system(scheduler_alone=scheduler_alone, by_socket=by_socket) as cluster:
        on_every_worker(cluster, nap, NAP_S)
        numbers = range(-FIRST_TASKS, 0)
        check(cluster.gather(cluster.map(same, numbers)), list(numbers))
        for number in range(-20, 0):
            check(cluster.result(cluster.submit(increment, number)), number + 1)
            check(cluster.result(cluster.submit(add, number, 1)), number + 1)
        rest()
        yield cluster


def on_every_worker(cluster: Cluster, work: Callable[..., int], *arguments: object) -> None:
    """Have each worker do something at least once; it returns the worker's process id.

    Raises
    ------
    RuntimeError
        If the second worker never takes a task.
    """
    numbers, seen = count(), set[int]()
    for _ in range(TRIES_MAX):
        batch = [cluster.submit(work, *arguments, next(numbers)) for _ in range(4 * NWORKERS)]
        seen.update(cluster.gather(batch))
        if len(seen) == NWORKERS:
            return
    raise RuntimeError(f"{len(seen)} of {NWORKERS} workers took a task in {TRIES_MAX} tries")


def rest() -> None:
    """Let the cluster come to rest between samples: results are released in the background."""
    gc.collect()
    time.sleep(REST_S)


class Stopwatch:
    """Measures how long a `with` block takes: the one clock of all workloads and systems."""

    elapsed_s = 0.0

    def __enter__(self) -> Self:
        self._start_s = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.elapsed_s = time.perf_counter() - self._start_s


def check(value: object, expected: object) -> None:
    """Refuse a wrong result: the speed of a wrong answer is of no interest."""
    if value != expected:
        raise AssertionError(f"expected {str(expected)[:200]}, got {str(value)[:200]}")
