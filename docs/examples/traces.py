"""One trace for a graph, from three processes: `python -m docs.examples.traces`.

This program and two workers write their spans to a file each, as lines of JSON. Afterwards they are
put together, and printed as the tree that they are. It needs `gdistributed[opentelemetry]`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from gdistributed import Client, LocalCluster, WorkerPlugin, get_client

COUNT = 2_000_000


# ---- Where spans go. With another exporter they go to a collector.


class SpansToFile(SpanExporter):
    """Appends spans to a file, each as one line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self.path.open("a") as file:
            file.writelines(f"{span.to_json(indent=None)}\n" for span in spans)
        return SpanExportResult.SUCCESS


def record_spans(folder: Path, service: str) -> None:
    """Have the spans of this process written to a file."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(SimpleSpanProcessor(SpansToFile(folder / f"{service}.jsonl")))
    trace.set_tracer_provider(provider)


class RecordSpans(WorkerPlugin):
    """Has each worker record its spans."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def setup(self, worker: Any) -> None:  # noqa: ANN401
        record_spans(self.folder, f"worker-{worker.name}")


# ---- The graph: two tables, what they have in common, and two tasks that a task submits.


def multiples_of(number: int, below: int) -> set[int]:
    return set(range(0, below, number))


def in_both(left: set[int], right: set[int]) -> list[int]:
    with trace.get_tracer(__name__).start_as_current_span("intersect"):  # a span of our own
        return sorted(left & right)


def spread(numbers: list[int]) -> int:
    client = get_client()
    least, most = client.submit(min, numbers), client.submit(max, numbers)
    return int(most.result() - least.result())


def compute(client: Client) -> int:
    with trace.get_tracer(__name__).start_as_current_span("analysis"):
        left = client.submit(multiples_of, 6, COUNT, workers="0")
        right = client.submit(multiples_of, 10, COUNT, workers="1")
        both = client.submit(in_both, left, right)
        result: int = client.submit(spread, both).result()
    return result


# ---- The tree.


@dataclass
class Span:
    """A span as it was read from a file; times in milliseconds."""

    id: str
    trace_id: str
    parent_id: str | None
    name: str
    service: str
    key: str
    start_ms: float
    end_ms: float


def read_spans(folder: Path) -> list[Span]:
    """Read the spans of all processes, the earliest first."""
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    return sorted(map(read_span, lines), key=lambda span: span.start_ms)


def read_span(line: str) -> Span:
    said = json.loads(line)
    (key,) = said["attributes"].get("gdistributed.keys", [""])[:1]
    return Span(
        id=said["context"]["span_id"],
        trace_id=said["context"]["trace_id"],
        parent_id=said["parent_id"],
        name=said["name"],
        service=said["resource"]["attributes"]["service.name"],
        key=said["attributes"].get("gdistributed.key", key),
        start_ms=datetime.fromisoformat(said["start_time"]).timestamp() * 1e3,
        end_ms=datetime.fromisoformat(said["end_time"]).timestamp() * 1e3,
    )


def tree(
    spans: list[Span], parent: str | None = None, depth: int = 0
) -> Iterator[tuple[int, Span]]:
    """Yield each span with its depth, after the span that it is part of."""
    for span in spans:
        if span.parent_id == parent:
            yield depth, span
            yield from tree(spans, span.id, depth + 1)


def show(spans: list[Span]) -> None:
    begin_ms = spans[0].start_ms
    for trace_id in dict.fromkeys(span.trace_id for span in spans):
        print(f"trace {trace_id}")
        for depth, span in tree([span for span in spans if span.trace_id == trace_id]):
            name = "  " * depth + span.name
            offset_ms, took_ms = span.start_ms - begin_ms, span.end_ms - span.start_ms
            key = span.key.rpartition("-")[0] or span.key
            print(
                f"{name:38}{offset_ms:8.1f} ms {took_ms:8.1f} ms  {span.service:9} {key}".rstrip()
            )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record_spans(folder, "client")
        with LocalCluster(2, threads_per_worker=1) as cluster, Client(cluster) as client:
            client.register_plugin(RecordSpans(folder))
            result = compute(client)
        spans = read_spans(folder)
        print(f"the result is {result}; {len(spans)} spans, with start and duration:\n")
        show(spans)


if __name__ == "__main__":
    main()
