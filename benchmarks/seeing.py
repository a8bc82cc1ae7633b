"""What it costs to look: throughput with the dashboard open, metrics read, the event log on.

Clusters with and without are alive side by side and take turns, each round in another order, so
that the machine's weather is the same for all; none begins before the one before has let go of all
that it had. Two of them are looked at by nobody: all are compared with the mean of these, and how
these differ is what chance makes of it. Beside the tasks a second stands the CPU time of all their
processes, which a busy machine disturbs less; that of whoever looks, a browser or a Prometheus, is
not in it. By itself: ``python -m benchmarks.seeing``, or with `make bench-seeing`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from math import comb
from pathlib import Path
from time import perf_counter, sleep

import grpc
import psutil

from benchmarks.processor_time import processor_time
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
class Figures:
    """What was measured.

    Attributes
    ----------
    rates
        Tasks a second, round by round.
    costs
        CPU time of all processes in microseconds a task, round by round.
    """

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)


@dataclass(kw_only=True)
class Watched(Figures):
    """A cluster that is looked at in one way.

    Attributes
    ----------
    link
        Where its dashboard is.
    looker
        A program that looks, given the link; empty for none.
    """

    client: Client
    scheduler: SchedulerStub
    processes: list[psutil.Process]
    link: str
    looker: str = ""

    def run(self, tasks: int) -> None:
        """Measure one round."""
        with looking(self.looker, self.link):
            cpu_s, begun = sum(processor_time(self.processes)), perf_counter()
            self.client.gather(self.client.map(nothing, range(tasks), pure=False))
            took_s = perf_counter() - begun
            while any(self.scheduler.GetSummary(GetSummaryRequest()).tasks.values()):
                sleep(0.05)
            self.rates.append(tasks / took_s)
            self.costs.append((sum(processor_time(self.processes)) - cpu_s) / tasks * 1e6)


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
    return Watched(
        client=client,
        scheduler=SchedulerStub(channel),
        processes=processes,
        link=cluster.dashboard_link,
        looker=looker,
    )


def main() -> None:
    """Print a line for each way to look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--ways", default="*", help="which ones, by a pattern")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        starts: dict[str, Callable[[], Watched]] = {
            "dashboard open": lambda: watched(stack, VIEWER),
            "metrics every second": lambda: watched(stack, SCRAPER),
            "event log": lambda: watched(stack, event_log=folder / "run.jsonl"),
            "event log, compressed": lambda: watched(stack, event_log=folder / "run.jsonl.gz"),
        }
        unseen = [watched(stack), watched(stack)]
        ways = {name: start() for name, start in starts.items() if fnmatch(name, asked.ways)}
        every = [*unseen, *ways.values()]
        for number in range(asked.rounds + 1):
            for way in random.sample(every, len(every)):
                way.run(asked.tasks)
                if not number:  # the first round warms up
                    way.rates.clear()
                    way.costs.clear()
        report(unseen, ways)


def report(unseen: list[Watched], ways: dict[str, Watched]) -> None:
    """Print the medians, and how they compare with clusters that nobody looks at, round by round.

    The intervals are those that hold the true median nine times in ten, whatever the distribution.
    """
    first, second = unseen
    print("tasks a second and CPU time a task; medians, and intervals of 90 %\n")
    print(line("nobody looks", first))
    print(line("nobody looks, either", second, first))
    rates = [sum(pair) / 2 for pair in zip(first.rates, second.rates, strict=True)]
    costs = [sum(pair) / 2 for pair in zip(first.costs, second.costs, strict=True)]
    for name, way in ways.items():
        print(line(name, way, Figures(rates, costs)))


def line(name: str, figures: Figures, base: Figures | None = None) -> str:
    """Return what is printed of a way to look."""
    rate, cost = statistics.median(figures.rates), statistics.median(figures.costs)
    if base is None:
        return f"{name:21}{rate:7,.0f}/s {'':19}{cost:6.1f} µs"
    return (
        f"{name:21}{rate:7,.0f}/s {compared(figures.rates, base.rates):19}"
        f"{cost:6.1f} µs {compared(figures.costs, base.costs)}"
    )


def compared(values: list[float], base: list[float]) -> str:
    """Return the median of the ratios in words, and where it surely lies."""
    ratios = sorted(a / b - 1 for a, b in zip(values, base, strict=True))
    middle, rank = statistics.median(ratios), rank_of_interval(len(ratios))
    least, most = 100 * ratios[rank], 100 * ratios[-1 - rank]
    return f"{middle:+.1%} ({least:+.1f} {most:+.1f})"


def rank_of_interval(count: int) -> int:
    """Return how many of the least and of the greatest of some values lie outside of the interval.

    It holds the median of what they are drawn from with a probability of 90 % at least: by the
    binomial distribution, since each lies below it one time in two.
    """
    below, rank = 0.5**count, 0
    while below + comb(count, rank + 1) * 0.5**count <= 0.05:
        rank += 1
        below += comb(count, rank) * 0.5**count
    return rank


if __name__ == "__main__":
    main()
