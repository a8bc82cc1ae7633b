"""`gd status` in numbers that a real test cluster does not reach."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from gdistributed.cli.status import report
from gdistributed.v1 import scheduler_pb2, worker_pb2


def shown(
    summary: scheduler_pb2.GetSummaryResponse, *workers: scheduler_pb2.WorkerDescription
) -> str:
    said = StringIO()
    console = Console(width=80, file=said)
    for part in report(summary, list(workers)):
        console.print(part)
    return said.getvalue()


def test_large_numbers_fit_80_columns() -> None:
    summary = scheduler_pb2.GetSummaryResponse(
        workers=2,
        nthreads=200,
        clients=1,
        held_nbytes=2**50,
        memory_limit_nbytes=2**51,
        address_to_clients="192.168.100.201:43211",
        address_to_workers="192.168.100.201:43212",
        tasks={"memory": 123_456_789, "queued": 1_000_000, "no_worker": 1, "unheard_of": 2},
    )
    worker = scheduler_pb2.WorkerDescription(
        name="quite-a-long-name-0",
        address="192.168.100.201:43211",
        nthreads=128,
        status=worker_pb2.WORKER_STATUS_UNRESPONSIVE,
        processing=10_000,
        held=1,
        held_nbytes=2**40,
        metrics=worker_pb2.WorkerMetrics(memory_nbytes=2**39),
    )
    text = shown(summary, worker)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "1.00 PiB of 2.00 PiB" in text
    assert "192.168.100.201:43212" in text
    assert [line.split() for line in text.splitlines()[-6:]][1:5] == [
        ["queued", "1,000,000"],
        ["no", "worker", "1"],
        ["memory", "123,456,789"],
        ["unheard", "of", "2"],
    ]


def test_an_empty_cluster_says_what_to_do() -> None:
    text = shown(scheduler_pb2.GetSummaryResponse())
    assert "No workers. Start one with:  gd worker ADDRESS" in text
    assert "No tasks." in text
