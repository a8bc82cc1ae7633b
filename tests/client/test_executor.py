"""`get_executor`: real futures of the standard library, whose calls run on the cluster."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdistributed import AsyncClient, Client, get_client
from gdistributed.client.executor import ClientExecutor
from gdistributed.errors import UsageError
from tests.client.functions import add, append_line, fail, inc, wait_for_file

TIMEOUT_S = 30.0


@pytest.fixture
def executor(client: Client) -> Iterator[ClientExecutor]:
    with client.get_executor() as executor:
        yield executor


def test_it_is_an_executor_and_its_futures_are_futures(executor: ClientExecutor) -> None:
    future = executor.submit(add, 1, y=2)
    assert isinstance(executor, concurrent.futures.Executor)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result(TIMEOUT_S) == 3
    assert future.done()
    assert future.exception() is None
    assert not future.cancel()
    assert "0 futures pending" in repr(executor)


def test_keyword_arguments_are_those_of_the_function(executor: ClientExecutor) -> None:
    names = {"key": 1, "priority": 2, "workers": 3, "timeout": 4, "function": 5, "pure": 6}
    assert executor.submit(dict, **names).result(TIMEOUT_S) == names


def test_what_a_call_raises_is_raised(executor: ClientExecutor) -> None:
    future = executor.submit(fail, "no")
    with pytest.raises(ValueError, match="no"):
        future.result(TIMEOUT_S)
    assert isinstance(future.exception(), ValueError)


def test_equal_calls_are_made_again_unless_they_are_said_to_be_pure(
    client: Client, tmp_path: Path
) -> None:
    for pure, count in [(False, 2), (True, 1)]:
        path = tmp_path / str(pure)
        with client.get_executor(pure=pure) as executor:
            futures = [executor.submit(append_line, str(path), "ran") for _ in range(2)]
            assert [future.result(TIMEOUT_S) for future in futures] == ["ran", "ran"]
        assert path.read_text().count("ran") == count


def test_options_hold_for_all_calls(client: Client) -> None:
    address = list(client.ncores())[1]
    with client.get_executor(workers=address, retries=1) as executor:
        where = set(executor.map(worker_address, range(10)))
    assert where == {address}
    with pytest.raises(ValueError, match="allow_other_workers"):
        client.get_executor(allow_other_workers=True)


def worker_address(_: int) -> str:
    from gdistributed import get_worker

    return str(get_worker().address)


def test_a_large_result_comes_from_the_worker(executor: ClientExecutor) -> None:
    assert len(executor.submit(bytes, 3_000_000).result(TIMEOUT_S)) == 3_000_000


def test_wait_and_as_completed_of_the_standard_library(executor: ClientExecutor) -> None:
    futures = [executor.submit(inc, number) for number in range(10)]
    done, not_done = concurrent.futures.wait(futures, TIMEOUT_S)
    assert (done, not_done) == (set(futures), set())
    completed = concurrent.futures.as_completed(futures, TIMEOUT_S)
    assert {future.result() for future in completed} == set(range(1, 11))


def test_callbacks_run_once_and_may_block(executor: ClientExecutor, client: Client) -> None:
    seen: list[int] = []
    called = threading.Event()

    def note(future: concurrent.futures.Future[int]) -> None:
        seen.append(client.submit(inc, future.result()).result(TIMEOUT_S))
        called.set()

    executor.submit(inc, 1).add_done_callback(note)
    assert called.wait(TIMEOUT_S)
    executor.shutdown()
    assert seen == [3]


def test_a_cancelled_future_tells_those_who_wait_and_its_task_never_runs(
    client: Client, tmp_path: Path
) -> None:
    gate, trace = tmp_path / "gate", tmp_path / "trace"
    with client.get_executor() as executor:
        blocking = [executor.submit(begin_and_wait, str(tmp_path), str(gate), n) for n in range(2)]
        for number in range(2):  # else a worker has a thread for those that must not run
            wait_for_file(str(tmp_path / f"begun-{number}"))
        waiting = [executor.submit(append_line, str(trace), "ran") for _ in range(20)]
        assert not any(future.done() for future in waiting)
        assert all(future.cancel() for future in waiting)
        assert all(future.cancel() for future in waiting)  # again
        done, _ = concurrent.futures.wait(waiting, TIMEOUT_S)
        assert len(done) == 20
        with pytest.raises(concurrent.futures.CancelledError):
            waiting[0].result()
        gate.touch()
        concurrent.futures.wait(blocking, TIMEOUT_S)
    assert not trace.exists()


def test_a_task_that_somebody_else_cancels_says_so(address: str, tmp_path: Path) -> None:
    with Client(address) as client, client.get_executor(pure=True) as executor:
        future = executor.submit(wait_for_file, str(tmp_path / "gate"))
        same = client.submit(wait_for_file, str(tmp_path / "gate"))
        same.cancel(reason="nobody needs it")
        with pytest.raises(concurrent.futures.CancelledError, match="nobody needs it"):
            future.result(TIMEOUT_S)
        assert future.cancelled()
    (tmp_path / "gate").touch()


def test_map_keeps_the_order_and_makes_chunks(executor: ClientExecutor) -> None:
    expected = list(map(add, range(25), range(0, 50, 2)))
    for chunksize in (1, 4, 100):
        assert list(executor.map(add, range(25), range(0, 50, 2), chunksize=chunksize)) == expected
    assert list(executor.map(inc, iter([1, 2]))) == [2, 3]
    assert list(executor.map(inc, [])) == []
    with pytest.raises(ValueError, match="chunksize"):
        executor.map(inc, [1], chunksize=0)


def test_map_times_out_and_cancels_the_rest(client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with client.get_executor() as executor:
        results = executor.map(wait_for_file, [str(gate)] * 3, timeout=0.05)
        with pytest.raises(TimeoutError):
            next(results)
        gate.touch()


def test_after_shutdown_it_takes_nothing_and_the_client_goes_on(client: Client) -> None:
    executor = client.get_executor()
    future = executor.submit(inc, 1)
    executor.shutdown()
    assert future.done()
    for call in (lambda: executor.submit(inc, 1), lambda: executor.map(inc, [1])):
        with pytest.raises(RuntimeError, match="after shutdown"):
            call()
    executor.shutdown()
    assert client.submit(inc, 1).result(TIMEOUT_S) == 2


def test_shutdown_cancels_what_no_worker_was_handed(client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    executor = client.get_executor()
    begun = [executor.submit(begin_and_wait, str(tmp_path), str(gate), n) for n in range(2)]
    for number in range(2):
        wait_for_file(str(tmp_path / f"begun-{number}"))
    waiting = [executor.submit(wait_for_file, str(gate)) for _ in range(100)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert sum(future.cancelled() for future in waiting) > 50
    assert not any(future.done() for future in begun)
    gate.touch()
    executor.shutdown()
    assert [future.result() for future in begun] == [str(gate)] * 2
    assert all(future.done() for future in waiting)


def begin_and_wait(folder: str, gate: str, number: int) -> str:
    (Path(folder) / f"begun-{number}").touch()
    return wait_for_file(gate)


def test_a_closed_client_settles_its_futures(address: str, tmp_path: Path) -> None:
    client = Client(address)
    executor = client.get_executor()
    future = executor.submit(wait_for_file, str(tmp_path / "gate"))
    client.close()
    with pytest.raises(concurrent.futures.CancelledError, match="closed"):
        future.result(TIMEOUT_S)
    executor.shutdown(cancel_futures=True)
    assert not executor_threads()
    (tmp_path / "gate").touch()


def test_an_executor_that_is_forgotten_leaves_no_thread(client: Client) -> None:
    executor = client.get_executor()
    assert executor.submit(inc, 1).result(TIMEOUT_S) == 2
    (thread,) = executor_threads()
    gone = weakref.ref(executor)
    del executor
    gc.collect()
    assert gone() is None
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()


def executor_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "gdistributed-executor"]


def test_a_task_may_use_one_on_a_single_thread(client: Client) -> None:
    address = next(iter(client.ncores()))
    assert client.submit(squares, 5, workers=address).result(TIMEOUT_S) == [0, 1, 4, 9, 16]


def squares(count: int) -> list[int]:
    from gdistributed import get_worker

    with get_client().get_executor(workers=get_worker().address) as executor:
        return list(executor.map(pow, range(count), [2] * count))


async def test_asyncio_runs_functions_in_it(aclient: AsyncClient) -> None:
    executor = aclient.get_executor()
    loop = asyncio.get_running_loop()
    calls = [loop.run_in_executor(executor, add, number, 1) for number in range(20)]
    assert await asyncio.gather(*calls) == list(range(1, 21))
    assert await asyncio.wrap_future(executor.submit(inc, 1)) == 2
    assert len(await loop.run_in_executor(executor, bytes, 3_000_000)) == 3_000_000
    with pytest.raises(ValueError, match="no"):
        await loop.run_in_executor(executor, fail, "no")
    with pytest.raises(UsageError, match="wait=False"):
        executor.shutdown()
    await asyncio.to_thread(executor.shutdown)


async def test_a_cancelled_await_gives_the_task_up(aclient: AsyncClient, tmp_path: Path) -> None:
    executor = aclient.get_executor()
    future = executor.submit(wait_for_file, str(tmp_path / "gate"))
    waiting = asyncio.wrap_future(future)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.to_thread(concurrent.futures.wait, [future], TIMEOUT_S)
    assert future.cancelled()
    (tmp_path / "gate").touch()
    executor.shutdown(wait=False, cancel_futures=True)
