"""What `dask.annotate` and the words of `compute` ask for tasks is what they get."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from pathlib import Path

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from gdistributed import AsyncClient, Client, LocalCluster, Worker
from tests.client.functions import append_line, inc, wait_for_file


@pytest.fixture(scope="module")
def single() -> Iterator[Client]:
    """One worker with one thread, so that tasks run in order."""
    with LocalCluster(1, threads_per_worker=1) as cluster, Client(cluster) as client:
        yield client


def place(*_: object) -> int:
    return os.getpid()


def places(block: np.ndarray) -> np.ndarray:
    return np.full(block.shape, os.getpid())


def frame_of_places(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(place=os.getpid())


def third_time_lucky(path: str) -> int:
    append_line(path, "tried")
    tries = len(Path(path).read_text().split())
    if tries < 3:
        raise OSError("not yet")
    return tries


@pytest.fixture
def worker(client: Client) -> str:
    """Address of one of the two workers."""
    return list(client.ncores())[1]


@pytest.fixture
def place_of_worker(client: Client, worker: str) -> int:
    pid = client.submit(place, workers=[worker], pure=False).result(30)
    assert isinstance(pid, int)
    return pid


def test_workers_of_arrays(client: Client, worker: str, place_of_worker: int) -> None:
    with dask.annotate(workers=[worker]):
        x = da.ones(40, chunks=5).map_blocks(places, dtype=int)
    assert set(x.compute(optimize_graph=False)) == {place_of_worker}
    y = da.zeros(40, chunks=5).map_blocks(places, dtype=int)
    with dask.annotate(workers=[worker]):
        assert set(y.compute()) == {place_of_worker}
    assert set(y.compute(workers=[worker])) == {place_of_worker}


def test_workers_of_bags_and_delayed(client: Client, worker: str, place_of_worker: int) -> None:
    with dask.annotate(workers=worker):
        bag = db.from_sequence(range(8), npartitions=4).map(place)
        assert set(bag.compute()) == {place_of_worker}
        calls = [dask.delayed(place)(number) for number in range(8)]
    assert set(dask.compute(*calls, optimize_graph=False)) == {place_of_worker}


def test_workers_of_data_frames(client: Client, worker: str, place_of_worker: int) -> None:
    df = dd.from_pandas(pd.DataFrame({"a": range(20)}), npartitions=8)
    df = df.map_partitions(frame_of_places, meta={"a": int, "place": int})
    with dask.annotate(workers=[worker]):  # dask has no others for data frames
        assert set(df.compute().place) == {place_of_worker}
    assert set(df.compute(workers=[worker]).place) == {place_of_worker}


def test_a_persisted_collection_stays_where_it_was_asked_to(client: Client, worker: str) -> None:
    with dask.annotate(workers=[worker]):
        x = dask.persist(da.arange(20, chunks=5) + 1)[0]
    assert x.sum().compute() == 210
    assert set(client.who_has(x).values()) == {(worker,)}


def test_workers_may_be_a_preference(client: Client, worker: str, place_of_worker: int) -> None:
    with dask.annotate(workers=["nobody"], allow_other_workers=True):
        assert dask.delayed(inc)(1).compute() == 2
    assert dask.delayed(inc)(2).compute(workers=["nobody"], allow_other_workers=True) == 3
    with dask.annotate(workers=[worker], allow_other_workers=True):
        assert dask.delayed(place)().compute() == place_of_worker


def test_retries(client: Client, tmp_path: Path) -> None:
    with dask.annotate(retries=5):
        tried = dask.delayed(third_time_lucky)(str(tmp_path / "annotated"))
    assert tried.compute(optimize_graph=False) == 3
    tried = dask.delayed(third_time_lucky)(str(tmp_path / "asked"))
    assert dask.compute(tried, retries=5) == (3,)
    with pytest.raises(OSError, match="not yet"):
        dask.delayed(third_time_lucky)(str(tmp_path / "neither")).compute()


def test_priority(single: Client, tmp_path: Path) -> None:
    path, go = str(tmp_path / "order"), tmp_path / "go"
    blocking = single.submit(wait_for_file, str(go))
    with dask.annotate(priority=-5):
        late = dask.delayed(append_line)(path, "late")
    with dask.annotate(priority=1):
        outer = dask.delayed(append_line)(path, "outer")
        with dask.annotate(priority=10):  # a layer's own word beats that of all
            first = dask.delayed(append_line)(path, "first")
    plain = dask.delayed(append_line)(path, "plain")
    futures = single.compute([late, plain, outer, first], optimize_graph=False)
    go.touch()
    single.gather([blocking, *futures])
    assert Path(path).read_text().split() == ["first", "outer", "plain", "late"]


def test_an_annotation_may_be_made_for_each_key(single: Client, tmp_path: Path) -> None:
    path, go = str(tmp_path / "order"), tmp_path / "go"
    blocking = single.submit(wait_for_file, str(go))
    graph = {("part", number): (append_line, path, str(number)) for number in range(3)}
    with dask.annotate(priority=operator.itemgetter(1)):
        futures = single.get(graph, list(graph), sync=False)
    go.touch()
    single.gather([blocking, *futures])
    assert Path(path).read_text().split() == ["2", "1", "0"]


async def test_resources(aclient: AsyncClient, address: str) -> None:
    with dask.annotate(resources={"GPU": 1}):
        needy = dask.delayed(place)("needs a GPU")
    (future,) = aclient.compute([needy], optimize_graph=False)
    assert await aclient.submit(inc, 1) == 2  # by then the scheduler knows what came before
    assert "GPU" in await aclient.explain(future)
    async with Worker(address, name="with a GPU", resources={"GPU": 1}) as worker:
        assert await future.result(30) == os.getpid()
        other = aclient.compute(dask.delayed(place)("again"), resources={"GPU": 1})
        assert await other.result(30) == os.getpid()
        assert (await aclient.who_has(other))[other.key] == (worker.address,)


def test_annotations_of_others_are_let_be(client: Client) -> None:
    with dask.annotate(my_own="word", anything={"a": object()}):
        assert dask.delayed(inc)(41).compute() == 42
        assert (da.arange(10, chunks=5) + 1).sum().compute() == 55


def test_annotations_that_make_no_sense(client: Client) -> None:
    with pytest.raises(TypeError, match="retries"):
        dask.delayed(inc)(1).compute(retries="many")
    with dask.annotate(retries=-1), pytest.raises(ValueError, match="negative"):
        dask.delayed(inc)(1).compute()
    with pytest.raises(ValueError, match="allow_other_workers"):
        dask.delayed(inc)(1).compute(allow_other_workers=True)
