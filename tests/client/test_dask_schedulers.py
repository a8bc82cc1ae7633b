"""Who computes: `scheduler=` words, dask inside tasks, computing while a graph is made."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from gdistributed import AsyncClient, Client, Future, get_client, worker_client
from gdistributed.errors import UsageError
from tests.client.functions import inc


def place(*_: object) -> int:
    return os.getpid()


def place_at(worker: str) -> int:
    """Let dask compute where a task runs that may only run on one worker."""
    with dask.annotate(workers=[worker]):
        return int(dask.delayed(place, pure=False)().compute())


@pytest.fixture
def workers(client: Client) -> set[int]:
    """Process ids of all workers."""
    asked = [client.submit(place, workers=[name], pure=False) for name in client.ncores()]
    return set(client.gather(asked))


@pytest.mark.parametrize("name", ["gdistributed", "distributed", "dask.distributed"])
def test_the_client_by_its_names(client: Client, workers: set[int], name: str) -> None:
    call = dask.delayed(place)()
    assert call.compute(scheduler=name) in workers
    with dask.config.set(scheduler=name):
        assert db.from_sequence([1, 2]).map(place).compute()[0] in workers
        assert isinstance(call.persist().__dask_graph__()[call.key], Future)


def test_the_client_itself(client: Client, workers: set[int]) -> None:
    call = dask.delayed(place)()
    assert call.compute(scheduler=client) in workers
    assert call.compute(scheduler=client.get) in workers
    assert dask.compute(call, call, scheduler=client)[0] in workers
    (persisted,) = dask.persist(call, scheduler=client)
    assert isinstance(persisted.__dask_graph__()[call.key], Future)


@pytest.mark.parametrize("name", ["sync", "threads", "single-threaded"])
def test_the_schedulers_of_dask_are_still_there(client: Client, name: str) -> None:
    call = dask.delayed(place, pure=False)
    assert call().compute(scheduler=name) == os.getpid()
    with dask.config.set(scheduler=name):
        assert call().compute() == os.getpid()
    assert call().compute() != os.getpid()


def test_results_have_the_shapes_of_dask(client: Client) -> None:
    from dask.base import compute_as_if_collection

    x = da.arange(6, chunks=3)
    blocks = compute_as_if_collection(da.Array, x.dask, x.__dask_keys__())
    assert type(blocks) is tuple
    assert np.array_equal(np.concatenate(blocks), np.arange(6))
    nested = dask.compute({"a": [x.sum(), (x.max(), 5)]}, [x.min()], traverse=True)
    assert nested == ({"a": [15, (5, 5)]}, [0])


async def test_an_asynchronous_client_does_not_block(aclient: AsyncClient) -> None:
    call = dask.delayed(inc)(1)
    with pytest.raises((UsageError, RuntimeError), match="asynchronous"):
        call.compute(scheduler=aclient)
    assert await aclient.compute(call) == 2
    assert await aclient.compute(aclient.persist(da.arange(5, chunks=2)).sum()) == 10


def test_dask_computes_on_the_cluster_inside_tasks(client: Client, workers: set[int]) -> None:
    names = list(client.ncores())
    assert set(client.gather(client.map(place_at, names, workers=names[0]))) == workers
    assert set(dask.compute(*map(dask.delayed(place_at), names))) == workers


def array_inside() -> float:
    x = da.arange(1000, chunks=100).persist()
    assert all(isinstance(each, Future) for each in x.__dask_graph__().values())
    return float((x + x.sum()).mean().compute())


def frame_inside() -> list[int]:
    frame = pd.DataFrame({"a": range(50), "b": [0, 1] * 25})
    df = dd.from_pandas(frame.sample(frac=1, random_state=0), npartitions=5)
    assert dask.config.get("dataframe.shuffle.method") == "tasks"
    merged = df.set_index("a").merge(df, left_index=True, right_on="a")
    return sorted(merged.compute().a)


def bag_inside() -> dict[str, int]:
    return dict(
        db.from_sequence(["a b", "b"], npartitions=2).map(str.split).flatten().frequencies()
    )


def block_inside() -> int:
    with worker_client():
        return int(dask.delayed(inc)(1).compute())


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (array_inside, 499.5 + 499500),
        (frame_inside, list(range(50))),
        (bag_inside, {"a": 1, "b": 2}),
        (block_inside, 2),
    ],
)
def test_collections_inside_tasks(
    client: Client, function: Callable[[], Any], expected: object
) -> None:
    assert client.submit(function, pure=False).result(60) == expected


def depth(n: int) -> int:
    return 0 if n == 0 else 1 + dask.delayed(depth)(n - 1).compute()


def test_more_levels_than_threads(client: Client) -> None:
    assert dask.delayed(depth)(8).compute() == 8


async def compute_in_a_coroutine() -> int:
    client = await get_client()
    return int(await client.compute(dask.delayed(inc)(1)))


async def compute_in_a_coroutine_and_wait() -> int:
    await asyncio.sleep(0)
    return int(dask.delayed(inc)(1).compute())


def test_coroutines_await_what_dask_computes(client: Client) -> None:
    assert client.submit(compute_in_a_coroutine).result(30) == 2
    with pytest.raises(UsageError, match=r"await client\.compute"):
        client.submit(compute_in_a_coroutine_and_wait).result(30)


def compute_in_a_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(dask.delayed(place)().compute()))
    thread.start()
    thread.join()
    return found[0] - os.getpid()


def test_what_is_no_task_on_a_worker_computes_there(client: Client) -> None:
    assert client.submit(compute_in_a_thread, pure=False).result(30) == 0


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # dask's own, of pandas 3
def test_optimising_may_compute(client: Client, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(100) % 7, "b": np.arange(100)})
    df = dd.from_pandas(frame, npartitions=4)
    df.to_parquet(tmp_path / "table")
    again = dd.read_parquet(tmp_path / "table")
    assert again[again.b > 50].set_index("a").b.sum().compute() == frame[frame.b > 50].b.sum()
    assert len(again.sort_values("b", ascending=False).head(3, npartitions=-1)) == 3


def test_shuffles_move_rows_by_tasks(client: Client) -> None:
    frame = pd.DataFrame({"a": np.arange(200) % 10, "b": np.arange(200)})
    df = dd.from_pandas(frame, npartitions=8)
    shuffled = df.shuffle("a").compute()
    assert sorted(shuffled.b) == list(range(200))
    joined = df.merge(dd.from_pandas(frame, npartitions=3), on="a", how="inner")
    assert len(joined) == 200 * 20
    counted = df.groupby("a").b.apply(len, meta=("b", int)).compute()
    assert set(counted) == {20}
    grouped = db.from_sequence(range(20), npartitions=4).groupby(lambda number: number % 3)
    assert {key: len(group) for key, group in grouped.compute()} == {0: 7, 1: 7, 2: 6}


def test_a_large_transposition_of_chunks_goes_over_the_array_once(client: Client) -> None:
    rows = da.arange(100 * 100, chunks=100).reshape(100, 100)
    columns = rows.rechunk((100, 1))
    merged = [key for key in dict(columns.dask) if "rechunk-merge" in str(key)]
    assert len(merged) == 100
    assert int(columns[:, 7].sum().compute()) == sum(range(7, 10_000, 100))


def test_settings_of_the_users_own_are_kept(address: str) -> None:
    own = {"dataframe.shuffle.method": "disk", "array.rechunk.threshold": 10}
    with dask.config.set(own), Client(address):
        assert {name: dask.config.get(name) for name in own} == own
    assert dask.config.get("array.rechunk.threshold") == 4
