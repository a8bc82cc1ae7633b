"""The asynchronous client: the same methods, awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures

import numpy as np
import pytest

from gdistributed import AsyncClient, Client, Future
from gdistributed.errors import ClientClosed, UsageError, WaitTimeout
from tests.client.functions import add, fail, inc


async def test_the_whole_way(aclient: AsyncClient) -> None:
    future = aclient.submit(inc, 1)
    assert await future == 2
    assert await future.result() == 2
    assert await future.exception() is None
    assert await aclient.gather(aclient.map(add, [1, 2], [3, 4])) == [4, 6]
    array = await aclient.scatter(np.ones(100_000))
    assert await aclient.submit(np.sum, array) == 100_000
    assert (await array).shape == (100_000,)
    assert len(await aclient.ncores()) == 2
    assert list(await aclient.who_has(future)) == [future.key]
    assert await aclient.get({"x": (inc, 1), "y": (add, "x", 1)}, ["x", ["y"]]) == [2, [3]]
    await aclient.publish_dataset(a=future)
    assert await (await aclient.get_dataset("a")) == 2
    await aclient.unpublish_dataset("a")


async def test_errors(aclient: AsyncClient) -> None:
    future = aclient.submit(fail, "awaited")
    with pytest.raises(ValueError, match="awaited"):
        await future
    assert isinstance(await future.exception(), ValueError)
    assert await future.traceback() is not None


async def test_a_timeout(aclient: AsyncClient) -> None:
    with pytest.raises(WaitTimeout):
        await aclient.wait_for_workers(9, timeout=0.02)


async def test_many_waiters(aclient: AsyncClient) -> None:
    future = aclient.submit(inc, 5)
    assert await asyncio.gather(*(future.result() for _ in range(20))) == [6] * 20


async def test_a_waiter_may_give_up(aclient: AsyncClient) -> None:
    future = aclient.submit(asyncio.sleep, 0.2, "done")
    waiter = asyncio.ensure_future(future.result())
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert await future == "done"


async def test_client_asynchronous_is_an_async_client(address: str) -> None:
    client = Client(address, asynchronous=True)
    assert isinstance(client, AsyncClient)
    assert client.asynchronous
    with pytest.raises(ClientClosed, match="await it"):
        client.submit(inc, 1)
    await client
    assert await client.submit(inc, 1) == 2
    await client.close()
    assert client.status == "closed"


async def test_a_synchronous_call_on_a_loop_says_what_to_use(address: str) -> None:
    with pytest.raises(UsageError, match="asynchronous=True"):
        Client(address)


async def test_a_synchronous_clients_futures_can_be_awaited(address: str) -> None:
    client = await asyncio.to_thread(Client, address, set_as_default=False)
    try:
        future = client.submit(inc, 10)
        assert await future == 11
        assert len(await client.submit(bytes, 100_000)) == 100_000
        with pytest.raises(UsageError, match="gather"):
            client.gather(future)
        with pytest.raises(UsageError, match="inside a running event loop"):
            future.result()
    finally:
        await asyncio.to_thread(client.close)


async def test_a_synchronous_client_is_no_asynchronous_context(address: str) -> None:
    client = await asyncio.to_thread(Client, address, set_as_default=False)
    with pytest.raises(UsageError, match="asynchronous=True"):
        async with client:
            pass
    await asyncio.to_thread(client.close)


async def test_submit_from_another_thread(aclient: AsyncClient) -> None:
    future: Future = await asyncio.to_thread(aclient.submit, inc, 1)
    assert await future == 2


def test_a_loop_in_another_thread_may_wait_too(client: Client) -> None:
    future = client.submit(inc, 20)

    async def wait() -> object:
        return await future

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, wait()).result(30) == 21
