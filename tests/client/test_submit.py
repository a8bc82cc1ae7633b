"""submit and map: results, errors, keys, futures inside arguments."""

from __future__ import annotations

import asyncio
import operator
import threading
import time
import traceback
from collections import namedtuple
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest

from gdistributed import Client, Future
from gdistributed.errors import (
    ArgumentTooLarge,
    CancelledError,
    CodecUnsupported,
    SerializationError,
    TaskTimeout,
    UnpicklableArgument,
    UsageError,
    WaitTimeout,
)
from tests.client.functions import (
    CustomError,
    add,
    append_line,
    coroutine_inc,
    divide,
    fail,
    fail_custom,
    inc,
    is_locked,
    keyword,
    make_lock,
    wait_for_file,
)
from tests.waiting import until

Pair = namedtuple("Pair", "left right")


def test_a_result_comes_back(client: Client) -> None:
    future = client.submit(inc, 1)
    assert future.result(timeout=30) == 2
    assert future.done()
    assert future.status == "finished"
    assert future.type == "int"
    assert future.exception() is None
    assert future.traceback() is None
    assert not future.cancelled()


def test_arguments_of_all_kinds(client: Client) -> None:
    assert client.submit(keyword, 1, y=2).result(30) == (1, 2, 0)
    assert client.submit(lambda x: x * 2, "ab").result(30) == "abab"
    assert client.submit(operator.add, b"a", b"b").result(30) == b"ab"
    assert client.submit(coroutine_inc, 1).result(30) == 2
    assert client.submit(sorted, [3, 1, 2], reverse=True).result(30) == [3, 2, 1]


@pytest.mark.parametrize("value", [None, "", b"", [], 0, {"a": (1, 2)}, {1, 2}, 1.5])
def test_values_come_back_as_they_are(client: Client, value: object) -> None:
    found = client.submit(lambda: value, pure=False).result(30)
    assert found == value
    assert type(found) is type(value)


def test_futures_are_replaced_by_their_results(client: Client) -> None:
    one, two = client.submit(inc, 0), client.submit(inc, 1)
    assert client.submit(add, one, two).result(30) == 3
    assert client.submit(keyword, 0, y=one, z=two).result(30) == (0, 1, 2)
    assert client.submit(sum, [one, two]).result(30) == 3
    assert client.submit(dict, {"a": [(one,), {two}]}).result(30) == {"a": [(1,), {2}]}
    assert client.submit(sum, Pair(one, two)).result(30) == 3


def test_a_large_result_is_fetched_from_its_worker(client: Client) -> None:
    future = client.submit(bytes, 3_000_000)
    assert future.result(30) == bytes(3_000_000)
    assert client.submit(len, future).result(30) == 3_000_000


def test_a_result_may_travel_in_a_codec(client: Client) -> None:
    pair = client.submit(lambda: (1, 2), codec="json")
    assert pair.result(30) == [1, 2]
    frame = pd.DataFrame({"a": range(100_000)})
    large, text = client.map(lambda value: value, [frame, "text"], codec=["arrow", "text"])
    pd.testing.assert_frame_equal(large.result(30), frame)
    assert text.result(30) == "text"
    with dask.annotate(codec="json"):
        assert client.get({"x": (tuple, [1, 2])}, "x") == [1, 2]


def test_a_result_that_its_codec_cannot_say_fails_the_task(client: Client) -> None:
    for size in (1, 1_000_000):
        future = client.submit(np.zeros, size, codec="arrow")
        with pytest.raises(CodecUnsupported, match=r"numpy\.ndarray.*arrow"):
            future.result(30)
    unknown = client.submit(int, codec="arow")
    with pytest.raises(CodecUnsupported, match="arow"):
        unknown.result(30)


def test_a_chain(client: Client) -> None:
    future = client.submit(inc, 0)
    for _ in range(50):
        future = client.submit(inc, future)
    assert future.result(30) == 51


def test_the_same_call_has_the_same_key(client: Client) -> None:
    first, second = client.submit(inc, 100), client.submit(inc, 100)
    assert first.key == second.key
    assert first is not second
    assert client.submit(inc, 101).key != first.key
    assert client.submit(inc, 100, pure=False).key != first.key
    assert first.key.startswith("inc-")


def test_keys_tell_equal_looking_values_apart(client: Client) -> None:
    keys = {
        client.submit(str, value).key
        for value in (1, True, 1.0, "1", b"1", [1], (1,), {1: 1}, {1}, None, "None")
    }
    assert len(keys) == 11


