"""Events, queues, variables and topics: between clients and inside tasks."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
import time
from typing import Any

import dask.array as da
import pytest

from gdistributed import (
    AsyncClient,
    Client,
    Event,
    Future,
    Queue,
    Variable,
    get_client,
    get_worker,
)
from gdistributed.errors import NotFound, UsageError, WaitTimeout

TIMEOUT_S = 30


def slow_sum(numbers: list[int]) -> int:
    return sum(numbers)


def forgotten(client: Client, key: str) -> None:
    """Wait until nobody holds a key."""
    while client.who_has().get(key):
        time.sleep(0.01)


def test_an_event(client: Client, address: str) -> None:
    event = Event("e")
    assert not event.is_set()
    assert not event.wait(timeout="10 ms")
    with Client(address, set_as_default=False) as other:
        Event("e", other).set()
    assert event.is_set()
    assert event.wait()
    event.clear()
    assert not event.is_set()


def test_tasks_that_wait_for_an_event_leave_their_threads_to_the_one_that_sets_it(
    client: Client,
) -> None:
    waits = [client.submit(lambda: Event("late").wait(), pure=False) for _ in range(4)]
    client.submit(lambda: Event("late").set(), pure=False).result(TIMEOUT_S)
    assert client.gather(waits) == [True] * 4
    Event("late").clear()


def test_a_queue_of_plain_values(client: Client, address: str) -> None:
    with Client(address, set_as_default=False) as other:
        values = ["text", 1, 1.5, None, b"bytes", (1, 2), {"a": [True]}, float("inf")]
        for value in values:
            Queue("plain", other).put(value)
    assert Queue("plain").qsize() == len(values)
    assert [Queue("plain").get() for _ in values] == values
    with pytest.raises(TimeoutError, match="too few values"):
        Queue("plain").get(timeout="10 ms")


def test_a_queue_with_a_limit(client: Client) -> None:
    limited = Queue("limited", maxsize=1)
    limited.put(1)
    with pytest.raises(WaitTimeout, match="no room"):
        limited.put(2, timeout="10 ms")
    thread = threading.Thread(target=limited.put, args=(3,))
    thread.start()
    assert [limited.get(), limited.get()] == [1, 3]
    thread.join()


def test_batches(client: Client) -> None:
    numbers = Queue("batches")
    assert numbers.get(batch=True) == []
    for number in range(5):
        numbers.put(number)
    assert numbers.get(batch=2) == [0, 1]
    with pytest.raises(WaitTimeout):
        numbers.get(batch=4, timeout="10 ms")
    assert numbers.get(batch=True) == [2, 3, 4]
    numbers.put(5)
    numbers.close()
    assert numbers.qsize() == 0


def test_a_result_stays_while_it_is_in_a_queue(client: Client, address: str) -> None:
    future = client.submit(slow_sum, [1, 2], pure=False)
    key = future.key
    Queue("futures").put(future)
    del future
    assert client.submit(slow_sum, [1], pure=False).result() == 1  # what was dropped is gone by now
    with Client(address, set_as_default=False) as other:
        found = Queue("futures", other).get()
        assert isinstance(found, Future)
        assert (found.key, found.result(TIMEOUT_S)) == (key, 3)
        del found
    forgotten(client, key)


def test_futures_and_collections_inside_values(client: Client, address: str) -> None:
    x = client.persist(da.ones(10, chunks=5))
    Queue("nested").put({"x": x, "futures": [client.submit(slow_sum, [4])]})
    del x
    with Client(address, set_as_default=False) as other:
        found = Queue("nested", other).get()
        assert other.gather(found["futures"]) == [4]
        assert other.compute(found["x"].sum(), sync=True) == 10


def test_what_did_not_fit_is_let_go(client: Client) -> None:
    limited = Queue("full", maxsize=1)
    limited.put(0)
    future = client.submit(slow_sum, [5], pure=False)
    key = future.key
    with pytest.raises(WaitTimeout):
        limited.put(future, timeout=0)
    del future
    gc.collect()  # the exception and the frames that it passed through hold each other
    forgotten(client, key)
    limited.close()


def test_a_future_of_another_client_is_refused(client: Client, address: str) -> None:
    with Client(address, set_as_default=False) as other:
        future = other.submit(slow_sum, [6])
        with pytest.raises(ValueError, match="another client"):
            Queue("x", client).put(future)


def test_tasks_work_through_a_queue(client: Client) -> None:
    def produce(count: int) -> None:
        for number in range(count):
            Queue("work", maxsize=2).put(get_client().submit(slow_sum, [number]))

    def consume(count: int) -> int:
        return sum(Queue("work").get().result() for _ in range(count))

    consumers = [client.submit(consume, 5, pure=False) for _ in range(4)]
    producer = client.submit(produce, 20, pure=False)
    assert sum(client.gather(consumers)) == sum(range(20))
    producer.result(TIMEOUT_S)


def test_a_variable(client: Client, address: str) -> None:
    variable = Variable("v")
    with pytest.raises(TimeoutError, match="had no value"):
        variable.get(timeout="10 ms")
    with Client(address, set_as_default=False) as other:
        Variable("v", other).set({"a": 1})
    assert variable.get() == {"a": 1}
    future = client.submit(slow_sum, [7], pure=False)
    key = future.key
    variable.set(future)
    del future
    assert client.submit(slow_sum, [8], pure=False).result() == 8
    with Client(address, set_as_default=False) as other:
        assert Variable("v", other).get().result(TIMEOUT_S) == 7
    variable.set(None)
    assert variable.get() is None
    forgotten(client, key)
    variable.delete()
    with pytest.raises(TimeoutError):
        variable.get(timeout=0)


def test_a_variable_that_is_set_again_and_again_always_has_a_living_result(
    client: Client, address: str
) -> None:
    variable = Variable("restless")
    variable.set(client.submit(slow_sum, [0], pure=False))
    stopped = threading.Event()

    def change() -> None:
        while not stopped.is_set():
            variable.set(client.submit(slow_sum, [1], pure=False))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        with Client(address, set_as_default=False) as other:
            for _ in range(50):
                assert Variable("restless", other).get().result(TIMEOUT_S) in (0, 1)
    finally:
        stopped.set()
        thread.join()
    variable.delete()


async def test_asynchronous_names(aclient: AsyncClient) -> None:
    event, numbers, variable = await Event("ae"), await Queue("aq"), await Variable("av")
    waiting = asyncio.ensure_future(event.wait())
    await event.set()
    assert await waiting
    await event.clear()
    await numbers.put(aclient.submit(slow_sum, [1]))
    assert await (await numbers.get()) == 1
    assert await numbers.qsize() == 0
    await variable.set(aclient.submit(slow_sum, [2]))
    assert await (await variable.get()) == 2
    await variable.delete()


async def test_more_waits_than_a_server_takes_on_one_connection(aclient: AsyncClient) -> None:
    waits = [asyncio.ensure_future(Event("many").wait()) for _ in range(1200)]
    await Queue("beside").put(1)
    assert await Queue("beside").get() == 1
    await Event("many").set()
    assert all(await asyncio.gather(*waits))


def test_coroutine_tasks_use_names(client: Client) -> None:
    async def produce() -> None:
        inner = await get_client()
        await Queue("of coroutines").put(inner.submit(slow_sum, [3]))

    client.submit(produce, pure=False).result(TIMEOUT_S)
    assert Queue("of coroutines").get().result(TIMEOUT_S) == 3


# ---- Topics


def heard_by(client: Client, topic: str) -> queue.Queue[Any]:
    heard: queue.Queue[Any] = queue.Queue()
    client.subscribe_topic(topic, heard.put)
    return heard


def test_messages_reach_those_who_follow_a_topic(client: Client, address: str) -> None:
    heard = heard_by(client, "news")
    with Client(address, set_as_default=False) as other:
        for number in range(3):
            other.log_event("news", {"number": number})
    events = [heard.get(timeout=TIMEOUT_S) for _ in range(3)]
    assert [event[1] for event in events] == [{"number": number} for number in range(3)]
    assert client.get_events("news") == tuple(events)
    assert events[0][0] <= time.time()
    client.unsubscribe_topic("news")
    client.log_event(["news", "old news"], "late")
    assert client.get_events()["old news"][-1][1] == "late"
    assert heard.empty()
    with pytest.raises(NotFound, match="not followed"):
        client.unsubscribe_topic("news")
    with pytest.raises(UsageError, match="needs a name"):
        client.subscribe_topic("", print)


def test_a_handler_may_block_raise_and_be_replaced(client: Client) -> None:
    heard: queue.Queue[Any] = queue.Queue()

    def fail(event: object) -> None:
        heard.put(client.submit(slow_sum, [1]).result())
        raise ValueError("a bad handler")

    client.subscribe_topic("handlers", fail)
    client.log_event("handlers", 1)
    client.log_event("handlers", 2)
    assert [heard.get(timeout=TIMEOUT_S) for _ in range(2)] == [1, 1]
    again = heard_by(client, "handlers")
    client.log_event("handlers", 3)
    assert again.get(timeout=TIMEOUT_S)[1] == 3
    assert heard.empty()


def test_tasks_log_events(client: Client) -> None:
    heard = heard_by(client, "from tasks")

    def log(number: int) -> None:
        get_worker().log_event(["from tasks", "beside"], (number, "said"))

    async def log_from_a_coroutine() -> None:
        get_worker().log_event("from tasks", "awaited")

    client.submit(log, 1).result(TIMEOUT_S)
    assert heard.get(timeout=TIMEOUT_S)[1] == (1, "said")
    client.submit(log_from_a_coroutine).result(TIMEOUT_S)
    assert heard.get(timeout=TIMEOUT_S)[1] == "awaited"
    assert client.get_events("beside")[-1][1] == (1, "said")


async def test_asynchronous_clients_follow_topics(aclient: AsyncClient) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    await aclient.subscribe_topic("plain function", heard.put_nowait)
    await aclient.subscribe_topic("coroutine function", heard.put)
    await aclient.log_event("plain function", 1)
    assert (await heard.get())[1] == 1
    await aclient.log_event("coroutine function", 2)
    assert (await heard.get())[1] == 2
    await aclient.unsubscribe_topic("plain function")
