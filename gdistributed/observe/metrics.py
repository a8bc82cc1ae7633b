"""Metrics of a cluster in the text that Prometheus reads, made of what the protocol answers.

Nothing is counted here: the scheduler keeps the sums, so that nothing is missed between two
readings, and as many may read as want to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from gdistributed.core.scheduler.states import FORGOTTEN, State
from gdistributed.core.words import word_of_status
from gdistributed.v1 import activity_pb2, scheduler_pb2
from gdistributed.version import __version__

NS: Final = 1e9
WORKERS_MAX: Final = 1000
PREFIXES_MAX: Final = 1000
# Bounds of the buckets, as powers of two: 1 µs to 19 h, each four times the one before; and of
# sizes, 64 bytes to 256 GiB. Shorter, longer, smaller and larger ones count in the first and last.
TIME_BITS: Final = range(10, 47, 2)
SIZE_BITS: Final = range(6, 39, 2)

Workers = Sequence[scheduler_pb2.WorkerDescription]


def exposition(
    activity: activity_pb2.GetActivityResponse, workers: Workers, accept: str = ""
) -> tuple[str, bytes]:
    """Return the metrics of a cluster as text, with its content type.

    Parameters
    ----------
    activity
        What the scheduler answers to `GetActivity`.
    workers
        What it answers to `ListWorkers`. Of more than 1,000 only so many are told, the first ones;
        the same holds for prefixes, the newest ones, as `GetActivity` has it.
    accept
        What the reader accepts, as in the header of that name: the text of OpenMetrics, or by
        default that of Prometheus.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(activity, workers))
    encode, content_type = choose_encoder(accept)
    return content_type, encode(registry)


