"""The Activity service: what the cluster does, read from the books."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

import grpc.aio

from gdistributed.core.scheduler.activity import (
    Moved,
    Run,
    TransferSums,
    handed_ns,
    queued_ns,
)
from gdistributed.core.scheduler.drawing import Drawing, Node, related
from gdistributed.core.scheduler.records import PrefixRecord
from gdistributed.services.scheduler.descriptions import STATES, WallClock, duration
from gdistributed.services.scheduler.known import known_task
from gdistributed.services.scheduler.load import Load
from gdistributed.services.scheduler.shell import Shell
from gdistributed.services.scheduler.summary import summarise
from gdistributed.settings import NS
from gdistributed.v1 import activity_pb2 as pb
from gdistributed.v1 import activity_pb2_grpc, scheduler_pb2

Context = grpc.aio.ServicerContext[Any, Any]

LIMIT: Final = 1000
GRAPH_LIMIT: Final = 200
PREFIXES_MAX: Final = 1000
# So many tasks are drawn at a time; in between the event loop does other things.
STEP: Final = 2000


class ActivityService(activity_pb2_grpc.ActivityServicer):
    """Tells what the cluster does.

    Parameters
    ----------
    shell
        Runs the brain.
    load
        Measures this process.
    summary
        Gives the facts of the server for a summary.
    """

    def __init__(
        self, shell: Shell, load: Load, summary: Callable[[], scheduler_pb2.GetSummaryResponse]
    ) -> None:
        self._shell = shell
        self._load = load
        self._summary = summary

    async def GetActivity(
        self, request: pb.GetActivityRequest, _: Context
    ) -> pb.GetActivityResponse:
        """Say what the cluster does, and what has happened since the caller asked last."""
        brain, now = self._shell.brain, self._shell.now()
        clock = self._shell.wall_clock()
        limit = request.limit or LIMIT
        runs = brain.activity.runs
        new_runs = runs.after(max(request.last_run, runs.last - limit))
        transfers = brain.activity.transfers.since(request.last_transfer + 1)[-limit:]
        merge_s = request.merge.ToNanoseconds() / NS
        return pb.GetActivityResponse(
            time=clock.at(now),
            summary=summarise(self._shell, self._summary()),
            prefixes=[describe_prefix(each, now) for each in self._prefixes()],
            runs=[_describe_runs(each, clock) for each in merged(new_runs, merge_s)],
            transfers=[_describe_transfer(Moved(*each), clock) for each in transfers],
            last_run=runs.last,
            last_transfer=brain.activity.transfers.last,
            load=self._load.measure(brain.events.last),
            transfer_totals=[
                _describe_sums(brain.activity.sent, shared=False),
                _describe_sums(brain.activity.shared, shared=True),
            ],
        )

    def _prefixes(self) -> list[PrefixRecord]:
        """Return all prefixes; of very many, those that have tasks, and the newest others."""
        prefixes = list(self._shell.brain.books.prefixes.values())
        if len(prefixes) <= PREFIXES_MAX:
            return prefixes
        prefixes.reverse()
        prefixes.sort(key=lambda prefix: not prefix.tasks())  # stable: newer ones come first
        return prefixes[:PREFIXES_MAX]

    async def GetGraph(self, request: pb.GetGraphRequest, _: Context) -> pb.GetGraphResponse:
        """Draw the tasks that are known, or those that have to do with one."""
        if request.key:
            tasks = related(known_task(self._shell, request.key))
        else:
            tasks = list(self._shell.brain.books.tasks.values())
        drawing = Drawing(by_prefix=len(tasks) > (request.limit or GRAPH_LIMIT))
        for begin in range(0, len(tasks), STEP):
            for task in tasks[begin : begin + STEP]:
                drawing.add(task)
            await asyncio.sleep(0)
        return pb.GetGraphResponse(
            nodes=[_describe_node(node) for node in drawing.nodes.values()],
            edges=[_edge(origin, target, n) for (origin, target), n in drawing.edges.items()],
            tasks=drawing.tasks,
            by_prefix=drawing.by_prefix,
        )


class Stretch:
    """Runs of one prefix on one worker, as one."""

    def __init__(self, run: Run) -> None:
        self.first = run
        self.begin = run.now - run.run_ns / NS
        self.end = run.now
        self.count, self.failed = 1, run.failed
        self.run_ns, self.fetch_ns = run.run_ns, run.fetch_ns
        self.wait_ns, self.nbytes = run.wait_ns, run.nbytes

    def add(self, run: Run) -> None:
        """Add a run that has followed."""
        self.begin = min(self.begin, run.now - run.run_ns / NS)
        self.end = run.now
        self.count += 1
        self.failed += run.failed
        self.run_ns += run.run_ns
        self.fetch_ns += run.fetch_ns
        self.wait_ns += run.wait_ns
        self.nbytes += run.nbytes


def merged(runs: Iterable[Run], merge_s: float) -> list[Stretch]:
    """Return runs, those of a prefix as one that follow each other closely on a worker.

    Parameters
    ----------
    runs
        In the order of their ends.
    merge_s
        One that begins less than this after the end of the one before is merged with it; 0 merges
        none. Runs that are longer than this stand by themselves.
    """
    stretches: list[Stretch] = []
    open_ones: dict[tuple[str, str], Stretch] = {}
    for run in runs:
        run_s = run.run_ns / NS
        place = run.worker, run.prefix
        stretch = open_ones.get(place)
        if stretch is not None and run_s < merge_s and run.now - run_s - stretch.end < merge_s:
            stretch.add(run)
            continue
        stretch = Stretch(run)
        stretches.append(stretch)
        if run_s < merge_s:
            open_ones[place] = stretch
    return stretches


def describe_prefix(prefix: PrefixRecord, now: float) -> pb.PrefixActivity:
    """Describe what has become of the tasks of a prefix."""
    known_ns = prefix.run_ns + prefix.fetch_ns + prefix.wait_ns
    message = pb.PrefixActivity(
        prefix=prefix.name,
        tasks={str(state): count for state, count in prefix.tasks().items()},
        finished=prefix.finished,
        failed=prefix.failed,
        run_ns=prefix.run_ns,
        fetch_ns=prefix.fetch_ns,
        wait_ns=prefix.wait_ns,
        queued_ns=queued_ns(prefix, now),
        overhead_ns=max(handed_ns(prefix, now) - known_ns, 0),
        nbytes=prefix.result_nbytes,
        run_counts=_listed(prefix.run_counts),
    )
    if prefix.duration_ns:
        message.mean_run.CopyFrom(duration(prefix.duration_ns / NS))
    return message


def _describe_runs(stretch: Stretch, clock: WallClock) -> pb.TaskRuns:
    run = stretch.first
    return pb.TaskRuns(
        prefix=run.prefix,
        worker=run.worker,
        key=run.key,
        count=stretch.count,
        failed=stretch.failed,
        start=clock.at(stretch.begin),
        end=clock.at(stretch.end),
        run_ns=stretch.run_ns,
        fetch_ns=stretch.fetch_ns,
        wait_ns=stretch.wait_ns,
        nbytes=stretch.nbytes,
    )


def _describe_transfer(moved: Moved, clock: WallClock) -> pb.TransferActivity:
    return pb.TransferActivity(
        worker=moved.worker,
        peer=moved.peer,
        values=moved.values,
        nbytes=moved.nbytes,
        start=clock.at(moved.now - moved.duration_ns / NS),
        end=clock.at(moved.now),
        shared=moved.shared,
    )


def _describe_sums(sums: TransferSums, shared: bool) -> pb.TransferTotals:
    return pb.TransferTotals(
        shared=shared,
        calls=sums.calls,
        values=sums.values,
        nbytes=sums.nbytes,
        duration_ns=sums.duration_ns,
        duration_counts=_listed(sums.duration_counts),
        nbytes_counts=_listed(sums.nbytes_counts),
    )


def _listed(counts: dict[int, int]) -> list[int]:
    """Return counts by number of bits as a list."""
    return [counts.get(bits, 0) for bits in range(max(counts) + 1)] if counts else []


def _describe_node(node: Node) -> pb.GraphNode:
    message = pb.GraphNode(
        name=node.name,
        prefix=node.prefix,
        tasks={str(state): count for state, count in node.counts.items()},
    )
    if node.task is not None:
        message.state = STATES[node.task.state]
    return message


def _edge(origin: int, target: int, count: int) -> pb.GraphEdge:
    message = pb.GraphEdge(to=target, count=count)
    setattr(message, "from", origin)  # a word that Python keeps for itself
    return message
