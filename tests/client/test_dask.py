"""dask collections compute on the cluster, with no word about a scheduler."""

from __future__ import annotations

import os
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask.base import named_schedulers
from dask.highlevelgraph import HighLevelGraph

from gdistributed import Client, Future
from gdistributed.client.dask_scheduler import SCHEDULER
from gdistributed.errors import BadGraph, UsageError
from tests.client.functions import add, fail, inc


def process_id(*_: object) -> int:
    return os.getpid()


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": range(100), "b": ["x", "y"] * 50, "c": np.linspace(0, 1, 100)})


def test_delayed(client: Client) -> None:
    one = dask.delayed(inc)(0)
    assert dask.delayed(add)(one, dask.delayed(inc)(one)).compute() == 3
    assert dask.compute({"a": [one]}, 5) == ({"a": [1]}, 5)
    assert dask.delayed(process_id)().compute() != os.getpid()


def test_delayed_takes_futures(client: Client) -> None:
    future = client.submit(inc, 1)
    assert dask.delayed(inc)(future).compute() == 3
    assert dask.delayed(sum)([future, dask.delayed(inc)(future)]).compute() == 5


def test_array(client: Client) -> None:
    x = da.arange(10_000, chunks=1000).reshape(100, 100).rechunk((25, 25))
    expected = np.arange(10_000).reshape(100, 100)
    assert np.array_equal((x + x.T).compute(), expected + expected.T)
    assert (x @ x).sum().compute() == (expected @ expected).sum()


def test_bag(client: Client) -> None:
    words = db.from_sequence(["a b", "b c", "c b"], npartitions=2).map(str.split).flatten()
    assert dict(words.frequencies().compute()) == {"a": 1, "b": 3, "c": 2}


def test_dataframe(client: Client, frame: pd.DataFrame) -> None:
    df = dd.from_pandas(frame, npartitions=4)
    assert df.groupby("b").a.mean().compute().to_dict() == {"x": 49.0, "y": 50.0}
    right = dd.from_pandas(pd.DataFrame({"b": ["x", "y"], "d": [1, 2]}), npartitions=2)
    merged = df.merge(right, on="b").compute()
    assert merged.d.sum() == 150
    shuffled = df.shuffle("b").compute()
    assert sorted(shuffled.a) == list(range(100))


def test_set_index_computes_while_it_optimises(client: Client, frame: pd.DataFrame) -> None:
    indexed = dd.from_pandas(frame.sample(frac=1, random_state=0), npartitions=4).set_index("a")
    assert list(indexed.compute().index) == list(range(100))


def test_from_delayed_futures(client: Client, frame: pd.DataFrame) -> None:
    parts = client.scatter([frame.iloc[:50], frame.iloc[50:]])
    df = dd.from_delayed(parts, meta=frame.iloc[:0])
    assert df.a.sum().compute() == frame.a.sum()
    block = client.submit(np.ones, (5, 5))
    assert da.from_delayed(dask.delayed(block), (5, 5), float).sum().compute() == 25


def test_persist(client: Client, frame: pd.DataFrame) -> None:
    x = da.arange(100, chunks=10).persist()
    assert all(isinstance(value, Future) for value in x.__dask_graph__().values())
    assert x.sum().compute() == 4950
    assert np.array_equal(x.compute(), np.arange(100))
    df = client.persist(dd.from_pandas(frame, npartitions=4))
    assert (df.a + 1).sum().compute() == frame.a.sum() + 100
    one, two = dask.persist(dask.delayed(inc)(1), dask.delayed(inc)(2))
    assert dask.delayed(add)(one, two).compute() == 5


def test_compute_gives_futures(client: Client) -> None:
    x = da.arange(100, chunks=10)
    total, plain, largest = client.compute([x.sum(), 5, x.max()])
    assert isinstance(total, Future)
    assert (total.result(30), plain, largest.result(30)) == (4950, 5, 99)
    assert client.compute(x.sum(), sync=True) == 4950
    assert client.compute([x.sum(), 5], sync=True) == [4950, 5]
    assert client.compute({"a": x.sum()}).result(30) == {"a": 4950}
    assert client.compute(5) == 5


