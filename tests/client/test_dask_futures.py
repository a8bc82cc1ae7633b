"""Futures and dask collections: one inside the other, and collections made of several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask._collections import new_collection
from dask.base import DaskMethodsMixin, tokenize

from gdistributed import Client, Future
from gdistributed.client.computing import futures_of
from tests.client.functions import add, inc


def test_futures_deep_inside_delayed_arguments(client: Client) -> None:
    one, two = client.map(inc, [0, 1])
    nested = dask.delayed(dict)(a=[one, {"b": (two, 3)}], c=dask.delayed(add)(one, two))
    assert nested.compute() == {"a": [1, {"b": (2, 3)}], "c": 3}
    assert client.compute(nested).result(30) == nested.compute()
    assert dask.delayed([one, two]).compute() == [1, 2]


def test_a_future_that_is_pending(client: Client) -> None:
    later = client.submit(add, client.submit(inc, 1, pure=False), 1)
    assert dask.delayed(inc)(later).compute() == 4


def test_an_error_of_a_future(client: Client) -> None:
    broken = client.submit(add, 1, "1", pure=False)
    with pytest.raises(TypeError, match="unsupported operand"):
        dask.delayed(inc)(broken).compute()


def test_collections_of_futures(client: Client) -> None:
    parts = client.map(list, [range(3), range(5)])
    assert db.from_delayed(parts).sum().compute() == 13
    blocks = [da.from_delayed(block, (4,), float) for block in client.map(np.ones, [4] * 3)]
    assert da.concatenate(blocks).sum().compute() == 12
    frames = client.scatter([pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [3]})])
    df = dd.from_delayed(frames, meta={"a": int})
    assert df.a.sum().compute() == 6
    assert len(df[df.a > 1].compute()) == 2


def test_collections_as_arguments_of_submit(client: Client) -> None:
    x = da.arange(10, chunks=5).persist()
    assert client.submit(compute_inside, x).result(30) == 45
    df = dd.from_pandas(pd.DataFrame({"a": range(10)}), npartitions=3)
    assert client.submit(compute_inside, client.persist(df).a).result(30) == 45


def compute_inside(collection: da.Array) -> int:
    return int(collection.sum().compute())


def test_futures_have_names_of_their_own(client: Client) -> None:
    future = client.submit(inc, 1)
    same = client.submit(inc, 1)
    assert tokenize(future) == tokenize(same)
    assert tokenize(future) != tokenize(client.submit(inc, 2))
    assert tokenize(dask.delayed(inc, pure=True)(future)) != tokenize(future)


def test_what_is_persisted_lives_as_long_as_its_collection(client: Client) -> None:
    x = da.random.default_rng().random(100, chunks=10).persist()
    total = x.sum().compute()
    y = x + 1
    del x
    assert np.isclose(y.sum().compute(), total + 100)
    keys = [future.key for future in y.__dask_graph__().values() if isinstance(future, Future)]
    assert len(keys) == 10


def test_persisting_what_is_persisted(client: Client) -> None:
    x = da.arange(10, chunks=5).persist()
    again = (x + 1).persist().persist()
    assert again.sum().compute() == 55
    assert dask.compute(x, again.max())[1] == 10


def test_optimize_keeps_futures(client: Client) -> None:
    df = client.persist(dd.from_pandas(pd.DataFrame({"a": range(10)}), npartitions=2))
    (optimized,) = dask.optimize(df.a + 1)
    assert optimized.sum().compute() == 55


def test_a_name_that_is_used_again_is_another_task(client: Client) -> None:
    for seed in range(30):
        numbers = np.random.default_rng(seed).random(40)
        x = da.from_array(numbers, chunks=10, name="numbers")
        assert np.array_equal((x + 1).compute(), numbers + 1)


class Frames(DaskMethodsMixin):
    """A collection of several data frames, whose expressions dask sees and optimises."""

    __dask_scheduler__ = staticmethod(dask.threaded.get)
    __dask_optimize__ = None

    def __init__(self, *frames: dd.DataFrame) -> None:
        self.frames = frames

    def __dask_exprs__(self) -> tuple[Any, ...]:
        return tuple(frame.expr for frame in self.frames)

    def __dask_rebuild_from_exprs__(self, exprs: Iterable[Any]) -> Frames:
        return Frames(*map(new_collection, exprs))

    def __dask_graph__(self) -> dict[Any, Any]:
        return {key: task for frame in self.frames for key, task in frame.__dask_graph__().items()}

    def __dask_keys__(self) -> list[Any]:
        return [frame.__dask_keys__() for frame in self.frames]

    def __dask_layers__(self) -> tuple[str, ...]:
        return tuple(frame.expr._name for frame in self.frames)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return self.frames

    def __dask_postcompute__(self) -> tuple[Any, tuple[()]]:
        return joined, ()

    def __dask_postpersist__(self) -> tuple[Any, tuple[()]]:
        raise AssertionError("dask rebuilds each frame, and asks for them to be put together")


def joined(results: Iterable[Iterable[pd.DataFrame]]) -> list[int]:
    return [len(pd.concat(parts)) for parts in results]


def test_collections_of_several_collections(client: Client) -> None:
    df = dd.from_pandas(pd.DataFrame({"a": range(10)}), npartitions=2)
    frames = Frames(df[df.a > 2], df + 1)
    assert dask.compute(frames, df.a.sum()) == ([7, 10], 45)
    assert client.compute(frames).result(30) == [7, 10]
    kept, other = dask.persist(frames, df)
    assert isinstance(kept, Frames)
    assert len(futures_of(kept)) == 4
    assert kept.compute() == [7, 10]
    assert other.a.sum().compute() == 45
    assert client.persist(frames).compute() == [7, 10]
