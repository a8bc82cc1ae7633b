"""A record of what a cluster does over a while, made of the scheduler's answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gdistributed.settings import NS
from gdistributed.v1 import activity_pb2, scheduler_pb2

# More runs than this are not kept, so that a page can still be drawn.
RUNS_MAX: Final = 200_000
SUMS: Final = ("run_ns", "fetch_ns", "wait_ns", "queued_ns", "overhead_ns")
COUNTS: Final = ("finished", "failed", "nbytes")


class Record:
    """Runs, transfers, sums by prefix, and samples of workers and scheduler.

    Parameters
    ----------
    first
        The answer with which it begins: what had happened before does not count.

    Attributes
    ----------
    runs, transfers
        In the order in which they ended.
    samples
        Measurements by name, each a list as long as that of "time".
    seconds
        How long the record is.
    left_out
        How many runs came after `RUNS_MAX`.
    """

    def __init__(self, first: activity_pb2.GetActivityResponse) -> None:
        self.begun_ns = first.time.ToNanoseconds()
        self.seconds = 0.0
        self.runs: list[activity_pb2.TaskRuns] = []
        self.transfers: list[activity_pb2.TransferActivity] = []
        self.samples: dict[str, list[float]] = {}
        self.left_out = 0
        self._before = {prefix.prefix: prefix for prefix in first.prefixes}
        self._last = first
        self._workers: dict[str, scheduler_pb2.WorkerDescription] = {}
        self._memory_max: dict[str, int] = {}

    @property
    def last_run(self) -> int:
        """Number of the last run that is recorded."""
        return self._last.last_run

    @property
    def last_transfer(self) -> int:
        """Number of the last transfer that is recorded."""
        return self._last.last_transfer

    @property
    def workers(self) -> list[scheduler_pb2.WorkerDescription]:
        """All workers that were there, as they were last, by name."""
        return sorted(self._workers.values(), key=lambda worker: worker.name)

    def add(
        self,
        answer: activity_pb2.GetActivityResponse,
        workers: Iterable[scheduler_pb2.WorkerDescription],
    ) -> None:
        """Add what the scheduler says of itself and of the workers."""
        before, self._last = self._last, answer
        room = max(RUNS_MAX - len(self.runs), 0)
        self.runs.extend(answer.runs[:room])
        self.left_out += len(answer.runs[room:])
        self.transfers.extend(answer.transfers)
        now = list(workers)
        for worker in now:
            self._workers[worker.name] = worker
            memory_nbytes = worker.metrics.memory_nbytes
            self._memory_max[worker.name] = max(self._memory_max.get(worker.name, 0), memory_nbytes)
        elapsed_s = (answer.time.ToNanoseconds() - before.time.ToNanoseconds()) / NS
        self.seconds = (answer.time.ToNanoseconds() - self.begun_ns) / NS
        self._sample(answer, now, _runs_of(answer) - _runs_of(before), max(elapsed_s, 1e-3))

    def _sample(
        self,
        answer: activity_pb2.GetActivityResponse,
        workers: list[scheduler_pb2.WorkerDescription],
        runs: int,
        elapsed_s: float,
    ) -> None:
        metrics = [worker.metrics for worker in workers]
        managed_nbytes = sum(each.managed_nbytes for each in metrics)
        memory_nbytes = sum(each.memory_nbytes for each in metrics)
        load = answer.load
        measured = {
            "time": self.seconds,
            "cpu": sum(each.cpu_percent for each in metrics),
            "managed": managed_nbytes,
            "unmanaged": max(memory_nbytes - managed_nbytes, 0),
            "spilled": sum(each.spilled_nbytes for each in metrics),
            "moved": sum(each.nbytes for each in answer.transfers) / elapsed_s,
            "rate": runs / elapsed_s,
            "scheduler_cpu": load.cpu_percent,
            "scheduler_delay": load.event_loop_delay.ToNanoseconds() / NS,
        }
        for name, value in measured.items():
            self.samples.setdefault(name, []).append(value)

    def prefixes(self) -> list[dict[str, Any]]:
        """Return what has become of the tasks of each prefix since the record began.

        Returns
        -------
        A dict for each prefix of which something ran: `name`, the counts `finished` and `failed`,
        `nbytes` of the results, and in seconds `run_s`, `fetch_s`, `wait_s`, `queued_s` and
        `overhead_s` as in `PrefixActivity`; the one that ran longest first.
        """
        nothing = activity_pb2.PrefixActivity()
        found = []
        for prefix in self._last.prefixes:
            before = self._before.get(prefix.prefix, nothing)
            sums = {
                name.replace("_ns", "_s"): (getattr(prefix, name) - getattr(before, name)) / NS
                for name in SUMS
            }
            counts = {name: getattr(prefix, name) - getattr(before, name) for name in COUNTS}
            if counts["finished"] or counts["failed"]:
                found.append({"name": prefix.prefix, **sums, **counts})
        return sorted(found, key=lambda each: -each["run_s"])

    def memory_max(self, worker: str) -> int:
        """Return how many bytes of memory a worker was seen to use at most."""
        return self._memory_max.get(worker, 0)


def _runs_of(answer: activity_pb2.GetActivityResponse) -> int:
    return sum(prefix.finished + prefix.failed for prefix in answer.prefixes)


def describe_run(run: activity_pb2.TaskRuns) -> dict[str, Any]:
    """Return a run as `Client.get_task_stream` tells it; see there."""
    start, stop = run.start.ToNanoseconds() / NS, run.end.ToNanoseconds() / NS
    steps = [{"action": "compute", "start": start, "stop": stop}]
    if run.fetch_ns:
        ready = start - run.wait_ns / NS
        steps.insert(0, {"action": "transfer", "start": ready - run.fetch_ns / NS, "stop": ready})
    return {
        "key": run.key,
        "prefix": run.prefix,
        "worker": run.worker,
        "status": "error" if run.failed else "OK",
        "start": start,
        "stop": stop,
        "waited": run.wait_ns / NS,
        "nbytes": run.nbytes,
        "startstops": steps,
    }