class Collector:
    """Makes metrics of two answers of a scheduler.

    Parameters
    ----------
    activity, workers
        As for `exposition`.
    """

    def __init__(self, activity: activity_pb2.GetActivityResponse, workers: Workers) -> None:
        self._activity = activity
        self._workers = workers[:WORKERS_MAX]

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield from self._of_scheduler()
        yield from self._of_prefixes()
        yield from self._of_transfers()
        yield from self._of_workers()

    def _of_scheduler(self) -> Iterator[Metric]:
        summary, load = self._activity.summary, self._activity.load
        about = {"version": __version__, "cluster_id": summary.cluster_id}
        yield InfoMetricFamily("gdistributed", "Version and cluster.", value=about)
        tasks = GaugeMetricFamily(
            "gdistributed_scheduler_tasks", "Tasks that are known, by state.", labels=["state"]
        )
        for state in State:
            if state is not FORGOTTEN:
                tasks.add_metric([state], summary.tasks.get(state, 0))
        yield tasks
        for name, text, value in (
            ("workers", "Workers in the cluster.", summary.workers),
            ("threads", "Threads of all workers.", summary.nthreads),
            ("clients", "Clients that are connected.", summary.clients),
            ("results_bytes", "Size of all results that workers hold.", summary.held_nbytes),
            ("uptime_seconds", "Time since the scheduler's start.", seconds_of(summary.uptime)),
            ("memory_bytes", "Resident memory of its process.", load.memory_nbytes),
            ("cpu_ratio", "CPU time that its process uses; 1 is a core.", load.cpu_percent / 100),
            (
                "event_loop_delay_seconds",
                "How late its event loop was lately.",
                seconds_of(load.event_loop_delay),
            ),
        ):
            yield GaugeMetricFamily(f"gdistributed_scheduler_{name}", text, value=value)
        yield CounterMetricFamily(
            "gdistributed_scheduler_events",
            "Transitions of tasks, and other events.",
            value=load.events,
        )

    def _of_prefixes(self) -> Iterator[Metric]:
        prefixes = self._activity.prefixes[:PREFIXES_MAX]
        tasks = GaugeMetricFamily(
            "gdistributed_tasks",
            "Tasks that are known, by prefix and state.",
            labels=["prefix", "state"],
        )
        runs = CounterMetricFamily(
            "gdistributed_task_runs",
            "Runs that ended: finished ones have a result, failed ones raised.",
            labels=["prefix", "outcome"],
        )
        times = CounterMetricFamily(
            "gdistributed_task_seconds",
            "Time of all tasks: ready at the scheduler (queued), on workers for data (fetching)"
            " and for a thread (waiting), in the function (running), and the rest (overhead).",
            labels=["prefix", "phase"],
        )
        results = CounterMetricFamily(
            "gdistributed_task_results_bytes", "Size of all results.", labels=["prefix"]
        )
        durations = HistogramMetricFamily(
            "gdistributed_task_run_seconds", "How long functions ran.", labels=["prefix"]
        )
        for each in prefixes:
            for state, count in sorted(each.tasks.items()):
                tasks.add_metric([each.prefix, state], count)
            runs.add_metric([each.prefix, "finished"], each.finished)
            runs.add_metric([each.prefix, "failed"], each.failed)
            for phase, spent_ns in (
                ("queued", each.queued_ns),
                ("fetching", each.fetch_ns),
                ("waiting", each.wait_ns),
                ("running", each.run_ns),
                ("overhead", each.overhead_ns),
            ):
                times.add_metric([each.prefix, phase], spent_ns / NS)
            results.add_metric([each.prefix], each.nbytes)
            buckets = buckets_of(each.run_counts, TIME_BITS, NS)
            durations.add_metric([each.prefix], buckets, each.run_ns / NS)
        yield from (tasks, runs, times, results, durations)

    def _of_transfers(self) -> Iterator[Metric]:
        labels = ["way"]
        values = CounterMetricFamily(
            "gdistributed_transfer_values", "Values that workers fetched.", labels=labels
        )
        durations = HistogramMetricFamily(
            "gdistributed_transfer_seconds",
            "How long calls took by which workers fetched values.",
            labels=labels,
        )
        sizes = HistogramMetricFamily(
            "gdistributed_transfer_bytes", "Size of what one such call brought.", labels=labels
        )
        for each in self._activity.transfer_totals:
            way = ["shared_memory" if each.shared else "network"]
            values.add_metric(way, each.values)
            spent_s = each.duration_ns / NS
            durations.add_metric(way, buckets_of(each.duration_counts, TIME_BITS, NS), spent_s)
            sizes.add_metric(way, buckets_of(each.nbytes_counts, SIZE_BITS, 1), each.nbytes)
        yield from (values, durations, sizes)

    def _of_workers(self) -> Iterator[Metric]:
        workers = self._workers
        status = GaugeMetricFamily(
            "gdistributed_worker_status",
            "1 for the status that the worker has.",
            labels=["worker", "status"],
        )
        memory = GaugeMetricFamily(
            "gdistributed_worker_memory_bytes",
            "Memory: of the process (process), of it values (managed) and shared memory that it"
            " made (shared) and others made (borrowed); values on disk (spilled); and the limit.",
            labels=["worker", "kind"],
        )
        tasks = GaugeMetricFamily(
            "gdistributed_worker_tasks",
            "Tasks: handed to the worker (processing), of them running (executing) and waiting for"
            " a thread (ready); results that it holds (held); keys on their way to it (fetching).",
            labels=["worker", "state"],
        )
        for worker in workers:
            metrics = worker.metrics
            status.add_metric([worker.name, word_of_status(worker.status)], 1)
            for kind, nbytes in (
                ("process", metrics.memory_nbytes),
                ("managed", metrics.managed_nbytes),
                ("spilled", metrics.spilled_nbytes),
                ("shared", metrics.shared_nbytes),
                ("borrowed", metrics.borrowed_nbytes),
                ("limit", worker.memory_limit_nbytes),
            ):
                memory.add_metric([worker.name, kind], nbytes)
            for state, count in (
                ("processing", worker.processing),
                ("executing", metrics.executing),
                ("ready", metrics.ready),
                ("held", worker.held),
                ("fetching", metrics.fetching),
            ):
                tasks.add_metric([worker.name, state], count)
        yield from (status, memory, tasks)
        yield from self._plain_of_workers()

    def _plain_of_workers(self) -> Iterator[Metric]:
        workers = self._workers
        for name, text, values in (
            ("threads", "Tasks that it runs at once.", [each.nthreads for each in workers]),
            (
                "occupancy_seconds",
                "Expected run time of all tasks that it was handed.",
                [seconds_of(each.occupancy) for each in workers],
            ),
            (
                "cpu_ratio",
                "CPU time that its process uses; 1 is a core.",
                [each.metrics.cpu_percent / 100 for each in workers],
            ),
            ("open_files", "Open files.", [each.metrics.open_files for each in workers]),
            (
                "event_loop_delay_seconds",
                "How late its event loop is.",
                [seconds_of(each.metrics.event_loop_delay) for each in workers],
            ),
            (
                "last_seen_seconds",
                "Time since it was heard of.",
                [seconds_of(each.last_seen) for each in workers],
            ),
        ):
            gauge = GaugeMetricFamily(f"gdistributed_worker_{name}", text, labels=["worker"])
            yield filled(gauge, workers, values)
        for name, text, values in (
            ("sent_bytes", "Bytes to peers and clients.", [w.metrics.sent_nbytes for w in workers]),
            (
                "received_bytes",
                "Bytes from peers and clients.",
                [each.metrics.received_nbytes for each in workers],
            ),
        ):
            counter = CounterMetricFamily(f"gdistributed_worker_{name}", text, labels=["worker"])
            yield filled(counter, workers, values)


def filled(
    family: GaugeMetricFamily | CounterMetricFamily, workers: Workers, values: Iterable[float]
) -> Metric:
    """Return a metric with a value for each worker."""
    for worker, value in zip(workers, values, strict=True):
        family.add_metric([worker.name], value)
    return family


def buckets_of(
    counts: Sequence[int], bounds: Iterable[int], unit: float
) -> list[tuple[str, float]]:
    """Return the buckets of a histogram, each with all that is in those before.

    Parameters
    ----------
    counts
        Entry n is of what is less than 2^n and in no earlier entry.
    bounds
        Powers of two, in the unit of the counts.
    unit
        So many of these are one of what the metric is in.
    """
    buckets = [(f"{2**bits / unit:g}", float(sum(counts[: bits + 1]))) for bits in bounds]
    return [*buckets, ("+Inf", float(sum(counts)))]


def seconds_of(duration: object) -> float:
    """Return a protobuf duration in seconds."""
    return duration.ToNanoseconds() / NS  # type: ignore[attr-defined,no-any-return]
