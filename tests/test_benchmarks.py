"""The benchmarks' own machinery: what is made of samples, and that nothing outlives a run."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import run
from harness.machine import available_mib
from harness.outcomes import DONE, TIMEOUT, Outcome, Results
from harness.places import GO_WORKER
from harness.ratios import cost_growth, over_best
from harness.report import text_report
from harness.rounds import run_rounds
from harness.targets import Target
from systems import SYSTEMS
from workloads import WORKLOADS
from workloads.peaks import PeakMemory
from workloads.workload import percentile

from benchmarks import check
from tests.tools import require

ROOT = Path(__file__).resolve().parent.parent
FACTS = {"commit": "abc", "processor": "one", "cpus": 2, "time": "now"}


def results_of(*outcomes: Outcome, workloads: tuple[str, ...] = ("map-1000", "latency")) -> Results:
    return Results(
        systems=list(SYSTEMS.values()),
        workloads=[WORKLOADS[name] for name in workloads],
        quick=False,
        outcomes=list(outcomes),
    )


def done(system: str, workload: str, *samples: float, round_number: int = 1) -> Outcome:
    return Outcome(system, workload, round_number, DONE, samples=list(samples))


def test_a_figure_is_the_median_over_rounds_of_what_each_process_came_to() -> None:
    results = results_of(
        done("ray", "map-1000", 1.0, 2.0, 90.0),
        done("ray", "map-1000", 4.0, round_number=2),
        done("ray", "map-1000", 9.0, round_number=3),
        Outcome("ray", "map-1000", 4, TIMEOUT),
    )
    workload = WORKLOADS["map-1000"]
    assert results.figure(workload, workload.metrics[0], "ray") == 4.0


def test_the_best_peer_is_the_fastest() -> None:
    results = results_of(
        done("gdistributed", "map-1000", 600.0),
        done("dask", "map-1000", 100.0),
        done("ray", "map-1000", 200.0),
        done("gdistributed", "latency", 1.0),
        done("dask", "latency", 10.0),
        done("ray", "latency", 2.0),
    )
    assert over_best(results, "gdistributed", SYSTEMS, "map-1000") == 3.0
    assert over_best(results, "gdistributed", SYSTEMS, "latency", "p50") == 0.5
    assert over_best(results, "gdistributed", ("dask-inf",), "map-1000") is None


def test_cost_grows_when_the_rate_falls() -> None:
    results = results_of(done("ray", "map-1000", 300.0), done("ray", "map-50000", 100.0))
    assert cost_growth(results, "ray", many="map-50000", few="map-1000") == 3.0
    assert cost_growth(results, "dask", many="map-50000", few="map-1000") is None


@pytest.mark.parametrize(
    ("figure", "at_least", "reached"),
    [
        (6.0, True, True),
        (5.9, True, False),
        (6.0, False, True),
        (6.1, False, False),
        (None, True, None),
    ],
)
def test_a_target_is_reached_at_its_bound(
    figure: float | None, at_least: bool, reached: bool | None
) -> None:
    target = Target("speed", lambda _: figure, bound=6.0, at_least=at_least)
    assert target.is_reached(results_of()) is reached


def test_percentiles_are_samples() -> None:
    samples = [float(number) for number in range(1000, 0, -1)]
    assert percentile(50)(samples) == 500.0
    assert percentile(99)(samples) == 990.0
    assert percentile(99)([7.0]) == 7.0


def test_the_table_shows_what_was_not_measured_and_fits_a_terminal() -> None:
    results = results_of(
        done("gdistributed", "map-1000", 1234567.0),
        Outcome("ray", "map-1000", 1, TIMEOUT, last_words="all is well"),
        workloads=tuple(WORKLOADS),
    )
    report = text_report(results, FACTS)
    row = next(line for line in report.splitlines() if line.startswith("map+gather of 1,000,"))
    assert row.split()[-5:] == ["1,234,567", "-", "-", "timeout", "-"]
    assert "all is well" in report
    assert max(map(len, report.splitlines())) <= 100


def run_benchmarks(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "benchmarks/run.py", "--this-python", "--quick", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
    )


def living_below(folder: Path) -> list[psutil.Process]:
    """Return the processes that work in a folder, also one that was removed."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(folder)):
                found.append(process)
        except psutil.Error:
            continue  # not ours to look at, or gone
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return scratch


