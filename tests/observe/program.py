"""A client and two workers, processes of their own, that write their spans to a folder.

It is a program, since a process has one tracer provider, which nobody can take away again. Each act
is a span with the name of its function, but for the one that has none.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import dask.array as da
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from docs.examples.traces import RecordSpans, record_spans
from gdistributed import (
    Client,
    LocalCluster,
    Reschedule,
    Worker,
    WorkerPlugin,
    get_client,
    get_worker,
)

LARGE_NBYTES = 2_000_000


def ours(name: str) -> trace.Span:
    return trace.get_tracer("program").start_span(name)


# ---- What tasks do


def zeros(number: int) -> bytes:
    return bytes(LARGE_NBYTES + number)


def total(*parts: bytes) -> int:
    return sum(map(len, parts))


def fails() -> None:
    raise ValueError("no")


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("this says nothing")


def fails_mutely() -> None:
    raise Mute


def submits(number: int) -> int:
    return int(get_client().submit(abs, number).result())


async def awaits() -> str:
    span = ours("inside a coroutine")
    await asyncio.sleep(0)
    span.end()
    client = await get_client()
    return str(await client.submit(str, 1))


def is_elsewhere(marker: Path) -> bool:
    if not marker.exists():
        marker.touch()
        raise Reschedule
    return True


# ---- Acts


def transfers(client: Client) -> None:
    parts = [client.submit(zeros, number, workers=str(number)) for number in (0, 1)]
    assert client.submit(total, *parts).result() == 2 * LARGE_NBYTES + 1


def nested(client: Client) -> None:
    assert client.submit(submits, -3).result() == 3


def errs(client: Client) -> None:
    assert isinstance(client.submit(fails).exception(), ValueError)


def errs_mutely(client: Client) -> None:
    assert client.submit(fails_mutely).exception() is not None


def gathers_error(client: Client) -> None:
    futures = [client.submit(abs, -17), client.submit(fails, pure=False)]
    try:
        client.gather(futures)
    except ValueError:
        return
    raise AssertionError


def coroutine(client: Client) -> None:
    assert client.submit(awaits).result() == "1"


def reschedules(client: Client) -> None:
    assert client.submit(is_elsewhere, Path(sys.argv[1]) / "marker").result()


def computes_dask(client: Client) -> None:
    assert float(client.compute(da.ones(20, chunks=10).sum(), sync=True)) == 20
    assert client.get({"a": 1, "b": (abs, "a")}, "b") == 1


def loses_a_worker(client: Client) -> None:
    def pid() -> int:
        return int(get_worker().name == "0" and os.getpid())

    victim = client.submit(pid, workers="0", pure=False).result()
    lost = client.submit(zeros, 2, workers="0", allow_other_workers=True)
    client.submit(total, lost).result()
    os.kill(victim, signal.SIGKILL)
    assert client.submit(total, lost, b"").result() == LARGE_NBYTES + 2


def awaits_results(client: Client) -> None:
    async def compute() -> None:
        async with Client(client.connection.address, asynchronous=True) as inner:
            futures = inner.map(abs, [-5, -6])
            assert await inner.gather(futures) == [5, 6]
            assert await futures[0] == 5

    asyncio.run(compute())


class Stumbles(SpanProcessor):
    """A processor that knows no span."""

    def on_start(self, span: trace.Span, parent_context: Context | None = None) -> None:
        raise LookupError(span)

    def on_end(self, span: ReadableSpan) -> None:
        raise LookupError(span)


class Stumble(WorkerPlugin):
    def setup(self, worker: Worker) -> None:
        trace.get_tracer_provider().add_span_processor(Stumbles())


def runs_where_processors_fail(client: Client) -> None:
    client.register_plugin(Stumble())
    parts = [client.submit(zeros, number, workers=str(number - 3)) for number in (3, 4)]
    assert client.submit(total, *parts).result() == 2 * LARGE_NBYTES + 7
    assert client.submit(submits, -8).result() == 8


ACTS = [
    *(transfers, nested, errs, errs_mutely, gathers_error, coroutine, reschedules, computes_dask),
    *(awaits_results, loses_a_worker, runs_where_processors_fail),
]


def without_a_span_of_the_callers(client: Client) -> None:
    futures = client.map(str.upper, ["a", "b", "c"])
    assert client.gather(futures) == ["A", "B", "C"]
    assert futures[1].result() == "B"


def play(act: Callable[[Client], None], client: Client) -> None:
    with trace.get_tracer("program").start_as_current_span(act.__name__):
        act(client)


def main() -> None:
    folder = Path(sys.argv[1])
    record_spans(folder, "client")
    with LocalCluster(2, threads_per_worker=1) as cluster, Client(cluster) as client:
        client.register_plugin(RecordSpans(folder))
        without_a_span_of_the_callers(client)
        for act in ACTS:
            play(act, client)


if __name__ == "__main__":
    main()
