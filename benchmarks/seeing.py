"""What it costs to look: throughput with the dashboard open, metrics read, the event log on.

Clusters with and without are alive side by side and take turns, each round in another order, so
that the machine's weather is the same for all; none begins before the one before has let go of all
that it had. Beside the tasks a second stands the CPU time of all their processes, which a busy
machine disturbs less; that of whoever looks, a browser or a Prometheus, is not in it. By itself:
``python -m benchmarks.seeing``, or with `make bench-seeing`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep

import grpc
import psutil

from gdistributed import Client, LocalCluster
from gdistributed.v1.scheduler_pb2 import GetSummaryRequest
from gdistributed.v1.scheduler_pb2_grpc import SchedulerStub

WORKERS = 2
# Reads the live stream of a dashboard, as an open page does.
VIEWER = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1] + "api/stream") as stream:
    print("reading", flush=True)
    while stream.readline():
        pass
"""
# Reads the metrics every second, as a Prometheus does.
SCRAPER = """
import sys, time, urllib.request
while True:
    with urllib.request.urlopen(sys.argv[1] + "metrics") as answer:
        answer.read()
    print("reading", flush=True)
    time.sleep(1.0)
"""


def nothing(number: int) -> int:
    """Take no time."""
    return number


@dataclass
class Watched:
    """A cluster that is looked at in one way.

    Attributes
    ----------
    link
        Where its dashboard is.
    looker
        A program that looks, given the link; empty for none.
    rates
        Tasks a second, round by round.
    costs
        CPU time of all its processes in microseconds a task, round by round.
    """

    client: Client
    scheduler: SchedulerStub
    processes: list[psutil.Process]
    link: str
    looker: str = ""
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def run(self, tasks: int) -> None:
        """Measure one round."""
        with looking(self.looker, self.link):
            cpu_s, begun = self._cpu_s(), perf_counter()
            self.client.gather(self.client.map(nothing, range(tasks), pure=False))
            took_s = perf_counter() - begun
            while any(self.scheduler.GetSummary(GetSummaryRequest()).tasks.values()):
                sleep(0.05)
            self.rates.append(tasks / took_s)
            self.costs.append((self._cpu_s() - cpu_s) / tasks * 1e6)

    def _cpu_s(self) -> float:
        times = [process.cpu_times() for process in self.processes]
        return sum(each.user + each.system for each in times)


@contextmanager
def looking(program: str, link: str) -> Iterator[None]:
    """Have a program look, and wait until it does."""
    if not program:
        yield
        return
    command = [sys.executable, "-c", program, link]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            process.terminate()


def watched(stack: ExitStack, looker: str = "", event_log: Path | None = None) -> Watched:
    """Start a cluster that is looked at in one way."""
    own = psutil.Process()
    before = set(own.children(recursive=True))
    cluster = stack.enter_context(
        LocalCluster(WORKERS, 1, event_log=event_log, dashboard_address=":0")
    )
    client = stack.enter_context(Client(cluster))
    processes = [*(set(own.children(recursive=True)) - before), own]
    channel = stack.enter_context(grpc.insecure_channel(cluster.scheduler_address))
    return Watched(client, SchedulerStub(channel), processes, cluster.dashboard_link, looker)


def main() -> None:
    """Print a line for each way to look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ways = {
            "nobody looks": watched(stack),
            "dashboard open": watched(stack, VIEWER),
            "metrics read every second": watched(stack, SCRAPER),
            "event log": watched(stack, event_log=folder / "run.jsonl"),
            "event log, compressed": watched(stack, event_log=folder / "run.jsonl.gz"),
        }
        for number in range(asked.rounds + 1):
            for way in random.sample(list(ways.values()), len(ways)):
                way.run(asked.tasks)
                if not number:  # the first round warms up
                    way.rates.clear()
                    way.costs.clear()
        report(ways)


def report(ways: dict[str, Watched]) -> None:
    """Print the medians, and how they compare with the first, round by round."""
    first = next(iter(ways.values()))
    for name, way in ways.items():
        rate = statistics.median(a / b for a, b in zip(way.rates, first.rates, strict=True)) - 1
        cost = statistics.median(a / b for a, b in zip(way.costs, first.costs, strict=True)) - 1
        print(
            f"{name:28} {statistics.median(way.rates):8,.0f} tasks/s ({rate:+6.1%})"
            f"  {statistics.median(way.costs):6.1f} µs CPU a task ({cost:+6.1%})"
        )


if __name__ == "__main__":
    main()
