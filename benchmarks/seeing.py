"""What it costs to look: throughput with the event log on, and with metrics read every second.

Clusters with and without are alive side by side and take turns, so that the machine's weather is
the same for all. Beside the tasks a second stands the CPU time of all their processes, which a busy
machine disturbs less. By itself: ``python -m benchmarks.seeing``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil

from gdistributed import Client, LocalCluster
from gdistributed.observe.metrics import exposition
from gdistributed.v1 import activity_pb2, activity_pb2_grpc, scheduler_pb2, scheduler_pb2_grpc

WORKERS = 2
SCRAPE_EVERY_S = 1.0


def nothing(number: int) -> int:
    """Take no time."""
    return number


@dataclass
class Watched:
    """A cluster that is looked at in one way.

    Attributes
    ----------
    rates
        Tasks a second, round by round.
    costs
        CPU time of all its processes in microseconds a task, round by round.
    """

    client: Client
    processes: list[psutil.Process]
    scrapes: bool
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def run(self, tasks: int) -> None:
        """Measure one round."""
        with scraped(self.client) if self.scrapes else ExitStack():
            cpu_s, begun = self._cpu_s(), time.perf_counter()
            self.client.gather(self.client.map(nothing, range(tasks), pure=False))
            took_s = time.perf_counter() - begun
            self.rates.append(tasks / took_s)
            self.costs.append((self._cpu_s() - cpu_s) / tasks * 1e6)

    def _cpu_s(self) -> float:
        times = [process.cpu_times() for process in self.processes]
        return sum(each.user + each.system for each in times)


@contextmanager
def scraped(client: Client) -> Iterator[None]:
    """Read a cluster's metrics every second, as a web server in front of it does."""
    ended = threading.Event()

    def scrape() -> None:
        with grpc.insecure_channel(client.scheduler_address) as channel:
            activity = activity_pb2_grpc.ActivityStub(channel)
            scheduler = scheduler_pb2_grpc.SchedulerStub(channel)
            while not ended.wait(SCRAPE_EVERY_S):
                request = activity_pb2.GetActivityRequest(limit=1)
                workers = scheduler.ListWorkers(scheduler_pb2.ListWorkersRequest()).workers
                exposition(activity.GetActivity(request), workers)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def watched(stack: ExitStack, event_log: Path | None = None, scrapes: bool = False) -> Watched:
    """Start a cluster that is looked at in one way."""
    own = psutil.Process()
    before = set(own.children(recursive=True))
    cluster = stack.enter_context(LocalCluster(WORKERS, 1, event_log=event_log))
    client = stack.enter_context(Client(cluster))
    processes = [*(set(own.children(recursive=True)) - before), own]
    return Watched(client, processes, scrapes)


def main() -> None:
    """Print a line for each way to look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ways = {
            "nobody looks": watched(stack),
            "event log": watched(stack, folder / "run.jsonl"),
            "event log, compressed": watched(stack, folder / "run.jsonl.gz"),
            "metrics read every second": watched(stack, scrapes=True),
        }
        for number in range(asked.rounds + 1):
            for way in ways.values():
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