def test_a_key_may_be_given(client: Client) -> None:
    future = client.submit(inc, 1, key="mine-1")
    assert future.key == "mine-1"
    assert future.result(30) == 2
    placed = client.submit(inc, 2, key=("mine", 2))
    assert placed.key == ("mine", 2)
    assert client.submit(inc, placed).result(30) == 4


def test_a_key_that_is_known_keeps_its_task(client: Client) -> None:
    first = client.submit(inc, 1, key="known")
    second = client.submit(inc, 50, key="known")
    assert (first.result(30), second.result(30)) == (2, 2)


def test_an_error_keeps_its_type_and_shows_the_remote_frames(client: Client) -> None:
    future = client.submit(divide, 1, 0)
    with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
        future.result(30)
    shown = "".join(traceback.format_exception(caught.value))
    assert "inner_divide" in shown
    assert "functions.py" in shown
    assert "_settled" not in shown  # how we wait is nobody's concern
    assert "values.py" not in shown
    assert future.status == "error"
    assert isinstance(future.exception(), ZeroDivisionError)
    assert "inner_divide" in "".join(traceback.format_tb(future.traceback()))


def test_an_error_with_an_init_of_its_own(client: Client) -> None:
    with pytest.raises(CustomError, match="7 in heaven") as caught:
        client.submit(fail_custom).result(30)
    assert caught.value.code == 7


def test_an_error_is_passed_on_to_what_depends_on_it(client: Client) -> None:
    future = client.submit(inc, client.submit(fail, "at the root"))
    with pytest.raises(ValueError, match="at the root"):
        future.result(30)


def test_an_erred_task_can_be_tried_again(client: Client, tmp_path: Path) -> None:
    def only_if_there(path: str) -> str:
        return Path(path).read_text()

    path = tmp_path / "late"
    future = client.submit(only_if_there, str(path))
    assert isinstance(future.exception(30), FileNotFoundError)
    path.write_text("now")
    future.retry()
    assert future.result(30) == "now"


def test_retries(client: Client, tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    def third_time_lucky(path: str) -> int:
        append_line(path, "tried")
        tries = len(Path(path).read_text().split())
        if tries < 3:
            raise OSError("not yet")
        return tries

    assert client.submit(third_time_lucky, str(trace), retries=5, pure=False).result(30) == 3


def test_a_result_that_cannot_be_sent(client: Client) -> None:
    future = client.submit(make_lock)
    with pytest.raises(SerializationError, match="lock"):
        future.result(30)
    assert client.submit(is_locked, future).result(30) is False  # where it is, it is of use
    assert client.submit(inc, 1).result(30) == 2  # the worker lives


def test_a_function_that_cannot_be_sent(client: Client) -> None:
    lock = threading.Lock()

    def holding() -> object:
        return lock

    with pytest.raises(UnpicklableArgument, match="holding"):
        client.submit(holding)
    assert isinstance(UnpicklableArgument(""), TypeError)


def test_an_argument_that_cannot_be_sent_is_named(client: Client) -> None:
    with pytest.raises(UnpicklableArgument, match="argument 1"):
        client.submit(add, 1, threading.Lock())
    with pytest.raises(UnpicklableArgument, match="'y'"):
        client.submit(keyword, 1, y=threading.Lock())


def test_what_is_no_function(client: Client) -> None:
    with pytest.raises(TypeError, match="needs a function"):
        client.submit(1, 2)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="needs a function"):
        client.map("abc", [1])  # type: ignore[arg-type]


def test_options_that_make_no_sense(client: Client) -> None:
    with pytest.raises(ValueError, match="allow_other_workers"):
        client.submit(inc, 1, allow_other_workers=True)
    with pytest.raises(TypeError, match="retries"):
        client.submit(inc, 1, retries="many")  # type: ignore[arg-type]


def test_a_large_argument_brings_a_warning(client: Client) -> None:
    with pytest.warns(UserWarning, match="scatter"):
        future = client.submit(len, bytes(11 * 2**20))
    assert future.result(30) == 11 * 2**20


