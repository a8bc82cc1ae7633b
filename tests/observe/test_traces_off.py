"""Where nobody traces, nothing is done about it; where some do, others are not disturbed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from docs.examples import traces as example
from gdistributed import Client
from gdistributed.observe import traces
from tests.observe.caller import TRACE_ID, part_of_a_trace
from tests.processes import address_of, started
from tests.tools import ROOT

TIMEOUT_S = 100

UNTRACED = """
import sys

class Listens:
    def find_spec(self, name, path=None, target=None):
        assert name.partition(".")[0] != "opentelemetry", f"{name} is imported"

sys.meta_path.insert(0, Listens())

from gdistributed import Client, LocalCluster, get_client

def submits():
    return get_client().submit(abs, -1).result()

with LocalCluster(2, threads_per_worker=1, processes=False) as cluster, Client(cluster) as client:
    parts = [client.submit(bytes, 2_000_000, workers=name, pure=False) for name in "01"]
    whole = client.submit(lambda left, right: left + right, *parts)
    assert len(client.gather(whole)) == 4_000_000
    assert client.gather(client.map(abs, [-1, -2])) == [1, 2]
    assert client.submit(submits).result() == 1
    assert client.get({"a": (abs, -3)}, "a") == 3
assert "opentelemetry" not in sys.modules
"""


def python(*arguments: str) -> str:
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_who_does_not_trace_does_not_import_opentelemetry() -> None:
    python("-c", UNTRACED)


def test_there_are_no_spans_before_somebody_sets_them_up() -> None:
    assert "opentelemetry.trace" in sys.modules
    assert not traces.are_on()
    with part_of_a_trace():
        assert traces.are_on()


# ---- Some have OpenTelemetry, and some do not


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of ada, who has OpenTelemetry and records nothing, and bob, who lacks it."""
    package = tmp_path / "opentelemetry"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('not here')\n")
    with ExitStack() as processes:
        address = address_of(started(processes, "scheduler", "--port", "0"))
        options = ("worker", address, "--no-nanny", "--nthreads", "1", "--name")
        ada = started(processes, *options, "ada")
        bob = started(processes, *options, "bob", before=["env", f"PYTHONPATH={tmp_path}"])
        for worker in (ada, bob):
            worker.wait_for("registered")
        yield processes.enter_context(Client(address))


def test_a_trace_goes_through_workers_that_record_nothing(client: Client) -> None:
    def trace_here() -> int | None:  # travels as it is: bob cannot import this file
        try:
            from opentelemetry import trace
        except ImportError:
            return None
        return trace.get_current_span().get_span_context().trace_id

    def here(worker: str) -> int | None:
        result: int | None = client.submit(trace_here, workers=worker, pure=False).result()
        return result

    with part_of_a_trace():
        assert here("ada") == TRACE_ID
        assert here("bob") is None
    assert here("ada") == 0


def test_the_example_shows_one_trace() -> None:
    words = [line.split()[0] for line in python("-m", example.__name__).splitlines() if line]
    assert words[:3] == ["the", "trace", "analysis"]
    counts = {word: words.count(f"gdistributed.{word}") for word in ("submit", "run", "transfer")}
    assert counts == {"submit": 6, "run": 6, "transfer": 1}
    assert words.count("trace") == 1
