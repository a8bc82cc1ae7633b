"""gather, scatter, datasets, and questions about where data lies."""

from __future__ import annotations

import threading

import dask.array
import numpy as np
import pandas as pd
import pytest

from gdistributed import Client, Future
from gdistributed.errors import NameTaken, NotFound, UnpicklableArgument, WaitTimeout
from gdistributed.settings import ClientSettings
from tests.client.functions import add, fail, inc


def test_gather_keeps_the_structure(client: Client) -> None:
    one, two = client.submit(inc, 0), client.submit(inc, 1)
    assert client.gather(one) == 1
    assert client.gather([one, [two, (one,)]]) == [1, [2, (1,)]]
    assert client.gather({"a": one, "b": {two}, "c": 3}) == {"a": 1, "b": {2}, "c": 3}
    assert client.gather([]) == []
    assert client.gather([one, one]) == [1, 1]


def test_gather_raises_the_first_error_or_skips(client: Client) -> None:
    futures = [client.submit(inc, 0), client.submit(fail, "skipped"), client.submit(inc, 1)]
    with pytest.raises(ValueError, match="skipped"):
        client.gather(futures)
    assert client.gather(futures, errors="skip") == [1, 2]
    assert client.gather({"x": futures[1], "y": [futures[1]]}, errors="skip") == {"y": []}
    with pytest.raises(ValueError, match="errors must be"):
        client.gather(futures, errors="ignore")  # type: ignore[arg-type]


def test_gather_of_small_and_large(client: Client) -> None:
    futures = client.map(bytes, [10, 100_000, 20, 200_000, 3_000_000])
    assert [len(value) for value in client.gather(futures)] == [10, 100_000, 20, 200_000, 3_000_000]


def test_scatter_keeps_the_structure(client: Client) -> None:
    single = client.scatter(41)
    assert isinstance(single, Future)
    assert client.submit(inc, single).result(30) == 42
    several = client.scatter([1, 2, 2])
    assert client.gather(several) == [1, 2, 2]
    assert client.gather(client.scatter((1, 2))) == (1, 2)
    named = client.scatter({"left": 1, "right": 2})
    assert named["left"].key == "left"
    assert client.submit(add, named["left"], named["right"]).result(30) == 3
    assert client.scatter([]) == []


def test_scatter_names_values_by_their_content(client: Client) -> None:
    assert client.scatter("same").key == client.scatter("same").key
    assert client.scatter("same", hash=False).key != client.scatter("same", hash=False).key


def test_scattered_arrays(client: Client) -> None:
    array = np.arange(1_000_000)
    future = client.scatter(array)
    assert future.done()
    assert client.submit(np.sum, future).result(30) == array.sum()
    assert np.array_equal(future.result(30), array)


def test_what_is_scattered_may_be_compressed(address: str) -> None:
    with Client(address, settings=ClientSettings(compression="zstd")) as client:
        frame = pd.DataFrame({"a": np.arange(300_000), "b": "text"})
        pd.testing.assert_frame_equal(client.scatter(frame).result(), frame)
    with pytest.raises(ValueError, match="'brotli'"):
        Client(address, settings=ClientSettings(compression="brotli"))


def test_scatter_to_chosen_workers(client: Client) -> None:
    workers = sorted(client.ncores())
    future = client.scatter(b"there", workers=[workers[1]], hash=False)
    assert client.who_has(future) == {future.key: (workers[1],)}
    everywhere = client.scatter(b"everywhere", broadcast=True, hash=False)
    assert sorted(client.who_has(everywhere)[everywhere.key]) == workers
    with pytest.raises(NotFound, match="nobody"):
        client.scatter(1, workers=["nobody"])


def test_scatter_of_what_cannot_be_sent(client: Client) -> None:
    with pytest.raises(UnpicklableArgument, match="lock"):
        client.scatter({"lock": threading.Lock()})


def test_where_data_lies(client: Client) -> None:
    futures = client.map(inc, range(500, 510))
    client.gather(futures)
    holders = client.who_has(futures)
    assert set(holders) == {future.key for future in futures}
    has = client.has_what()
    assert set(has) == set(client.ncores())
    for key, addresses in holders.items():
        assert all(key in has[address] for address in addresses)
    assert client.who_has([]) == {}
    (chosen,) = client.has_what(next(iter(has)))
    assert chosen == next(iter(has))


def test_who_the_workers_are(client: Client) -> None:
    client.wait_for_workers(2, timeout=30)
    assert list(client.ncores().values()) == [1, 1]
    assert client.nthreads() == client.ncores()
    described = client.scheduler_info()
    assert described["address"] == client.scheduler_address
    assert {worker["status"] for worker in described["workers"].values()} == {"running"}
    versions = client.get_versions(check=True)
    assert versions["client"]["packages"]["dask"] == dask.__version__
    assert versions["scheduler"] == versions["client"]
    assert versions["workers"] == dict.fromkeys(client.ncores(), versions["client"])


def test_waiting_for_workers_that_do_not_come(client: Client) -> None:
    with pytest.raises(WaitTimeout, match="2 of 5 workers"):
        client.wait_for_workers(5, timeout=0.05)


def test_datasets(client: Client, address: str) -> None:
    x = client.submit(inc, 41)
    client.publish_dataset(x=x, plain={"a": [1, 2]})
    assert {"plain", "x"} <= set(client.list_datasets())
    del x
    with Client(address, set_as_default=False) as other:
        future = other.get_dataset("x")
        assert isinstance(future, Future)
        assert future.result(30) == 42
        assert other.submit(inc, future).result(30) == 43
        assert other.get_dataset("plain") == {"a": [1, 2]}
        with pytest.raises(NameTaken, match="x"):
            other.publish_dataset(5, name="x")
        other.publish_dataset("x", 5, override=True)
        assert client.get_dataset("x") == 5
        other.unpublish_dataset("x")
        other.unpublish_dataset("plain")
    assert client.list_datasets() == ()
    with pytest.raises(NotFound, match="x"):
        client.get_dataset("x")
    assert client.get_dataset("x", None) is None
    with pytest.raises(NotFound):
        client.unpublish_dataset("x")
    with pytest.raises(TypeError, match="by name"):
        client.publish_dataset(1)


def test_a_dataset_outlives_its_client(client: Client, address: str) -> None:
    with Client(address, set_as_default=False) as other:
        future = other.submit(bytes, 50_000, key="outlives")
        other.publish_dataset(outlives=future)
    again = client.get_dataset("outlives")
    assert len(again.result(30)) == 50_000
    client.unpublish_dataset("outlives")


def test_collections_by_their_early_names(client: Client, address: str) -> None:
    x = client.persist(dask.array.arange(100, chunks=10))
    client.set_collection("numbers", x)
    client.set_collection("numbers", x + 1)  # replaces, and is computed by whoever gets it
    client.set_collection("numbers", x)
    total = int(x.sum().compute())
    del x
    with Client(address, set_as_default=False) as other:
        found = other.get_collection("numbers")
        assert int(other.compute(found.sum()).result(30)) == total
    client.unpublish_dataset("numbers")