def test_arguments_that_no_message_can_hold_are_refused(client: Client) -> None:
    blob = bytes(257 * 2**20)
    with pytest.raises(ArgumentTooLarge, match=r"arguments of 'len': 257.0 MiB.*scatter"):
        client.submit(len, blob, pure=False)
    with pytest.raises(ArgumentTooLarge, match="arguments of 'len'"):
        client.map(len, [b"", blob], pure=False)
    with pytest.raises(ArgumentTooLarge, match="arguments of 'x'"):
        client.get({"x": (len, blob)}, "x")
    with pytest.raises(ArgumentTooLarge, match="the function and what it encloses, '<lambda>'"):
        client.submit(lambda: len(blob), pure=False)
    assert client.submit(len, b"12").result(30) == 2


def test_a_future_of_another_client(client: Client, address: str) -> None:
    with Client(address, set_as_default=False) as other:
        future = other.submit(inc, 1)
        with pytest.raises(ValueError, match="another client"):
            client.submit(inc, future)


def test_a_timeout(client: Client, tmp_path: Path) -> None:
    future = client.submit(wait_for_file, str(tmp_path / "go"))
    with pytest.raises(WaitTimeout, match="was not done within"):
        future.result(timeout=0.05)
    with pytest.raises(TimeoutError):
        future.exception(timeout=0)
    assert future.status == "pending"
    (tmp_path / "go").touch()
    assert future.result(30) == str(tmp_path / "go")


def test_cancel(client: Client, tmp_path: Path) -> None:
    future = client.submit(wait_for_file, str(tmp_path / "go"))
    dependent = client.submit(len, future)
    future.cancel(reason="not needed")
    assert future.cancelled()
    assert future.status == "cancelled"
    with pytest.raises(CancelledError, match="not needed"):
        future.result(30)
    with pytest.raises(CancelledError):
        dependent.result(30)
    (tmp_path / "go").touch()
    again = client.submit(wait_for_file, str(tmp_path / "go"))
    assert again.result(30) == str(tmp_path / "go")


def test_a_run_that_goes_on_after_its_cancelling_holds_up_nobody(
    client: Client, tmp_path: Path
) -> None:
    """There are two workers of one thread."""
    begun, go = tmp_path / "begun", tmp_path / "go"
    stuck = client.submit(append_and_wait, str(begun), str(go))
    until(begun.exists, "it runs")
    stuck.cancel()
    for number in range(20):
        assert client.submit(inc, number, pure=False).result(30) == number + 1
    assert client.gather(client.map(inc, range(50), pure=False)) == list(range(1, 51))
    go.touch()


def append_and_wait(begun: str, go: str) -> None:
    append_line(begun, "begun")
    wait_for_file(go)


def test_cancel_several(client: Client, tmp_path: Path) -> None:
    futures = client.map(wait_for_file, [str(tmp_path / name) for name in "abc"])
    client.cancel({"all": futures})
    assert all(future.cancelled() for future in futures)
    for name in "abc":
        (tmp_path / name).touch()


def test_a_callback(client: Client) -> None:
    called: list[Future] = []
    done = threading.Event()

    def callback(future: Future) -> None:
        called.append(future)
        done.set()

    future = client.submit(inc, 1000)
    future.add_done_callback(callback)
    assert done.wait(30)
    done.clear()
    future.add_done_callback(callback)  # at once, as it is done
    assert done.wait(30)
    assert called == [future, future]


def test_a_callback_may_wait_and_submit(client: Client) -> None:
    results: list[int] = []
    done = threading.Event()

    def callback(future: Future) -> None:
        results.append(client.submit(inc, future).result(30))
        done.set()

    client.submit(inc, 2000).add_done_callback(callback)
    assert done.wait(30)
    assert results == [2002]


def test_map(client: Client) -> None:
    assert client.gather(client.map(inc, range(1000))) == list(range(1, 1001))
    assert client.gather(client.map(add, [1, 2, 3], [10, 20])) == [11, 22]
    assert client.gather(client.map(keyword, [1, 2], z=3)) == [(1, 0, 3), (2, 0, 3)]
    assert client.map(inc, []) == []


def test_map_over_futures(client: Client) -> None:
    first = client.map(inc, range(10))
    second = client.map(add, first, range(10))
    assert client.gather(second) == [2 * x + 1 for x in range(10)]
    assert client.gather(client.map(sum, [first[:3], first[3:]])) == [6, 49]
    assert client.gather(client.map(keyword, [1, 2], y=first[4])) == [(1, 5, 0), (2, 5, 0)]