def test_gdistributed_is_measured(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    ran = run_benchmarks(
        folder, "--systems=gdistributed", "--workloads=map-1000,latency", f"--json={file}"
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    written = json.loads(file.read_text())
    assert [figure["metric"] for figure in written["figures"]] == ["", "p50", "p99"]
    assert all(figure["figures"]["gdistributed"] > 0 for figure in written["figures"])
    latencies = written["outcomes"][1]
    assert len(latencies["samples"]) == WORKLOADS["latency"].quick_size
    assert latencies["versions"]["gdistributed"]
    assert "map+gather of 100," in ran.stdout
    assert living_below(folder) == []
    assert list(folder.iterdir()) == []


def test_what_moves_is_measured(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    chosen = "--workloads=worker-to-client-memory-by-socket"
    ran = run_benchmarks(folder, "--systems=gdistributed", chosen, f"--json={file}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (outcome,) = json.loads(file.read_text())["outcomes"]
    assert len(outcome["samples"]) == 8
    assert min(outcome["samples"]) > 1.5  # the source is 1, and what has come as much again


def test_workers_in_go_are_measured(folder: Path, tmp_path: Path) -> None:
    require(GO_WORKER, "make test builds it (needs Go)")
    file = tmp_path / "out.json"
    chosen = "--workloads=map-10000-go,python-to-python,python-to-go,go-to-python"
    ran = run_benchmarks(folder, "--systems=gdistributed", chosen, f"--json={file}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    numbers = [len(outcome["samples"]) for outcome in json.loads(file.read_text())["outcomes"]]
    assert numbers == [3, 8, 8, 8]
    assert "256 MiB Python to Go, over Python to Python" in ran.stdout
    assert living_below(folder) == []


def test_without_a_worker_in_go_its_workloads_are_left_out_with_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = results_of(workloads=("latency", "python-to-go", "map-10000-go"))
    monkeypatch.setattr(run, "GO_WORKER", tmp_path / "none")
    run.tell_what_is_left_out(results)
    line = "no worker in Go (make build/gd-go-worker): no python-to-go, map-10000-go\n"
    assert capsys.readouterr().err == line


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is shared")
def test_peaks_of_memory_are_seen_in_all_processes() -> None:
    take = "import sys; taken = b'x' * (40 << 20); print('', flush=True); sys.stdin.read()"
    child = [sys.executable, "-c", "import sys; sys.stdin.readline(); exec(sys.stdin.readline())"]
    with subprocess.Popen(child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        with PeakMemory() as memory:
            other.stdin.write(f"\n{take}\n")
            other.stdin.flush()
            other.stdout.readline()
            taken = mmap.mmap(-1, 20 << 20, flags=mmap.MAP_PRIVATE)  # none that was free before
            taken.write(b"y" * len(taken))
        other.stdin.close()
    assert memory.growth_nbytes > 55 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is shared")
def test_peaks_count_shared_memory_that_nobody_has_mapped() -> None:
    with PeakMemory() as memory, open(os.memfd_create("test"), "wb") as file:
        file.write(b"z" * (30 << 20))
    assert memory.growth_nbytes > 25 << 20


def test_a_stuck_system_is_killed_and_shown(folder: Path) -> None:
    ran = run_benchmarks(folder, "--systems=gdistributed", "--workloads=memory", "--timeout=1.5")
    assert ran.returncode == 1
    assert "memory on gdistributed, round 1: timeout" in ran.stdout
    assert living_below(folder) == []
    assert list(folder.iterdir()) == []


def test_a_system_that_is_not_there_has_failed(folder: Path) -> None:
    ran = run_benchmarks(folder, "--systems=ray", "--workloads=startup")
    assert ran.returncode == 0  # only gdistributed's failures count
    assert "startup on ray, round 1: failed" in ran.stdout
    assert "No module named 'ray'" in ran.stdout


def test_an_unknown_workload_is_refused_with_those_there_are(folder: Path) -> None:
    ran = run_benchmarks(folder, "--workloads=mop-*")
    assert ran.returncode == 2
    assert "no 'mop-*'" in ran.stderr
    assert "map-1000" in ran.stderr


def test_what_needs_more_memory_than_there_is_is_left_out(folder: Path) -> None:
    greedy = replace(WORKLOADS["latency"], memory_mib=lambda _: available_mib() * 2)
    results = replace(results_of(), workloads=[greedy])
    run_rounds(results, 1, {}, patience_s=1.0)
    assert results.outcomes == []


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
def test_processes_that_escaped_are_found(folder: Path) -> None:
    script = (
        "import subprocess\n"
        "from harness.descendants import adopt_orphans, kill_descendants\n"
        "adopt_orphans()\n"
        "subprocess.run(['sh', '-c', 'setsid sleep 300 & setsid sleep 300 &'], check=True)\n"
        "print(kill_descendants())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "benchmarks")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "2\n"
    assert living_below(folder) == []


def test_what_has_become_worse_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    stored = {"cost beside dask": {"chain": 0.2, "tree": 0.1, "gone": 1.0}}
    found = {"cost beside dask": {"chain": 0.25, "tree": 0.105, "new": 1.0}}
    changes = list(check.compared(stored, found))
    assert changes == [
        ("cost beside dask: chain", pytest.approx(0.25)),
        ("cost beside dask: tree", pytest.approx(0.05)),
    ]
    assert check.tell(changes)
    worst, other, _, summary = capsys.readouterr().out.splitlines()
    assert ("chain" in worst, "WORSE" in worst) == (True, True)
    assert ("tree" in other, "WORSE" in other) == (True, False)
    assert summary == "1 of 2 have become worse by over 10 %."
    assert not check.tell(changes[1:])
