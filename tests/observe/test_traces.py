"""Traces across processes: what spans there are, what they are part of, and what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from tests.tools import ROOT

TIMEOUT_S = 100
LARGE_NBYTES = 2_000_000
SUBMIT, GATHER = "gdistributed.submit", "gdistributed.gather"
WAIT, TRANSFER, RUN = "gdistributed.wait", "gdistributed.transfer", "gdistributed.run"


class Span:
    """A span as its process wrote it."""

    def __init__(self, line: str) -> None:
        said = json.loads(line)
        self.name: str = said["name"]
        self.kind: str = said["kind"].removeprefix("SpanKind.")
        self.id: str = said["context"]["span_id"]
        self.trace_id: str = said["context"]["trace_id"]
        self.parent_id: str | None = said["parent_id"]
        self.links = [link["context"]["span_id"] for link in said["links"]]
        self.begin: str = said["start_time"]
        self.end: str = said["end_time"]
        self.status: str = said["status"]["status_code"]
        self.events = [event["attributes"] for event in said["events"]]
        self.service: str = said["resource"]["attributes"]["service.name"]
        self.attributes: dict[str, Any] = {
            name.removeprefix("gdistributed."): value for name, value in said["attributes"].items()
        }

    def __repr__(self) -> str:
        return f"<{self.name} {self.attributes.get('prefix', '')} on {self.service}>"


class Trace:
    """The spans of one trace, the earliest first."""

    def __init__(self, spans: list[Span]) -> None:
        self.spans = sorted(spans, key=lambda span: span.begin)
        self.by_id = {span.id: span for span in spans}

    def all(self, name: str, prefix: str = "") -> list[Span]:
        return [
            span
            for span in self.spans
            if span.name == name and (not prefix or span.attributes.get("prefix") == prefix)
        ]

    def one(self, name: str, prefix: str = "") -> Span:
        (span,) = self.all(name, prefix)
        return span

    def parent(self, span: Span) -> Span:
        assert span.parent_id is not None
        return self.by_id[span.parent_id]

    @property
    def names(self) -> Counter[str]:
        """Count spans by name, but for waits of runs that another worker has taken over."""
        begun = {span.attributes["attempt"] for span in self.spans if span.name == RUN}
        return Counter(
            span.name.removeprefix("gdistributed.")
            for span in self.spans
            if span.name != WAIT or span.attributes["attempt"] in begun
        )


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> list[Span]:
    """All spans of `program`, from three processes and one that took the place of another."""
    folder = tmp_path_factory.mktemp("spans")
    command = [sys.executable, "-W", "error", "-m", "tests.observe.program", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = sorted(folder.glob("*.jsonl"))
    assert [file.stem for file in files] == ["client", "worker-0", "worker-1"]
    return [Span(line) for file in files for line in file.read_text().splitlines()]


def trace_of(spans: list[Span], act: str) -> Trace:
    """Return the trace of an act, all of whose spans are part of one of it."""
    (root,) = [span for span in spans if span.name == act]
    trace = Trace([span for span in spans if span.trace_id == root.trace_id])
    assert [span for span in trace.spans if span.parent_id is None] == [root]
    assert all(span.parent_id in trace.by_id for span in trace.spans if span is not root)
    return trace


def test_a_graph_is_one_trace_of_three_processes(spans: list[Span]) -> None:
    trace = trace_of(spans, "transfers")
    names = {"transfers": 1, "submit": 3, "wait": 3, "run": 3, "transfer": 1, "gather": 1}
    assert trace.names == names
    assert {span.service for span in trace.spans} == {"client", "worker-0", "worker-1"}
    for span in trace.all(WAIT) + trace.all(RUN):
        assert trace.parent(span).name == SUBMIT
        assert trace.parent(span).attributes["key"] == span.attributes["key"]
    for span in trace.all(SUBMIT) + trace.all(GATHER):
        assert trace.parent(span).name == "transfers"
    kinds = {span.name: span.kind for span in trace.spans}
    assert kinds == {
        "transfers": "INTERNAL",
        SUBMIT: "PRODUCER",
        WAIT: "INTERNAL",
        TRANSFER: "CLIENT",
        RUN: "CONSUMER",
        GATHER: "CLIENT",
    }
    assert {span.status for span in trace.spans} == {"UNSET"}


def test_a_task_waits_while_its_data_comes_and_runs_then(spans: list[Span]) -> None:
    trace = trace_of(spans, "transfers")
    wait, run, transfer = trace.one(WAIT, "total"), trace.one(RUN, "total"), trace.one(TRANSFER)
    assert trace.parent(transfer) is trace.parent(run)
    assert transfer.service == run.service == wait.service
    assert wait.begin <= transfer.begin <= wait.end <= run.begin <= run.end
    (fetched,) = transfer.attributes["keys"]
    assert fetched.startswith("zeros-")
    assert LARGE_NBYTES <= transfer.attributes["nbytes"] <= LARGE_NBYTES + 100
    holder = next(span for span in trace.all(RUN, "zeros") if span.attributes["key"] == fetched)
    assert transfer.attributes["peer.id"] == holder.attributes["worker.id"]
    assert transfer.attributes["worker.name"] != holder.attributes["worker.name"]


def test_what_a_task_submits_is_part_of_its_run(spans: list[Span]) -> None:
    trace = trace_of(spans, "nested")
    outer = trace.one(RUN, "submits")
    for span in (trace.one(SUBMIT, "abs"), *trace.all(GATHER)):
        if span.service != "client":
            assert trace.parent(span) is outer
    assert trace.parent(trace.one(RUN, "abs")) is trace.one(SUBMIT, "abs")
    assert Counter(span.service == "client" for span in trace.all(GATHER)) == {True: 1, False: 1}


def test_a_coroutine_has_its_span_wherever_it_waits(spans: list[Span]) -> None:
    trace = trace_of(spans, "coroutine")
    outer = trace.one(RUN, "awaits")
    inside = trace.one("inside a coroutine")
    assert trace.parent(inside) is outer
    assert trace.parent(trace.one(SUBMIT, "str")) is outer
    assert outer.begin <= inside.begin <= inside.end <= outer.end


def test_an_error_is_recorded_where_it_is_raised(spans: list[Span]) -> None:
    run = trace_of(spans, "errs").one(RUN)
    assert run.status == "ERROR"
    (event,) = run.events
    assert event["exception.type"] == "ValueError"
    assert event["exception.message"] == "no"
    assert 'raise ValueError("no")' in event["exception.stacktrace"]


def test_an_error_that_cannot_be_described_is_one_too(spans: list[Span]) -> None:
    assert trace_of(spans, "errs_mutely").one(RUN).status == "ERROR"


def test_who_waits_for_it_fails_too(spans: list[Span]) -> None:
    trace = trace_of(spans, "gathers_error")
    assert trace.one(GATHER).status == "ERROR"
    assert trace.one(RUN, "fails").status == "ERROR"
    assert trace.one(SUBMIT, "fails").status == "UNSET"


def test_a_task_that_asks_to_run_elsewhere_has_not_failed(spans: list[Span]) -> None:
    first, second = trace_of(spans, "reschedules").all(RUN)
    assert first.status == second.status == "UNSET"
    assert first.attributes["attempt"] < second.attributes["attempt"]


def test_a_task_that_is_lost_with_its_worker_runs_again_in_the_same_trace(
    spans: list[Span],
) -> None:
    trace = trace_of(spans, "loses_a_worker")
    first, second = trace.all(RUN, "zeros")
    assert first.attributes["key"] == second.attributes["key"]
    assert first.attributes["attempt"] < second.attributes["attempt"]
    assert first.attributes["worker.id"] != second.attributes["worker.id"]
    assert first.parent_id == second.parent_id


def test_a_processor_that_fails_harms_no_task(spans: list[Span]) -> None:
    (root,) = [span for span in spans if span.name == "runs_where_processors_fail"]
    assert root.status == "UNSET"  # the program has its results


def test_dask_graphs_are_submitted_as_a_whole(spans: list[Span]) -> None:
    trace = trace_of(spans, "computes_dask")
    collection, graph = trace.all(SUBMIT)
    for span in (collection, graph):
        runs = [run for run in trace.all(RUN) if run.parent_id == span.id]
        assert len(runs) == span.attributes["tasks"] > 0
    assert len(trace.all(GATHER)) == 2


def test_asynchronous_clients_do_the_same(spans: list[Span]) -> None:
    trace = trace_of(spans, "awaits_results")
    assert trace.names == {"awaits_results": 1, "submit": 1, "wait": 2, "run": 2, "gather": 2}
    assert trace.one(SUBMIT).attributes["tasks"] == 2
    assert all(trace.one(SUBMIT).id in span.links for span in trace.all(GATHER))


def test_without_a_span_of_the_callers_a_graph_is_one_trace_too(spans: list[Span]) -> None:
    (submit,) = [each for each in spans if each.name == SUBMIT and each.parent_id is None]
    trace = Trace([span for span in spans if span.trace_id == submit.trace_id])
    assert trace.names == {"submit": 1, "wait": 3, "run": 3, "gather": 2}
    assert submit.attributes["tasks"] == 3
    assert all(span.parent_id == submit.id for span in trace.spans if span is not submit)
    assert all(span.links == [] for span in trace.spans)
