"""Actors: objects that live on a worker, and whose methods are called from anywhere."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gdistributed import Actor, ActorFuture, AsyncClient, Client, LocalCluster, get_client
from gdistributed.client.actors import future_of
from gdistributed.client.bridge import BLOCKING
from gdistributed.errors import (
    ActorLost,
    ClientClosed,
    ConnectionLost,
    UnpicklableArgument,
    WaitTimeout,
)
from tests.client.functions import inc, wait_for_file

TIMEOUT_S = 30.0


class Counter:
    """What most tests use."""

    kind = "counter"

    def __init__(self, n: int = 0) -> None:
        self.n = n
        self.seen: list[Any] = []

    def increment(self, by: int = 1) -> int:
        self.n += by
        return self.n

    def note(self, value: object) -> None:
        self.seen.append(value)

    def fail(self) -> None:
        raise ValueError("no")

    def wait_for(self, path: str) -> str:
        Path(f"{path}.waits").touch()
        return wait_for_file(path)

    def where(self) -> str:
        from gdistributed import get_worker

        return str(get_worker().address)

    def double(self) -> int:
        return int(get_client().submit(inc, self.n).result()) - 1 + self.n

    def large(self) -> bytes:
        return bytes(3_000_000)

    def lock(self) -> object:
        return threading.Lock()

    async def add_slowly(self, gate: str) -> int:
        while not Path(gate).exists():
            await asyncio.sleep(0.01)
        self.n += 1
        return self.n

    @property
    def squared(self) -> int:
        return self.n**2

    @staticmethod
    def constant() -> int:
        return 42


def make(client: Client, *args: Any, **options: Any) -> Any:  # noqa: ANN401
    return client.submit(Counter, *args, actor=True, **options).result(TIMEOUT_S)


def test_methods_return_futures_and_the_state_lasts(client: Client) -> None:
    counter = make(client, 10)
    assert isinstance(counter, Actor)
    future = counter.increment()
    assert isinstance(future, ActorFuture)
    assert future.result(TIMEOUT_S) == 11
    assert future.done()
    assert future.exception() is None
    assert counter.increment(by=5).result(TIMEOUT_S) == 16
    assert counter.constant().result(TIMEOUT_S) == 42
    assert "Counter" in repr(counter)
    assert "Counter.increment" in repr(future)
    assert {"increment", "constant"} <= set(dir(counter))


def test_attributes_are_read_from_the_worker(client: Client) -> None:
    counter = make(client, 3)
    assert (counter.n, counter.squared, counter.kind) == (3, 9, "counter")
    with pytest.raises(AttributeError, match="no_such"):
        counter.no_such  # noqa: B018
    with pytest.raises(AttributeError, match="methods"):
        counter.n = 4
    assert not hasattr(counter, "_private")


def test_calls_are_made_in_order(client: Client) -> None:
    counter = make(client)
    futures = [counter.note(number) for number in range(500)]
    for future in futures:
        assert future.result(TIMEOUT_S) is None
    assert counter.seen == list(range(500))


def test_calls_of_several_threads_are_made_one_after_the_other(client: Client) -> None:
    counter = make(client)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        got = threads.map(lambda _: counter.increment().result(TIMEOUT_S), range(100))
        assert sorted(got) == list(range(1, 101))


def test_what_a_method_raises_is_raised(client: Client) -> None:
    counter = make(client)
    with pytest.raises(ValueError, match="no"):
        counter.fail().result(TIMEOUT_S)
    assert isinstance(counter.fail().exception(TIMEOUT_S), ValueError)
    with pytest.raises(TypeError):
        counter.lock().result(TIMEOUT_S)
    with pytest.raises(UnpicklableArgument, match="argument 0"):
        counter.note(threading.Lock())
    assert counter.increment().result(TIMEOUT_S) == 1


def test_what_the_class_raises_is_raised(client: Client) -> None:
    with pytest.raises(TypeError, match="unexpected"):
        client.submit(Counter, wrong=1, actor=True).result(TIMEOUT_S)


def test_a_result_that_is_not_there_in_time(client: Client, tmp_path: Path) -> None:
    future = make(client).wait_for(str(tmp_path / "gate"))
    with pytest.raises(WaitTimeout, match=r"Counter\.wait_for"):
        future.result(0.05)
    (tmp_path / "gate").touch()
    assert future.result(TIMEOUT_S) == str(tmp_path / "gate")


def test_callbacks_are_called(client: Client) -> None:
    called = threading.Event()
    make(client).increment().add_done_callback(lambda future: called.set())
    assert called.wait(TIMEOUT_S)


def test_each_actor_is_one_of_its_own(client: Client) -> None:
    counters = client.gather(client.map(Counter, [1, 1, 1], actor=True))
    assert [counter.increment().result(TIMEOUT_S) for counter in counters] == [2, 2, 2]


def test_it_lives_where_it_was_told_to(client: Client) -> None:
    for address in client.ncores():
        counter = make(client, workers=address)
        assert counter.where().result(TIMEOUT_S) == address


def test_large_values_go_both_ways(client: Client) -> None:
    counter = make(client)
    assert len(counter.large().result(TIMEOUT_S)) == 3_000_000
    counter.note(bytes(3_000_000)).result(TIMEOUT_S)
    assert len(counter.seen[0]) == 3_000_000


def test_coroutine_methods_begin_in_order_and_hold_nobody_back(
    client: Client, tmp_path: Path
) -> None:
    counter = make(client)
    slow = [counter.add_slowly(str(tmp_path / "gate")) for _ in range(3)]
    assert counter.increment().result(TIMEOUT_S) == 1
    assert not any(future.done() for future in slow)
    (tmp_path / "gate").touch()
    assert sorted(future.result(TIMEOUT_S) for future in slow) == [2, 3, 4]


def test_tasks_call_it_too(client: Client) -> None:
    counter = make(client)
    total = client.submit(sum, client.map(increment_by, [1, 2, 3], [counter] * 3))
    assert total.result(TIMEOUT_S) >= 6
    assert counter.n == 6
    assert client.submit(increment_by, 4, client.submit(Counter, 1, actor=True)).result() == 5
    assert client.submit(increment_all, {"counters": [counter]}).result(TIMEOUT_S) == [7]


def increment_by(by: int, counter: Any) -> int:  # noqa: ANN401
    return int(counter.increment(by).result())


def increment_all(nested: dict[str, list[Any]]) -> list[int]:
    return [counter.increment().result() for counter in nested["counters"]]


def test_a_coroutine_task_awaits_it(client: Client) -> None:
    assert client.submit(increment_async, make(client, 1)).result(TIMEOUT_S) == (2, 2)


async def increment_async(counter: Any) -> tuple[int, int]:  # noqa: ANN401
    return await counter.increment(), await counter.n


def test_its_methods_use_the_cluster(client: Client) -> None:
    assert make(client, 5).double().result(TIMEOUT_S) == 10


def test_other_clients_call_it(client: Client, address: str) -> None:
    future = client.submit(Counter, actor=True)
    counter: Any = future.result(TIMEOUT_S)
    client.publish_dataset(counter=future)
    with Client(address) as other:
        theirs = other.get_dataset("counter").result(TIMEOUT_S)
        assert theirs.increment().result(TIMEOUT_S) == 1
        assert counter.increment().result(TIMEOUT_S) == 2
    client.unpublish_dataset("counter")


async def test_asynchronous_clients_await(aclient: AsyncClient) -> None:
    counter: Any = await aclient.submit(Counter, 1, actor=True)
    assert await counter.increment() == 2
    assert await counter.increment().result() == 3
    assert await counter.n == 3
    assert await asyncio.gather(*(counter.increment() for _ in range(10))) == list(range(4, 14))
    with pytest.raises(ValueError, match="no"):
        await counter.fail()


def test_it_ends_with_the_last_handle(client: Client, tmp_path: Path) -> None:
    future = client.submit(Tracked, str(tmp_path / "ended"), actor=True)
    handle: Any = future.result(TIMEOUT_S)
    del future
    assert handle.ping().result(TIMEOUT_S) == "pong"
    assert not (tmp_path / "ended").exists()
    del handle
    wait_for_file(str(tmp_path / "ended"))


def test_copies_of_the_reference_on_other_workers_do_not_keep_it(
    client: Client, tmp_path: Path
) -> None:
    here, there = client.ncores()
    kind = type("ManyMethods", (Tracked,), {f"method_{n}": Tracked.ping for n in range(200)})
    future = client.submit(kind, str(tmp_path / "ended"), actor=True, workers=here)
    assert client.submit(ping, future, workers=there).result(TIMEOUT_S) == "pong"
    assert client.submit(ping, future, workers=there, pure=False).result(TIMEOUT_S) == "pong"
    assert set(client.who_has(future)[future.key]) == {here, there}
    del future
    wait_for_file(str(tmp_path / "ended"))


def ping(actor: Any) -> str:  # noqa: ANN401
    return str(actor.ping().result())


class Tracked:
    """Leaves a trace when it ends."""

    def __init__(self, path: str) -> None:
        self.path = path

    def ping(self) -> str:
        return "pong"

    def __del__(self) -> None:
        Path(self.path).touch()


def test_an_actor_that_was_cancelled_says_so(client: Client) -> None:
    future = client.submit(Counter, actor=True)
    counter: Any = future.result(TIMEOUT_S)
    future.cancel()
    with pytest.raises(ActorLost, match="no actor"):
        increment_for_ever(counter)


def increment_for_ever(counter: Any) -> None:  # noqa: ANN401
    while True:
        counter.increment().result(TIMEOUT_S)


def test_a_closed_client_says_so(address: str, tmp_path: Path) -> None:
    client = Client(address)
    counter = make(client)
    waiting = counter.wait_for(str(tmp_path / "gate"))
    client.close()
    with pytest.raises(ClientClosed):
        waiting.result(TIMEOUT_S)
    with pytest.raises(ClientClosed):
        counter.increment()
    (tmp_path / "gate").touch()


def test_an_actor_is_lost_with_its_worker(tmp_path: Path) -> None:
    import psutil

    with LocalCluster(2, threads_per_worker=1) as cluster, Client(cluster) as client:
        first = cluster.workers["0"]
        future = client.submit(Counter, actor=True, workers="0")
        counter: Any = future.result(TIMEOUT_S)
        dependent = client.submit(increment_by, 1, future, workers="1")
        assert dependent.result(TIMEOUT_S) == 1
        waiting = counter.wait_for(str(tmp_path / "gate"))
        victim = psutil.Process(first.process_id)
        victim.kill()
        victim.wait(TIMEOUT_S)
        with pytest.raises(ActorLost, match=first.address):
            waiting.result(TIMEOUT_S)
        with pytest.raises(ActorLost, match=first.address):
            counter.increment().result(TIMEOUT_S)
        while future.status != "error":
            time.sleep(0.01)
        with pytest.raises(ActorLost, match=r"lived on '0' at .* submit it again"):
            future.result(TIMEOUT_S)
        with pytest.raises(ActorLost):
            client.submit(increment_by, 1, future, pure=False).result(TIMEOUT_S)
        future.retry()
        again: Any = future.result(TIMEOUT_S)
        assert again.increment().result(TIMEOUT_S) == 1


def test_a_connection_that_breaks_leaves_the_actor(client: Client, tmp_path: Path) -> None:
    counter = make(client)
    waiting = counter.wait_for(str(tmp_path / "gate"))
    (address,) = client.who_has()[future_of(counter).key]
    connection = client.connection
    assert not waiting.done()
    while not (tmp_path / "gate.waits").exists():
        time.sleep(0.01)
    BLOCKING.run(BLOCKING.on_loop(connection.channels.forget(address), connection.loop))
    with pytest.raises(ConnectionLost, match="is there still"):
        waiting.result(TIMEOUT_S)
    (tmp_path / "gate").touch()
    assert counter.increment().result(TIMEOUT_S) == 1


def test_what_is_too_large_for_a_message_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gdistributed.client.actors.MESSAGE_NBYTES", 2**20)
    counter = make(client)
    with pytest.raises(UnpicklableArgument, match="scatter"):
        counter.note(bytes(2**21))
    assert counter.increment().result(TIMEOUT_S) == 1


def test_another_process_at_the_address_is_not_the_actors(client: Client) -> None:
    counter = make(client)
    stranger = counter.__reduce__()
    function, (key, address, _, kind, methods) = stranger
    impostor: Any = function(key, address, "0" * 32, kind, methods)
    with pytest.raises(ActorLost, match="is gone"):
        impostor.increment().result(TIMEOUT_S)
    assert counter.increment().result(TIMEOUT_S) == 1
