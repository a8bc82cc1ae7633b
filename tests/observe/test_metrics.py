"""Metrics: what they are called, that they add up, and that Prometheus reads them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from docs.generate_metrics import PAGE, page
from gdistributed.observe.metrics import PREFIXES_MAX, WORKERS_MAX, exposition
from gdistributed.v1 import activity_pb2 as pb
from gdistributed.v1 import scheduler_pb2
from tests.house.source import ROOT

SECOND = 1_000_000_000
NAME = re.compile(r"gdistributed_[a-z_]+")
OF_HISTOGRAMS = ("_bucket", "_sum", "_count")

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def activity() -> pb.GetActivityResponse:
    answer = pb.GetActivityResponse()
    answer.summary.tasks["memory"] = 3
    counts = [0] * SECOND.bit_length() + [2]
    answer.prefixes.add(
        prefix='say "hi"\n', tasks={"memory": 3}, finished=2, run_ns=3 * SECOND, run_counts=counts
    )
    answer.transfer_totals.add(
        calls=1, values=4, nbytes=100, nbytes_counts=[0, 0, 0, 0, 0, 0, 0, 1], duration_counts=[1]
    )
    answer.load.events = 12
    return answer


def worker(name: str = "ada") -> scheduler_pb2.WorkerDescription:
    description = scheduler_pb2.WorkerDescription(name=name, nthreads=2, status=1)
    description.metrics.memory_nbytes = 1000
    description.metrics.cpu_percent = 150
    return description


def samples_of(text: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"gdistributed_{name}", tuple(sorted(labels.items()))]


def test_numbers_are_those_of_the_answers() -> None:
    content_type, text = exposition(activity(), [worker()])
    assert content_type.startswith("text/plain")
    samples = samples_of(text)
    prefix = 'say "hi"\n'
    assert value(samples, "scheduler_tasks", state="memory") == 3
    assert value(samples, "scheduler_tasks", state="erred") == 0
    assert value(samples, "scheduler_events_total") == 12
    assert value(samples, "task_runs_total", prefix=prefix, outcome="finished") == 2
    assert value(samples, "task_seconds_total", prefix=prefix, phase="running") == 3.0
    assert value(samples, "worker_memory_bytes", worker="ada", kind="process") == 1000
    assert value(samples, "worker_cpu_ratio", worker="ada") == 1.5
    assert value(samples, "worker_status", worker="ada", status="running") == 1
    assert value(samples, "transfer_values_total", way="network") == 4


def test_histograms_count_all_and_in_order() -> None:
    samples = samples_of(exposition(activity(), [])[1])
    runs = {
        float(dict(labels)["le"]): count
        for (name, labels), count in samples.items()
        if name == "gdistributed_task_run_seconds_bucket"
    }
    bounds = sorted(runs)
    assert [runs[bound] for bound in bounds] == sorted(runs.values())
    assert runs[bounds[-1]] == 2  # of all
    smallest = min(bound for bound in bounds if runs[bound])
    assert smallest == pytest.approx(1.07, abs=0.01)  # seconds: both took more than half of that
    assert value(samples, "task_run_seconds_count", prefix='say "hi"\n') == 2
    assert value(samples, "task_run_seconds_sum", prefix='say "hi"\n') == 3.0
    assert value(samples, "transfer_bytes_bucket", way="network", le="64") == 0
    assert value(samples, "transfer_bytes_bucket", way="network", le="256") == 1


def test_labels_are_bounded() -> None:
    many = activity()
    for number in range(PREFIXES_MAX + 10):
        many.prefixes.add(prefix=f"p{number}")
    workers = [worker(f"w{number}") for number in range(WORKERS_MAX + 10)]
    samples = samples_of(exposition(many, workers)[1])
    told = {dict(labels).get("prefix") for _, labels in samples} - {None}
    assert len(told) == PREFIXES_MAX
    assert len({dict(labels).get("worker") for _, labels in samples} - {None}) == WORKERS_MAX


def test_a_reader_of_open_metrics_gets_it() -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    content_type, text = exposition(activity(), [worker()], accept)
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


def test_promtool_finds_nothing_to_mend(promtool: str) -> None:
    _, text = exposition(activity(), [worker()])
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_page_has_the_table_of_all_metrics() -> None:
    assert PAGE.read_text() == page(), "docs/metrics.md is not fresh: make docs"


def known_names() -> set[str]:
    return {name for name, _ in samples_of(exposition(activity(), [worker()])[1])}


def test_the_dashboard_and_the_page_name_metrics_that_exist() -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    blocks = re.findall(r"```promql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(queries) > 15
    assert len(blocks) > 3
    for query in (*queries, *blocks):
        names = set(NAME.findall(query))
        assert names
        assert names <= known_names(), query


def test_the_dashboard_can_be_imported() -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    (source,) = dashboard["__inputs"]
    assert source["pluginId"] == "prometheus"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["datasource"]["uid"] == f"${{{source['name']}}}"
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24


@pytest.mark.parametrize("query", ["up", "sum by ("])
def test_promtool_reads_queries(promtool: str, query: str, tmp_path: Path) -> None:
    """What the next test asks does tell right from wrong."""
    assert is_query(promtool, query, tmp_path) == (query == "up")


def test_the_queries_of_the_dashboard_and_the_page_are_right(promtool: str, tmp_path: Path) -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += re.findall(r"```promql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for query in queries:
        assert is_query(promtool, query.replace("$__rate_interval", "1m"), tmp_path), query


def is_query(promtool: str, query: str, folder: Path) -> bool:
    rules = folder / "rules.yml"
    rule = {"groups": [{"name": "g", "rules": [{"record": "r", "expr": query}]}]}
    rules.write_text(json.dumps(rule))  # JSON is YAML
    done = subprocess.run(
        [promtool, "check", "rules", str(rules)], capture_output=True, timeout=60, check=False
    )
    return done.returncode == 0
