"""A real Prometheus reads the metrics of a real cluster."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdistributed import Client, LocalCluster, wait
from tests.waiting import until


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def metrics_port(cluster: LocalCluster) -> int:
    """The port of the dashboard."""
    port = urllib.parse.urlsplit(cluster.dashboard_link).port
    assert port is not None
    return port


class Reader:
    """A Prometheus that reads metrics every second."""

    def __init__(self, program: str, folder: Path, port: int) -> None:
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {
                    "job_name": "gdistributed",
                    "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
                }
            ],
        }
        path = folder / "prometheus.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        self._log = folder / "prometheus.log"
        arguments = [
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--web.listen-address=127.0.0.1:0",
        ]
        with self._log.open("w") as log:
            self.process = subprocess.Popen([program, *arguments], stderr=log)

    def address(self) -> str:
        """Where it listens, as it logs it; empty until it answers."""
        log = self._log.read_text()
        if "Server is ready" not in log:
            return ""
        return next(
            line.rpartition("address=")[2].split()[0]
            for line in log.splitlines()
            if "Listening on" in line
        )

    def value(self, query: str) -> float | None:
        """Return what a query is answered with; None when there is nothing."""
        words = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"http://{self.address()}/api/v1/query?{words}") as answer:
            found = json.load(answer)["data"]["result"]
        return float(found[0]["value"][1]) if found else None


def double(number: int) -> int:
    return 2 * number


def fail(number: int) -> int:
    raise ValueError(number)


def test_prometheus_reads_what_the_cluster_did(
    cluster: LocalCluster, metrics_port: int, prometheus: str, tmp_path: Path
) -> None:
    with Client(cluster) as client:
        wait([*client.map(double, range(20)), *client.map(fail, range(3))])
        reader = Reader(prometheus, tmp_path, metrics_port)
        try:
            until(reader.address, "Prometheus to listen")
            until(lambda: reader.value('up{job="gdistributed"}') == 1, "the first reading")
            runs = "sum by (outcome) (gdistributed_task_runs_total{%s})"
            assert reader.value(runs % 'prefix="double",outcome="finished"') == 20
            assert reader.value(runs % 'prefix="fail",outcome="failed"') == 3
            assert reader.value("gdistributed_scheduler_workers") == 2
            assert reader.value("count(gdistributed_worker_cpu_ratio)") == 2
            assert reader.value('gdistributed_task_run_seconds_count{prefix="double"}') == 20
            below = "histogram_quantile(0.9, sum by (le) (gdistributed_task_run_seconds_bucket))"
            quantile = reader.value(below)
            assert quantile is not None
            assert 0 < quantile < 1
            client.gather(client.map(double, range(100, 130)))
            more = runs % 'prefix="double",outcome="finished"'
            until(lambda: reader.value(more) == 50, "the next reading")
        finally:
            reader.process.terminate()
            reader.process.wait()