def test_get_of_plain_graphs(client: Client) -> None:
    graph = {"x": 1, "y": (inc, "x"), "z": (sum, ["x", "y"]), ("t", 0): (inc, "z")}
    assert client.get(graph, "z") == 3
    assert client.get(graph, [["x", "y"], [("t", 0)]]) == [[1, 2], [4]]
    futures = client.get(graph, ["y", ("t", 0)], sync=False)
    assert client.gather(futures) == [2, 4]
    assert [future.key for future in futures] == ["y", ("t", 0)]
    layers = HighLevelGraph.from_collections("h", {"h": (inc, 1)})
    assert client.get(layers, "h") == 2


def test_get_of_a_key_that_is_held_already(client: Client) -> None:
    future = client.submit(inc, 1, key="held")
    assert client.get({"y": (inc, future)}, ["y", "held"]) == [3, 2]


def test_an_error_in_a_graph(client: Client) -> None:
    with pytest.raises(ValueError, match="in a graph"):
        dask.delayed(inc)(dask.delayed(fail)("in a graph")).compute()


def test_a_graph_with_a_cycle(client: Client) -> None:
    with pytest.raises(BadGraph, match="cycle") as caught:
        client.get({"x": (inc, "y"), "y": (inc, "z"), "z": (inc, "x"), "w": 1}, ["x", "w"])
    assert set(caught.value.keys) == {"x", "y", "z"}
    assert all(repr(key) in str(caught.value) for key in "xyz")


def test_a_graph_with_a_key_that_nobody_holds(client: Client) -> None:
    with pytest.raises(BadGraph, match="'nowhere'"):
        client.get({"x": (inc, 1)}, ["x", "nowhere"])
    gone = Future("forgotten")
    with pytest.raises(BadGraph, match="'forgotten'"):
        client.get({"y": (inc, gone)}, "y")


def test_two_keys_with_one_name(client: Client) -> None:
    with pytest.raises(BadGraph, match="rename one"):
        client.get({("x", 0): 1, "('x', 0)": 2}, [("x", 0), "('x', 0)"])


def test_keys_that_are_equal_have_one_name(client: Client) -> None:
    graph: dict[Any, Any] = {("x", 0): 1, ("y", 0): (inc, ("x", np.int64(0)))}
    assert client.get(graph, ("y", 0)) == 2


def test_annotations(client: Client) -> None:
    first, second = client.ncores()
    with dask.annotate(workers=[first]):
        here = dask.delayed(process_id)(1)
    with dask.annotate(workers=[second], priority=10, retries=2):
        there = dask.delayed(process_id)(2)
    futures = client.compute([here, there], optimize_graph=False)
    assert len(set(client.gather(futures))) == 2
    holders = client.who_has(futures)
    assert [holders[future.key] for future in futures] == [(first,), (second,)]
    (one,) = client.compute([dask.delayed(process_id)(3)], workers=[second])
    one.result(30)
    assert client.who_has(one)[one.key] == (second,)


def test_a_large_graph_travels_in_pieces(client: Client) -> None:
    blob = bytes(1000)
    graph: dict[Any, Any] = {("p", n): (len, blob + bytes(n)) for n in range(2000)}
    graph["total"] = (sum, [("p", n) for n in range(2000)])
    assert client.get(graph, "total") == 2000 * 1000 + sum(range(2000))


def test_the_client_is_the_scheduler_while_it_is_open(address: str) -> None:
    assert dask.config.get("scheduler", None) is None
    shuffle = dask.config.get("dataframe.shuffle.method", None)
    with dask.config.set(scheduler="sync"):
        with Client(address) as outer:
            assert dask.config.get("scheduler") is SCHEDULER
            assert dask.config.get("dataframe.shuffle.method") == "tasks"
            with Client(address):
                assert dask.delayed(inc)(1).compute() == 2
            assert dask.delayed(inc)(1).compute() == 2
            assert dask.delayed(inc)(1).compute(scheduler="distributed") == 2
            assert dask.delayed(inc)(1).compute(scheduler=outer) == 2
        assert dask.config.get("scheduler") == "sync"
        assert "gdistributed" not in named_schedulers
    assert dask.config.get("dataframe.shuffle.method", None) == shuffle
    with pytest.raises(UsageError, match="no client"):
        SCHEDULER({}, [])


def test_a_client_that_is_not_the_default(address: str) -> None:
    with Client(address, set_as_default=False) as client:
        assert dask.config.get("scheduler", None) is None
        assert dask.delayed(inc)(1).compute(scheduler=client) == 2
