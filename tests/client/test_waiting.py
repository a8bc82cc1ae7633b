"""wait, as_completed and progress."""

from __future__ import annotations

import io
import re
from pathlib import Path

import dask.array
import pytest
from rich.console import Console

from gdistributed import AsyncClient, Client, Future, as_completed, progress, wait
from gdistributed.errors import WaitTimeout
from tests.client.functions import fail, inc, wait_for_file


def files(folder: Path, *names: str) -> list[str]:
    return [str(folder / name) for name in names]


def test_wait_for_all(client: Client) -> None:
    futures = client.map(inc, range(20))
    done, not_done = wait(futures)
    assert (done, not_done) == (set(futures), set())
    assert wait([]) == (set(), set())


def test_wait_for_the_first(client: Client, tmp_path: Path) -> None:
    late = client.submit(wait_for_file, str(tmp_path / "go"))
    early = client.submit(inc, 1)
    done, not_done = wait([late, early], return_when="FIRST_COMPLETED")
    assert (done, not_done) == ({early}, {late})
    (tmp_path / "go").touch()
    wait(late)


def test_wait_for_an_exception(client: Client, tmp_path: Path) -> None:
    late = client.submit(wait_for_file, str(tmp_path / "go"))
    bad = client.submit(fail, "soon")
    done, not_done = wait([late, bad], return_when="FIRST_EXCEPTION")
    assert (done, not_done) == ({bad}, {late})
    (tmp_path / "go").touch()
    wait([late, bad])  # errors are not raised
    with pytest.raises(ValueError, match="return_when"):
        wait([late], return_when="SOMETIME")  # type: ignore[arg-type]


def test_wait_in_vain(client: Client, tmp_path: Path) -> None:
    futures = [client.submit(wait_for_file, str(tmp_path / "go")), client.submit(inc, 1)]
    futures[1].result(30)
    with pytest.raises(WaitTimeout, match="1 of 2 futures"):
        wait(futures, timeout=0.05)
    (tmp_path / "go").touch()


def test_wait_for_a_collection(client: Client) -> None:
    x = client.persist(dask.array.ones(100, chunks=10))
    done, not_done = wait(x)
    assert (len(done), len(not_done)) == (10, 0)


def test_as_completed_in_the_order_of_completion(client: Client, tmp_path: Path) -> None:
    first, second = files(tmp_path, "first", "second")
    futures = client.map(wait_for_file, [second, first])
    completed = as_completed(futures)
    assert completed.count() == 2
    Path(first).touch()
    assert next(completed).result() == first
    assert not completed.has_ready()
    Path(second).touch()
    assert next(completed).result() == second
    assert completed.is_empty()
    with pytest.raises(StopIteration):
        next(completed)


def test_as_completed_with_results(client: Client) -> None:
    futures = client.map(inc, range(10))
    pairs = dict(as_completed(futures, with_results=True))
    assert pairs == {future: n + 1 for n, future in enumerate(futures)}


def test_as_completed_with_errors(client: Client) -> None:
    bad = client.submit(fail, "completed badly")
    with pytest.raises(ValueError, match="completed badly"):
        list(as_completed([bad], with_results=True))
    ((future, error),) = as_completed([bad], with_results=True, raise_errors=False)
    assert future is bad
    assert isinstance(error, ValueError)


def test_as_completed_grows_while_it_runs(client: Client) -> None:
    completed = as_completed([client.submit(inc, 0)])
    values = []
    for future in completed:
        value = future.result()
        values.append(value)
        if value < 5:
            completed.add(client.submit(inc, future))
    assert values == [1, 2, 3, 4, 5]


def test_as_completed_counts_each_future(client: Client) -> None:
    future = client.submit(inc, 77)
    twice = as_completed([future, future, client.submit(inc, 77)])
    assert twice.count() == 3
    assert [each.result() for each in twice] == [78, 78, 78]


def test_as_completed_in_batches(client: Client) -> None:
    futures = client.map(inc, range(50))
    wait(futures)
    completed = as_completed(futures)
    assert set(completed.next_batch()) == set(futures)
    assert completed.next_batch(block=False) == []
    completed.update(futures)
    assert sum(len(batch) for batch in completed.batches()) == 50


def test_as_completed_forgets(client: Client, tmp_path: Path) -> None:
    late = client.submit(wait_for_file, str(tmp_path / "go"))
    completed = as_completed([late, client.submit(inc, 1)])
    completed.clear()
    assert completed.count() == 0
    assert list(completed) == []
    (tmp_path / "go").touch()
    late.result(30)
    assert not completed.has_ready()


def test_as_completed_in_vain(client: Client, tmp_path: Path) -> None:
    late = client.submit(wait_for_file, str(tmp_path / "go"))
    with pytest.raises(WaitTimeout):
        next(as_completed([late], timeout=0.05))
    (tmp_path / "go").touch()
    with pytest.raises(TypeError, match="takes futures"):
        as_completed([1])  # type: ignore[list-item]


async def test_as_completed_on_a_loop(aclient: AsyncClient) -> None:
    futures = aclient.map(inc, range(10))
    found: set[Future] = set()
    async for future in as_completed(futures):
        found.add(future)
    assert found == set(futures)
    pairs = [pair async for pair in as_completed(futures, with_results=True)]
    assert sorted(value for _, value in pairs) == list(range(1, 11))


async def test_wait_on_a_loop(aclient: AsyncClient) -> None:
    futures = aclient.map(inc, range(10))
    done, not_done = await wait(futures)
    assert (done, not_done) == (set(futures), set())


def test_progress_where_nobody_sees_it(client: Client) -> None:
    drawn = io.StringIO()
    futures = [*client.map(inc, range(30)), client.submit(fail, "shown")]
    progress(futures, console=Console(file=drawn))
    (line,) = drawn.getvalue().splitlines()
    assert re.fullmatch(r"31/31 done, 1 erred in .*s, .*/s: inc 30/30, fail 1/1", line)
    assert all(future.done() for future in futures)


def test_progress_in_a_terminal(client: Client) -> None:
    drawn = io.StringIO()
    futures = client.map(inc, range(30, 60))
    progress(futures, console=Console(file=drawn, force_terminal=True, width=100))
    assert "30/30" in drawn.getvalue()
    assert "inc" in drawn.getvalue()
    assert progress([]) is None
