"""`gd top` in numbers that a real test cluster does not reach."""

from __future__ import annotations

from io import StringIO

import pytest
from google.protobuf.duration_pb2 import Duration
from rich.console import Console

from gdistributed.cli.top_figures import Figures
from gdistributed.cli.top_screen import screen
from gdistributed.v1 import activity_pb2, scheduler_pb2, worker_pb2

GIB = 1 << 30


def prefix(
    name: str, finished: int = 0, failed: int = 0, **tasks: int
) -> activity_pb2.PrefixActivity:
    said = activity_pb2.PrefixActivity(prefix=name, finished=finished, failed=failed, tasks=tasks)
    said.mean_run.FromMilliseconds(2000)
    return said


def answer(*prefixes: activity_pb2.PrefixActivity) -> activity_pb2.GetActivityResponse:
    summary = scheduler_pb2.GetSummaryResponse(
        address_to_clients="192.168.100.201:43211",
        workers=1000,
        nthreads=100,
        clients=12,
        held_nbytes=1000 * GIB,
        uptime=Duration(seconds=1_000_000),
    )
    return activity_pb2.GetActivityResponse(summary=summary, prefixes=prefixes)


def worker(name: str, cpu: float = 0.0, received: int = 0) -> scheduler_pb2.WorkerDescription:
    return scheduler_pb2.WorkerDescription(
        worker_id=name,
        name=name,
        nthreads=64,
        processing=12_345,
        status=worker_pb2.WORKER_STATUS_UNRESPONSIVE,
        memory_limit_nbytes=100 * GIB,
        metrics=worker_pb2.WorkerMetrics(
            cpu_percent=cpu,
            executing=64,
            memory_nbytes=75 * GIB,
            managed_nbytes=50 * GIB,
            spilled_nbytes=1000 * GIB,
            received_nbytes=received,
        ),
    )


def drawn(figures: Figures, width: int = 80, height: int | None = 24, **more: str) -> list[str]:
    said = StringIO()
    Console(width=width, file=said).print(
        screen(figures, width, height, more.get("order", "cpu"), more.get("trouble", ""))
    )
    return said.getvalue().splitlines()


def test_large_clusters_fit_the_screen() -> None:
    figures = Figures()
    names = [f"worker-with-a-long-name-{number}" for number in range(1000)]
    kinds = [f"a-kind-of-task-with-a-long-name-{number}" for number in range(50)]
    for now in (0.0, 1.0):
        said = [prefix(kind, 10_000_000, memory=1_234_567, queued=999_999) for kind in kinds]
        figures.update(answer(*said), [worker(name, cpu=6400) for name in names], now)
    for width, height in ((80, 24), (80, 12), (200, 60)):
        lines = drawn(figures, width, height, trouble="The scheduler is away; trying on.")
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        text = "\n".join(lines)
        assert " of 1000" in text
        assert " of 50" in text
        assert "trying on" in text
        assert "…" not in lines[0]


@pytest.mark.parametrize(("order", "first"), [("cpu", "busy"), ("name", "anna")])
def test_workers_are_sorted(order: str, first: str) -> None:
    figures = Figures()
    figures.update(answer(), [worker("anna"), worker("busy", cpu=200)], 0.0)
    rows = [line.split()[0] for line in drawn(figures, order=order) if "unresp" in line]
    assert rows[0] == first


def test_rates_and_time_left() -> None:
    figures = Figures()
    figures.update(answer(prefix("x", processing=8, waiting=992)), [worker("a")], 0.0)
    assert figures.left_s == 20  # ten rounds of a hundred threads, two seconds each
    later = prefix("x", finished=100, failed=10, memory=50, processing=8, waiting=882, erred=10)
    figures.update(answer(later), [worker("a", received=10 << 20)], 1.0)
    kind = figures.kinds["x"]
    assert (kind.done, kind.running, kind.waiting, kind.erred) == (100, 8, 882, 10)
    assert kind.pace.rate == figures.ended.rate == 110
    assert kind.left_s == pytest.approx(890 / 110)
    assert "10.0 MiB/s moved" in "\n".join(drawn(figures))


def test_what_ended_before_this_work_is_not_counted_as_done() -> None:
    figures = Figures()
    figures.update(answer(prefix("x", finished=500)), [], 0.0)
    assert not any(line.startswith("x ") for line in drawn(figures))
    figures.update(answer(prefix("x", finished=503, memory=1, queued=7)), [], 1.0)
    assert figures.kinds["x"].done == 3


def test_an_empty_cluster() -> None:
    figures = Figures()
    figures.update(answer(), [], 0.0)
    text = "\n".join(drawn(figures, height=None))
    assert "No workers. Start one with:  gd worker ADDRESS" in text
    assert "No tasks." in text
