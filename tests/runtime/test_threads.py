"""Calls run in threads and come back in batches; whatever they raise becomes a report."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import importlib
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gdistributed.data.arguments import KeyReference, pack_call
from gdistributed.data.codecs import decode, encode
from gdistributed.data.functions import pack_function
from gdistributed.runtime.calls import Call, Place, Template
from gdistributed.runtime.context import current_task
from gdistributed.runtime.coroutines import Coroutines
from gdistributed.runtime.threads import Threads
from gdistributed.v1 import task_pb2, value_pb2, worker_pb2

STORED = {"stored": 10}


def call_of(
    function: Callable[..., object],
    *args: object,
    codecs: tuple[str, ...] = (),
    dependencies: tuple[worker_pb2.Dependency, ...] = (),
) -> Call:
    message = pack_function(function)
    template = Template(
        task_pb2.TaskTemplate(id=1, function_id=message.id, result_codecs=codecs), message
    )
    task = worker_pb2.RunTask(
        key="x", attempt=3, arguments=pack_call(args, {})[0], dependencies=dependencies
    )
    place = Place("id", "alice", "host:1", STORED.__getitem__, 1000)
    return Call("x", 3, task, template, place)


class Pool:
    """Threads whose calls can be waited for."""

    def __init__(self, count: int = 1) -> None:
        self.batches: list[list[Call]] = []
        self.arrival = asyncio.Event()
        self.threads = Threads[Call](count, self.ended, asyncio.get_running_loop())

    def ended(self, calls: list[Call]) -> None:
        self.batches.append(calls)
        self.arrival.set()

    async def run(self, *calls: Call) -> list[Call]:
        self.threads.give(calls)
        while sum(map(len, self.batches)) < len(calls):
            self.arrival.clear()
            await self.arrival.wait()
        over = [call for batch in self.batches for call in batch]
        self.batches.clear()
        return over

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.threads.close()


async def test_a_call_reports_its_value() -> None:
    async with Pool() as pool:
        [call] = await pool.run(call_of(lambda x: x + 1, 1))
    report = call.finished
    assert report is not None
    assert (report.key, report.attempt, report.type) == ("x", 3, "int")
    assert report.nbytes == sys.getsizeof(2)
    assert decode(value_pb2.Payload.FromString(report.value)) == 2
    assert call.value == 2


async def test_calls_that_end_while_the_loop_is_busy_come_back_at_once() -> None:
    async with Pool() as pool:
        last = threading.Event()
        pool.threads.give([call_of(lambda x: x, n) for n in range(100)])
        pool.threads.give([Signal(last)])  # type: ignore[list-item]
        last.wait()  # the loop stands still: it cannot take any of them
        await pool.arrival.wait()
        assert len(pool.batches[0]) >= 100


class Signal:
    """A call that only says that it came to its turn."""

    def __init__(self, event: threading.Event) -> None:
        self.event = event

    def run(self) -> None:
        self.event.set()


async def test_threads_run_at_the_same_time() -> None:
    together = threading.Barrier(3)
    calls = []
    for _ in range(3):
        call = call_of(int)
        call.template.loaded = together.wait
        calls.append(call)
    async with Pool(3) as pool:
        over = await pool.run(*calls)
    assert all(call.finished is not None for call in over)


def exit_at_once() -> None:
    sys.exit(3)


def interrupt() -> None:
    raise KeyboardInterrupt


def fail() -> None:
    raise ValueError("no")


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (exit_at_once, "builtins.SystemExit"),
        (interrupt, "builtins.KeyboardInterrupt"),
        (fail, "builtins.ValueError"),
    ],
)
async def test_whatever_is_raised_becomes_a_report(
    function: Callable[..., object], kind: str
) -> None:
    async with Pool() as pool:
        failed, fine = await pool.run(call_of(function), call_of(int))
    assert failed.erred is not None
    assert failed.erred.error.type == kind
    assert failed.erred.error.worker_name == "alice"
    assert failed.value is None
    assert fine.finished is not None


async def test_a_result_that_cannot_be_pickled_stays() -> None:
    async with Pool() as pool:
        [call] = await pool.run(call_of(threading.Lock))
    assert call.finished is not None
    assert call.finished.type == "_thread.lock"
    assert not call.finished.value
    assert isinstance(call.value, type(threading.Lock()))


async def test_a_result_is_encoded_as_the_template_wants() -> None:
    async with Pool() as pool:
        plain, refused = await pool.run(
            call_of(lambda: [1, 2], codecs=("json",)), call_of(lambda: {1}, codecs=("json",))
        )
    assert plain.finished is not None
    assert value_pb2.Payload.FromString(plain.finished.value).data == b"[1,2]"
    assert refused.erred is not None
    assert refused.erred.error.reason == "CODEC_UNSUPPORTED"


async def test_a_large_result_must_be_of_the_codec_that_the_template_wants() -> None:
    def large() -> np.ndarray:
        return np.zeros(1_000_000)

    async with Pool() as pool:
        fine, refused = await pool.run(
            call_of(large, codecs=("npy",)), call_of(large, codecs=("arrow", "json"))
        )
    assert fine.finished is not None
    assert fine.finished.value == b""
    assert refused.erred is not None
    assert refused.erred.error.reason == "CODEC_UNSUPPORTED"
    assert "numpy.ndarray" in refused.erred.error.message
    assert "arrow, json" in refused.erred.error.message
    assert refused.value is None


class Quiet:
    """Does not say how much it holds."""

    def __init__(self) -> None:
        self.numbers = np.zeros(100_000)


async def test_the_size_of_a_result_counts_what_its_encoding_shows() -> None:
    async with Pool() as pool:
        [call] = await pool.run(call_of(Quiet))
    assert call.finished is not None
    assert 800_000 <= call.finished.nbytes < 802_000


async def test_a_large_result_does_not_ride_along() -> None:
    async with Pool() as pool:
        [call] = await pool.run(call_of(bytes, 100_000))
    assert call.finished is not None
    assert call.finished.value == b""
    assert call.finished.nbytes > 100_000


async def test_dependencies_come_from_the_store_or_ride_along() -> None:
    riding = worker_pb2.Dependency(key="riding", value=encode(5).SerializeToString())
    stored = worker_pb2.Dependency(key="stored", holders=[1])
    arguments = KeyReference("riding"), [KeyReference("stored")]
    async with Pool() as pool:
        [call] = await pool.run(
            call_of(lambda x, y: x + y[0], *arguments, dependencies=(riding, stored))
        )
    assert call.value == 15


async def test_a_value_that_the_store_has_lost_is_named() -> None:
    lost = worker_pb2.Dependency(key="lost", holders=[1])
    async with Pool() as pool:
        [call] = await pool.run(call_of(int, KeyReference("lost"), dependencies=(lost,)))
    assert call.lost == ["lost"]
    assert call.erred is not None
    assert call.erred.error.reason == "DATA_LOST"


async def test_an_unknown_function_is_named() -> None:
    call = call_of(int)
    call.template = Template(task_pb2.TaskTemplate(id=1, function_id="python:gone"), None)
    async with Pool() as pool:
        await pool.run(call)
    assert call.erred is not None
    assert "python:gone" in call.erred.error.message


async def test_a_cancelled_call_is_not_made() -> None:
    made: list[int] = []
    call = call_of(int)
    call.template.loaded = lambda: made.append(1)
    call.is_cancelled = True
    async with Pool() as pool:
        await pool.run(call)
    assert made == []
    assert call.erred is not None


async def test_user_code_can_ask_which_task_it_is() -> None:
    call = call_of(int)
    call.template.loaded = current_task
    async with Pool() as pool:
        await pool.run(call)
    assert current_task() is None
    context = call.value
    assert (context.key, context.attempt, context.worker_name) == ("x", 3, "alice")


async def test_a_coroutine_runs_on_the_loop() -> None:
    here = threading.get_ident()

    async def where() -> tuple[bool, str]:
        await asyncio.sleep(0)
        task = current_task()
        return threading.get_ident() == here, task.key if task is not None else ""

    call = call_of(int)
    call.template.loaded = where
    over: asyncio.Queue[list[Call]] = asyncio.Queue()
    coroutines = Coroutines(over.put_nowait)
    async with Pool() as pool:
        await pool.run(call)
        assert call.finished is None
        coroutines.begin(call)
        assert await over.get() == [call]
    assert call.value == (True, "x")
    assert call.finished is not None


@pytest.mark.parametrize("how", ["cancel", "close"])
async def test_a_coroutine_can_be_cancelled(how: str) -> None:
    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    call = call_of(int)
    call.template.loaded = wait_for_ever
    over: asyncio.Queue[list[Call]] = asyncio.Queue()
    coroutines = Coroutines(over.put_nowait)
    contextvars.copy_context().run(call.run)
    coroutines.begin(call)
    await asyncio.sleep(0)
    if how == "cancel":
        coroutines.cancel(call)
    else:
        await coroutines.close()
    await over.get()
    assert call.erred is not None
    assert call.erred.error.type == "asyncio.exceptions.CancelledError"


async def test_calls_that_end_after_the_close_are_dropped() -> None:
    pool = Pool()
    gate = threading.Event()
    call = call_of(int)
    call.template.loaded = gate.wait
    pool.threads.give([call])
    pool.threads.close()
    gate.set()
    for thread in threading.enumerate():
        if thread.name.startswith("gd-task"):
            thread.join(10)
    await asyncio.sleep(0)
    assert pool.batches == []


async def test_a_coroutine_cancelled_before_its_first_step_is_reported_all_the_same() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    over: asyncio.Queue[list[Call]] = asyncio.Queue()
    call = call_of(wait)
    call.coroutine = wait()
    coroutines = Coroutines(over.put_nowait)
    coroutines.begin(call)
    coroutines.cancel(call)
    assert await over.get() == [call]
    assert call.coroutine is None
    assert call.erred is not None


class Leaving:
    """A call that leaves its place until a gate opens, and may come back."""

    def __init__(self, threads: Threads[Leaving], comes_back: bool) -> None:
        self.threads = threads
        self.comes_back = comes_back
        self.gate = threading.Event()
        self.seen: list[bool] = []

    def run(self) -> None:
        self.seen += [self.threads.leave(), self.threads.leave(), self.threads.is_away()]
        self.gate.wait(30)
        if self.comes_back:
            self.threads.come_back()
            self.seen.append(self.threads.is_away())


class Opening:
    """A call that opens a gate."""

    def __init__(self, gate: threading.Event) -> None:
        self.gate = gate

    def run(self) -> None:
        self.gate.set()


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_call_that_leaves_its_place_lets_others_run(comes_back: bool) -> None:
    over: list[object] = []
    arrival = asyncio.Event()

    def ended(calls: list[Any]) -> None:
        over.extend(calls)
        arrival.set()

    threads: Threads[Any] = Threads(1, ended, asyncio.get_running_loop(), name="leaving")
    for _ in range(3):
        leaving = Leaving(threads, comes_back)
        threads.give([leaving, Opening(leaving.gate), Opening(leaving.gate)])
        while len(over) < 3:
            arrival.clear()
            await arrival.wait()
        assert leaving.seen == [True, False, True, *([False] if comes_back else [])]
        over.clear()
    threads.close()
    for thread in threading.enumerate():
        if thread.name == "leaving":
            thread.join(30)
            assert not thread.is_alive()


async def test_no_more_calls_run_at_once_than_there_are_places() -> None:
    running = threading.Semaphore(2)
    crowds: list[bool] = []

    class Crossing:
        def run(self) -> None:
            threads.leave()
            threads.come_back()
            crowds.append(running.acquire(blocking=False))
            running.release()

    done = asyncio.Event()
    threads: Threads[Crossing] = Threads(
        2, lambda _: done.set() if len(crowds) == 200 else None, asyncio.get_running_loop()
    )
    threads.give(Crossing() for _ in range(200))
    await done.wait()
    threads.close()
    assert crowds == [True] * 200


def test_a_thread_of_ones_own_has_no_place() -> None:
    loop = asyncio.new_event_loop()
    threads: Threads[Any] = Threads(1, lambda _: None, loop)
    assert not threads.leave()
    threads.come_back()
    threads.close()
    loop.close()


KEEPS_ITS_ERROR = """
try:
    import no_such_module
except ImportError as error:
    kept = error


class Value(set):
    pass


def make(argument):
    return Value()
"""


def test_a_value_is_not_kept_by_a_module_that_keeps_an_error_of_its_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keeps_its_error.py").write_text(KEEPS_ITS_ERROR)
    monkeypatch.syspath_prepend(str(tmp_path))
    call = call_of(importlib.import_module("keeps_its_error").make, 5)
    monkeypatch.delitem(sys.modules, "keeps_its_error")
    contextvars.copy_context().run(call.run)  # it says which task runs here
    assert sys.modules["keeps_its_error"].kept.__traceback__.tb_frame.f_back is not None
    value = weakref.ref(call.value)
    assert value() is not None
    call.value = None
    gc.collect()
    assert value() is None
