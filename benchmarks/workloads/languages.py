"""Workers in Go beside those in Python: tasks that do nothing, and large values on their way to Go.

Each has its like in Python: `map-10000`, and the same bytes on the way to another Python worker.
Values go by socket, since a worker in Go shares no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Final

from systems.cluster import BY_SOCKET, GO, System

from workloads.functions import length, some_bytes
from workloads.moving import MIB, RATES, REPEATS
from workloads.warming import Stopwatch, check, rest, warm_cluster
from workloads.workload import TASK_RATE, Workload

NWORKERS: Final = 2
FIRST_TASKS: Final = 500
TASK_REPEATS: Final = 3


def map_in_go(system: System, size: int) -> Generator[float]:
    """Yield tasks a second of a function in Go that returns its argument, as in `mapping`."""
    with warm_cluster(system) as cluster, cluster.go_workers(NWORKERS) as (client, go):
        echo = go("plain.Echo")
        client.gather(client.map(echo, range(-FIRST_TASKS, 0)))
        for repeat in range(TASK_REPEATS):
            rest()
            numbers = range(repeat * size, (repeat + 1) * size)
            with Stopwatch() as watch:
                values = client.gather(client.map(echo, numbers))
            check(values, list(numbers))
            yield size / watch.elapsed_s


def bytes_from_python(system: System, size: int, *, to_go: bool) -> Generator[float]:
    """Yield MiB a second of bytes that one Python worker made and another worker needs."""
    with warm_cluster(system, by_socket=True) as cluster, cluster.go_workers(1) as (client, go):
        source, target = _python_workers(client)
        measure: Callable[..., Any] = length
        if to_go:
            measure, target = go("plain.Size"), "go-0"
        for number in range(REPEATS):
            made = client.submit(some_bytes, size * MIB, number, workers=[source])
            check(client.submit(length, made, number, workers=[source]).result(), size * MIB)
            rest()
            with Stopwatch() as watch:
                nbytes = client.submit(measure, made, workers=[target]).result()
            check(nbytes, size * MIB)
            yield size / watch.elapsed_s
            del made
            rest()


def bytes_from_go(system: System, size: int) -> Generator[float]:
    """Yield MiB a second of bytes that a Go worker made and a Python worker needs."""
    with warm_cluster(system, by_socket=True) as cluster, cluster.go_workers(1) as (client, go):
        source, target = _python_workers(client)
        for number in range(REPEATS):
            made = client.submit(some_bytes, size * MIB, number, workers=[source])
            echoed = client.submit(go("plain.Echo"), made, pure=False)
            check(client.submit(go("plain.Size"), echoed).result(), size * MIB)
            rest()
            with Stopwatch() as watch:
                nbytes = client.submit(length, echoed, number, workers=[target]).result()
            check(nbytes, size * MIB)
            yield size / watch.elapsed_s
            del made, echoed
            rest()


def _python_workers(client: Any) -> list[str]:  # noqa: ANN401
    workers = client.scheduler_info()["workers"].values()
    return sorted(worker["name"] for worker in workers if not worker["name"].startswith("go-"))


def _way(name: str, title: str, measure: Callable[[System, int], Generator[float]]) -> Workload:
    return Workload(
        name=name,
        title=f"{{size}} MiB {title}",
        metrics=RATES,
        measure=measure,
        size=256,
        quick_size=64,
        needs=frozenset({BY_SOCKET, GO}),
    )


WORKLOADS: Final = (
    Workload(
        name="map-10000-go",
        title="map+gather of {size:,} in Go",
        metrics=(TASK_RATE,),
        measure=map_in_go,
        size=10_000,
        quick_size=1_000,
        needs=frozenset({GO}),
    ),
    _way("python-to-python", "Python to Python", partial(bytes_from_python, to_go=False)),
    _way("python-to-go", "Python to Go", partial(bytes_from_python, to_go=True)),
    _way("go-to-python", "Go to Python", bytes_from_go),
)
