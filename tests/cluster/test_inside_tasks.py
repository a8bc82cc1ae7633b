"""Tasks that submit tasks, wait for them, leave their threads, and ask to be run elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import psutil
import pytest

from gdistributed import (
    Client,
    Future,
    LocalCluster,
    Reschedule,
    as_completed,
    get_client,
    get_worker,
    rejoin,
    secede,
    wait,
    worker_client,
)
from gdistributed.errors import CancelledError, NotInTask, WaitTimeout

TIMEOUT_S = 30


@pytest.fixture(scope="module")
def single() -> Iterator[Client]:
    """One worker with one thread."""
    with LocalCluster(1, threads_per_worker=1) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture
def pair() -> Iterator[Client]:
    """Two workers with one thread each, for one test."""
    with LocalCluster(2, threads_per_worker=1) as cluster, Client(cluster) as client:
        yield client


def fibonacci_in_a_block(n: int) -> int:
    if n < 2:
        return n
    with worker_client() as client:
        futures = [client.submit(fibonacci_in_a_block, n - k, pure=False) for k in (1, 2)]
        return sum(client.gather(futures))


def fibonacci(n: int) -> int:
    if n < 2:
        return n
    client = get_client()
    futures = [client.submit(fibonacci, n - k, pure=False) for k in (1, 2)]
    return sum(future.result() for future in futures)


async def fibonacci_awaited(n: int) -> int:
    if n < 2:
        return n
    client = await get_client()
    futures = [client.submit(fibonacci_awaited, n - k, pure=False) for k in (1, 2)]
    first, second = await asyncio.gather(*futures)
    return int(first + second)


async def fibonacci_in_an_async_block(n: int) -> int:
    if n < 2:
        return n
    async with worker_client() as client:
        futures = [client.submit(fibonacci_in_an_async_block, n - k, pure=False) for k in (1, 2)]
        return sum(await client.gather(futures))


@pytest.mark.parametrize(
    "function",
    [fibonacci_in_a_block, fibonacci, fibonacci_awaited, fibonacci_in_an_async_block],
)
def test_a_single_thread_is_enough_for_any_depth(
    single: Client, function: Callable[..., Any]
) -> None:
    assert single.submit(function, 8, pure=False).result(TIMEOUT_S) == 21


@pytest.mark.parametrize("function", [fibonacci, fibonacci_awaited])
def test_workers_in_this_process_do_the_same(function: Callable[..., Any]) -> None:
    with (
        LocalCluster(2, threads_per_worker=1, processes=False) as cluster,
        Client(cluster) as client,
    ):
        assert client.submit(function, 7).result(TIMEOUT_S) == 13


def squares_as_they_come(numbers: list[int]) -> list[int]:
    client = get_client()
    squares = client.map(pow, numbers, [2] * len(numbers))
    return sorted(future.result() for future in as_completed(squares))


async def squares_as_they_come_awaited(numbers: list[int]) -> list[int]:
    client = await get_client()
    squares = client.map(pow, numbers, [2] * len(numbers))
    return sorted([await future async for future in as_completed(squares)])


@pytest.mark.parametrize("function", [squares_as_they_come, squares_as_they_come_awaited])
def test_as_completed_inside_a_task(single: Client, function: Callable[..., Any]) -> None:
    assert single.submit(function, [3, 1, 2]).result(TIMEOUT_S) == [1, 4, 9]


def wait_and_time_out() -> tuple[int, bool]:
    client = get_client()
    gate = get_worker().gate = threading.Event()
    held = client.submit(wait_for_gate, pure=False)
    try:
        held.result(timeout=0.05)
    except WaitTimeout:
        gate.set()
        return len(wait([held]).done), held.done()
    return -1, False


def wait_for_gate() -> bool:
    return bool(get_worker().gate.wait(TIMEOUT_S))


def test_a_wait_inside_a_task_may_time_out(single: Client) -> None:
    assert single.submit(wait_and_time_out, pure=False).result(TIMEOUT_S) == (1, True)


def leave_until_another_has_run(comes_back: bool) -> bool:
    gate = get_worker().gate = threading.Event()
    secede()
    secede()
    opened = gate.wait(TIMEOUT_S)
    if comes_back:
        rejoin()
        rejoin()
    return opened


def open_gate() -> None:
    get_worker().gate.set()


@pytest.mark.parametrize("comes_back", [True, False])
def test_another_task_runs_on_the_thread_of_one_that_seceded(
    single: Client, comes_back: bool
) -> None:
    waiting = single.submit(leave_until_another_has_run, comes_back, pure=False)
    opening = single.submit(open_gate, pure=False)
    assert waiting.result(TIMEOUT_S) is True
    opening.result(TIMEOUT_S)
    assert single.gather(single.map(abs, range(-20, 0))) == list(range(20, 0, -1))
    threads = single.submit(task_threads, pure=False).result(TIMEOUT_S)
    assert threads == 1


def task_threads() -> int:
    return sum(thread.name == "gd-task" for thread in threading.enumerate())


def where() -> tuple[str, str, int]:
    worker = get_worker()
    return worker.address, worker.id, worker.nthreads


async def where_awaited() -> tuple[str, str, int]:
    return where()


@pytest.mark.parametrize("function", [where, where_awaited])
def test_a_task_knows_its_worker(single: Client, function: Callable[..., Any]) -> None:
    [(address, worker)] = single.scheduler_info()["workers"].items()
    assert single.submit(function).result(TIMEOUT_S) == (address, worker["id"], 1)


@pytest.mark.parametrize("function", [get_worker, secede, rejoin])
def test_outside_of_a_task_there_is_no_worker(function: Callable[..., Any]) -> None:
    with pytest.raises(NotInTask, match=function.__name__):
        function()


def test_outside_of_a_task_the_client_is_the_current_one(single: Client) -> None:
    assert get_client() is single
    with worker_client() as client:
        assert client is single


def who_asks() -> tuple[str, bool]:
    return get_client().id, get_client() is get_client()


async def who_asks_awaited() -> tuple[str, bool]:
    client = await get_client()
    return client.id, client is get_client()


def test_all_tasks_of_a_worker_share_one_client(single: Client) -> None:
    asked = [single.submit(f, pure=False) for f in (who_asks, who_asks_awaited, who_asks)]
    ids, same = zip(*single.gather(asked), strict=True)
    assert len(set(ids)) == 1
    assert all(same)
    assert ids[0] != single.id


class Box:
    """Holds what the client does not see."""

    def __init__(self, content: object) -> None:
        self.content = content


def result_of(box: Box) -> object:
    assert isinstance(box.content, Future)
    return box.content.result()


async def result_of_awaited(box: Box) -> object:
    assert isinstance(box.content, Future)
    return await box.content


@pytest.mark.parametrize("function", [result_of, result_of_awaited])
def test_futures_inside_arguments_belong_to_the_client_of_the_worker(
    single: Client, function: Callable[..., Any]
) -> None:
    future = single.submit(pow, 7, 2, pure=False)
    assert single.submit(function, Box(future)).result(TIMEOUT_S) == 49


def box_of(number: int) -> Box:
    return Box(get_client().submit(pow, number, 2))


def test_futures_inside_results_belong_to_whoever_uses_them(single: Client) -> None:
    boxed = single.submit(box_of, 5)
    assert single.submit(result_of, boxed).result(TIMEOUT_S) == 25
    content = boxed.result(TIMEOUT_S).content
    assert content.result(TIMEOUT_S) == 25


def mean_of_ones() -> float:
    with worker_client():
        return float(da.ones((40, 40), chunks=10).mean().compute())


def test_dask_computes_with_the_client_of_the_worker(single: Client) -> None:
    assert single.submit(mean_of_ones).result(TIMEOUT_S) == 1.0


def fail_inside() -> None:
    with worker_client() as client:
        client.submit(divide, 1, 0).result()


def divide(a: int, b: int) -> float:
    return a / b


def test_an_error_of_an_inner_task_is_one_of_the_outer(single: Client) -> None:
    with pytest.raises(ZeroDivisionError):
        single.submit(fail_inside).result(TIMEOUT_S)
    assert single.submit(fibonacci, 3).result(TIMEOUT_S) == 2


def run_again_until(times: int) -> int:
    worker = get_worker()
    worker.times = getattr(worker, "times", 0) + 1
    if worker.times < times:
        raise Reschedule
    return int(worker.times)


async def run_again_awaited() -> int:
    await asyncio.sleep(0)
    return run_again_until(12)


def test_a_task_is_run_again_as_often_as_it_asks(single: Client) -> None:
    assert single.submit(run_again_until, 8, retries=0).result(TIMEOUT_S) == 8
    assert single.submit(run_again_awaited, retries=0).result(TIMEOUT_S) == 12


def refuse_to_run_on(address: str) -> str:
    here: str = get_worker().address
    if here == address:
        raise Reschedule
    return here


def test_a_task_that_asks_is_run_elsewhere(pair: Client) -> None:
    one, other = pair.ncores()
    assert pair.submit(refuse_to_run_on, one).result(TIMEOUT_S) == other


def wait_for_a_held_task() -> object:
    worker = get_worker()
    worker.gate = threading.Event()
    with worker_client() as client:
        held = client.submit(wait_for_gate, pure=False)
        return held.result()


def has_gate() -> bool:
    return hasattr(get_worker(), "gate")


def test_a_seceded_task_can_be_cancelled_and_its_worker_works_on() -> None:
    with (
        LocalCluster(1, threads_per_worker=2) as cluster,
        Client(cluster) as client,
    ):
        outer = client.submit(wait_for_a_held_task)
        while not client.submit(has_gate, pure=False).result(TIMEOUT_S):
            pass
        outer.cancel()
        with pytest.raises(CancelledError):
            outer.result(TIMEOUT_S)
        assert client.submit(pow, 2, 3).result(TIMEOUT_S) == 8
        client.submit(open_gate, pure=False).result(TIMEOUT_S)
        assert client.submit(fibonacci, 5).result(TIMEOUT_S) == 5


def wait_for_many(numbers: list[int], go: Path) -> tuple[int, int]:
    with worker_client() as client:
        return os.getpid(), sum(client.gather(client.map(held_square, numbers, go=go)))


def held_square(number: int, go: Path) -> int:
    while not go.exists():
        threading.Event().wait(0.01)
    return number * number


def test_a_worker_dies_while_a_task_waits_on_it(pair: Client, tmp_path: Path) -> None:
    numbers, go = list(range(60)), tmp_path / "go"
    pids = {each["id"]: pid for pid, each in workers_by_pid(pair).items()}
    outer = pair.submit(wait_for_many, numbers, go)
    place = place_of_seceded(pair, outer.key)
    victim = psutil.Process(pids[place])
    victim.send_signal(signal.SIGKILL)
    victim.wait(TIMEOUT_S)
    go.touch()
    pid, total = outer.result(TIMEOUT_S)
    assert total == sum(number * number for number in numbers)
    assert pid != victim.pid


def workers_by_pid(client: Client) -> dict[int, dict[str, Any]]:
    workers = client.scheduler_info()["workers"]
    found = {}
    for address, worker in workers.items():
        pid = client.submit(os.getpid, workers=[address], pure=False, priority=10)
        found[pid.result(TIMEOUT_S)] = worker
    return found


def place_of_seceded(client: Client, key: str) -> str:
    """Wait until a task has left its thread; the id of its worker."""
    while "left its thread" not in (told := client.explain(key)):
        assert "done" not in told
    workers = client.scheduler_info()["workers"]
    return next(each["id"] for each in workers.values() if repr(each["name"]) in told)
