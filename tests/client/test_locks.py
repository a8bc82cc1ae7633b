"""Locks and semaphores: between clients, inside tasks, and when their holders die."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest

from gdistributed import (
    AsyncClient,
    Client,
    Lock,
    MultiLock,
    Semaphore,
    get_client,
    wait,
)
from gdistributed.errors import LimitDiffers, NotHeld, UsageError


def others_take(address: str, lock: Lock) -> bool:
    """Whether another client gets it at once."""
    with Client(address, set_as_default=False) as other:
        copy = Lock(lock.name, other)
        taken: bool = copy.acquire(blocking=False)
        if taken:
            copy.release()
        return taken


def test_a_lock_is_held_by_one(client: Client, address: str) -> None:
    lock = Lock("one")
    assert not lock.locked()
    with lock:
        assert lock.locked()
        assert not others_take(address, lock)
        assert not lock.acquire(timeout="10 ms")
        (lease,) = lock.leases()
        assert client.name in lease.holder
        assert 0 < lease.remaining_s <= 30
    assert others_take(address, lock)
    assert lock.acquire(timeout=float("inf"))
    assert lock.release() is True


def test_a_lock_has_a_name_of_its_own_unless_it_is_given_one(client: Client) -> None:
    with Lock() as first, Lock() as second:
        assert first.name != second.name


def test_what_is_not_held_cannot_be_released(client: Client) -> None:
    lock = Lock("not held")
    with pytest.raises(NotHeld, match="not held"):
        lock.release()
    with lock, pytest.raises(RuntimeError):
        pickle.loads(pickle.dumps(lock)).release()


def test_bad_arguments(client: Client) -> None:
    with pytest.raises(ValueError, match="blocking"):
        Lock("x").acquire(blocking=False, timeout=1)
    with pytest.raises(TypeError, match="string"):
        Lock(17)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"MultiLock\(\['x'\]\)"):
        MultiLock("x")
    with pytest.raises(ValueError, match="at least one"):
        Semaphore(0)


def test_without_a_client_there_is_no_lock() -> None:
    with pytest.raises(UsageError, match="there is no client"):
        Lock("x").acquire()


def test_those_who_wait_get_it_in_order(client: Client) -> None:
    order: list[int] = []
    lock = Lock("order", client)

    def take(number: int) -> None:
        with lock:
            order.append(number)

    with lock:
        threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
        for number, thread in enumerate(threads):
            thread.start()
            wait_until_waiting(client, "order", number + 1)
    for thread in threads:
        thread.join()
    assert order == list(range(5))


def test_dask_writes_under_a_lock(client: Client, tmp_path: Path) -> None:
    target = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", shape=(8, 8))
    target.flush()
    dask.array.store(dask.array.ones((8, 8), chunks=4), File(tmp_path / "x.npy"), lock=Lock("x"))
    assert np.load(tmp_path / "x.npy").sum() == 64


class File:
    """An array in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __setitem__(self, where: Any, values: Any) -> None:  # noqa: ANN401
        array = np.load(self.path, mmap_mode="r+")
        array[where] = values
        array.flush()


def wait_until_waiting(client: Client, name: str, count: int) -> None:
    from gdistributed import rpc

    with rpc(client.scheduler_address) as server:
        while server.Names.GetSemaphore(name=name).waiting != count:
            time.sleep(0.01)


def alone(name: str, number: int) -> int:
    """Count in a lock those who are in it, by a variable of the module."""
    from gdistributed import Variable

    inside = Variable(f"inside {name}")
    with Lock(name):
        found = inside.get()
        inside.set(found + 1)
        count: int = inside.get()
        inside.set(found)
    return count


def test_tasks_of_several_workers_share_a_lock(client: Client) -> None:
    from gdistributed import Variable

    Variable("inside shared").set(0)
    futures = client.map(alone, ["shared"] * 20, range(20), pure=False)
    assert client.gather(futures) == [1] * 20


def test_a_lock_is_sent_to_tasks(client: Client, address: str) -> None:
    lock = Lock("sent", lease=7)

    def held(lock: Lock) -> tuple[bool, float, str]:
        with lock:
            return lock.locked(), lock.lease_s, lock.leases()[0].holder

    is_locked, lease_s, holder = client.submit(held, lock).result()
    assert (is_locked, lease_s) == (True, 7)
    assert "task 'held-" in holder
    assert others_take(address, lock)


def test_a_coroutine_awaits_a_lock(client: Client) -> None:
    async def held() -> bool:
        async with Lock("awaited in a task") as lock:
            return bool(await lock.locked())

    assert client.submit(held).result()