def test_map_with_keys_and_pieces(client: Client) -> None:
    futures = client.map(inc, range(5), key="mapped")
    assert all(str(future.key).startswith("mapped-") for future in futures)
    named = client.map(inc, range(3), key=["k-0", "k-1", ("k", 2)], batch_size=2)
    assert [future.key for future in named] == ["k-0", "k-1", ("k", 2)]
    assert client.gather(named) == [1, 2, 3]
    with pytest.raises(ValueError, match="2 keys for 3"):
        client.map(inc, range(3), key=["a", "b"])
    with pytest.raises(ValueError, match="same key"):
        client.map(inc, range(2), key=["a", "a"])


def test_map_refuses_iterators(client: Client) -> None:
    with pytest.raises(TypeError, match="end is not known"):
        client.map(inc, iter([1, 2]))


def test_map_of_equal_calls_shares_a_task(client: Client) -> None:
    futures = client.map(inc, [5, 5, 5])
    assert len({future.key for future in futures}) == 1
    assert client.gather(futures) == [6, 6, 6]


def test_a_worker_may_be_asked_for(client: Client) -> None:
    workers = list(client.ncores())
    futures = [client.submit(inc, 7, workers=[each], pure=False) for each in workers]
    client.gather(futures)
    holders = client.who_has(futures)
    assert [holders[future.key] for future in futures] == [(each,) for each in workers]


def test_priority(client: Client, tmp_path: Path) -> None:
    trace, go = str(tmp_path / "trace"), str(tmp_path / "go")
    worker = next(iter(client.ncores()))
    block = client.submit(wait_for_file, go, workers=worker)
    lines = [f"line {number}" for number in range(20)]
    low = client.map(append_line, [trace] * 20, lines, workers=worker, priority=-1)
    high = client.submit(append_line, trace, "first", workers=worker, priority=10)
    Path(go).touch()
    client.gather([block, high, *low])
    assert "first" in Path(trace).read_text().splitlines()[:3]  # two tasks are handed out ahead


def test_a_released_key_is_dropped_on_the_cluster(client: Client, address: str) -> None:
    future = client.submit(bytes, 100_000, pure=False)
    key = future.key
    client.gather(future)
    assert client.who_has(future)[key]
    del future
    with Client(address, set_as_default=False) as other:
        while other.who_has().get(key):
            pass  # the test's timeout ends it
        assert key not in other.who_has()


def test_a_future_that_was_released(client: Client) -> None:
    future = client.submit(inc, 1)
    future.release()
    with pytest.raises(UsageError, match="released"):
        future.result(30)


def test_what_a_future_says_of_itself(client: Client) -> None:
    future = client.submit(inc, 1, key="shown")
    future.result(30)
    assert repr(future) == "<Future: finished, type: int, key: shown>"
    assert future == future
    assert future != client.submit(inc, 1, key="shown")
    assert len({future, client.submit(inc, 1, key="shown")}) == 2


def test_many_threads_submit_at_once(client: Client) -> None:
    results: list[int] = []

    def work(start: int) -> None:
        futures = [client.submit(inc, start + n) for n in range(50)]
        results.extend(client.gather(futures))

    threads = [threading.Thread(target=work, args=(100_000 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(100_000 * n + k + 1 for n in range(8) for k in range(50))


def test_a_task_may_take_so_long(client: Client) -> None:
    with pytest.raises(TaskTimeout, match=r"longer than its timeout of 0\.1 s"):
        client.submit(time.sleep, 0.5, timeout=0.1).result(30)

    async def forever() -> None:
        await asyncio.sleep(1000)

    with pytest.raises(TimeoutError):
        client.submit(forever, timeout=0.05).result(30)
    assert client.submit(inc, 1, timeout=60).result(30) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"retries": -1}, "retries must not be negative"),
        ({"timeout": 0}, "timeout must be more than 0"),
        ({"resources": {"GPU": -1}}, "cannot hold -1.0 of the resource 'GPU'"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    client: Client, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        client.submit(inc, 1, **options)


def test_the_full_traceback_is_there_on_request(client: Client) -> None:
    future = client.submit(divide, 1, 0)
    shown = [frame.name for frame in traceback.extract_tb(future.traceback())]
    assert shown == ["divide", "inner_divide"]
    full = [frame.name for frame in traceback.extract_tb(future.traceback(full=True))]
    assert full == ["run", *shown]


def test_an_iterator_of_futures_is_gathered(client: Client) -> None:
    assert client.gather(iter(client.map(inc, range(3)))) == [1, 2, 3]