def test_several_locks_are_taken_together(client: Client, address: str) -> None:
    x, y = Lock("many x"), Lock("many y")
    both = MultiLock([x.name, y.name])
    with x:
        assert not both.acquire(timeout=0)
        assert others_take(address, y)
        assert both.acquire(num_locks=1)
        assert both.locked()
        assert not others_take(address, y)
        both.release()
    with both:
        assert not others_take(address, x)
    assert not both.locked()
    assert pickle.loads(pickle.dumps(both)).names == both.names


def test_a_semaphore_has_a_limit(client: Client) -> None:
    semaphore = Semaphore(2, "two")
    assert semaphore.acquire()
    with semaphore:
        assert semaphore.get_value() == 2
        assert semaphore.locked()
        assert not semaphore.acquire(timeout=0)
        with pytest.raises(LimitDiffers, match="2 leases, and not 3"):
            Semaphore(3, "two").acquire()
    assert semaphore.get_value() == 1
    semaphore.close()
    assert semaphore.get_value() == 0
    assert semaphore.release() is False


def inside(semaphore: Semaphore) -> int:
    with semaphore:
        return int(semaphore.get_value())


def test_tasks_share_a_semaphore(client: Client) -> None:
    semaphore = Semaphore(1, "of tasks")
    counts = client.gather([client.submit(inside, semaphore, pure=False) for _ in range(10)])
    assert counts == [1] * 10


def test_a_client_that_closes_lets_go_of_all(client: Client, address: str) -> None:
    lock = Lock("of one who leaves", Client(address, set_as_default=False))
    lock.acquire()
    lock.client.close()
    assert others_take(address, lock)
    assert lock.release() is False


def test_a_lock_that_was_dropped_is_free_after_its_lease(client: Client) -> None:
    Lock("dropped", lease=0.1).acquire()
    assert Lock("dropped").acquire()
    Semaphore(1, "dropped").close()


def test_a_lease_is_renewed_while_it_is_held(client: Client) -> None:
    lock = Lock("renewed", lease=0.3)
    with lock:
        (before,) = lock.leases()
        while lock.leases()[0].remaining_s <= before.remaining_s:
            time.sleep(0.01)


HOLDER = """
import sys
from gdistributed import Client, Lock
client = Client(sys.argv[1])
Lock("of the dead", lease=1).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_holder_that_is_killed_loses_the_lock(client: Client, address: str) -> None:
    command = [sys.executable, "-c", HOLDER, address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert not Lock("of the dead").acquire(timeout=0)
        holder.kill()
        assert Lock("of the dead").acquire(timeout=30)


async def test_asynchronous_clients_await(aclient: AsyncClient) -> None:
    lock = await Lock("awaited")
    async with lock:
        assert await lock.locked()
        assert not await Lock("awaited").acquire(timeout=0)
        waiting = asyncio.ensure_future(Lock("awaited").acquire())
        while not (await lock.client.connection.ask(  # type: ignore[union-attr]
            lock.client.connection.names.GetSemaphore, request_of("awaited"), "asking"
        )).waiting:  # fmt: skip
            await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert await lock.acquire(timeout=5)
    assert await lock.release()
    with pytest.raises(UsageError, match="async with"), lock:
        pass


def request_of(name: str) -> object:
    from gdistributed.v1 import names_pb2

    return names_pb2.GetSemaphoreRequest(name=name)


async def test_a_blocking_call_on_a_loop_says_what_to_do(address: str) -> None:
    client = await asyncio.to_thread(Client, address, set_as_default=False)
    try:
        with pytest.raises(UsageError, match=r"synchronous call \(acquire\)"):
            Lock("x", client).acquire()
        with pytest.raises(UsageError, match="use `with`"):
            await Lock("x", client).__aenter__()
    finally:
        await asyncio.to_thread(client.close)


def test_a_wait_ends_with_its_client(client: Client, address: str) -> None:
    other = Client(address, set_as_default=False)
    failures: list[BaseException] = []

    def take() -> None:
        try:
            Lock("ends", other).acquire()
        except UsageError as error:
            failures.append(error)

    with Lock("ends"):
        thread = threading.Thread(target=take)
        thread.start()
        wait_until_waiting(client, "ends", 1)
        other.close()
        thread.join()
    assert "closed" in str(failures[0])


def test_a_task_that_waits_for_a_lock_keeps_its_thread(client: Client) -> None:
    def take() -> int:
        with Lock("scarce"):
            return len(get_client().scheduler_info()["workers"])

    with Lock("scarce"):
        futures = [client.submit(take, pure=False) for _ in range(6)]
        wait_until_waiting(client, "scarce", 2)  # two workers of one thread each
        workers = client.scheduler_info()["workers"].values()
        assert sum(worker["processing"] for worker in workers) <= 6
    wait(futures)
    assert {future.result() for future in futures} == {2}
