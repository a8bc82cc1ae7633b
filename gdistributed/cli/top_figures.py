"""What `gd top` makes of two answers or more: rates, and how far each kind of task is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gdistributed.core.pace import Pace, seconds_left

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gdistributed.v1 import activity_pb2, scheduler_pb2

WAITING: Final = ("waiting", "queued", "no_worker")


@dataclass(slots=True)
class Kind:
    """The tasks of a prefix.

    Attributes
    ----------
    done, running, waiting, erred
        How many tasks. Done are those, too, whose results nobody needs any more, as far as they
        belong to work that was seen to go on.
    mean_s
        How long one runs, in seconds; 0 when that is not known.
    left_s
        When all are done, in seconds; None when that is not known.
    """

    prefix: str
    done: int = 0
    running: int = 0
    waiting: int = 0
    erred: int = 0
    mean_s: float = 0.0
    left_s: float | None = 0.0
    pace: Pace = field(default_factory=Pace)
    _before: int = -1

    @property
    def unfinished(self) -> int:
        """How many are still to be done."""
        return self.running + self.waiting

    def update(self, said: activity_pb2.PrefixActivity, now: float, nthreads: int) -> None:
        """Take in what the scheduler says of it now."""
        tasks: Mapping[str, int] = said.tasks
        held = tasks.get("memory", 0) + tasks.get("released", 0)
        self.running = tasks.get("processing", 0)
        self.waiting = sum(tasks.get(state, 0) for state in WAITING)
        self.erred = tasks.get("erred", 0)
        if self._before < 0 or not self.unfinished:
            self._before = max(said.finished - held, 0)  # what ended before this work began
        self.done = max(said.finished - self._before, held)
        self.mean_s = said.mean_run.ToNanoseconds() / 1e9
        self.pace.note(said.finished + said.failed, now)
        self.left_s = seconds_left(self.unfinished, self.pace, self.mean_s, nthreads)


class Figures:
    """Of a whole cluster.

    Attributes
    ----------
    activity, workers
        The last answers of the scheduler.
    kinds
        Of tasks, by prefix.
    ended, moved
        How fast tasks end, and how many bytes go from worker to worker.
    """

    def __init__(self) -> None:
        self.activity: activity_pb2.GetActivityResponse | None = None
        self.workers: Sequence[scheduler_pb2.WorkerDescription] = ()
        self.kinds: dict[str, Kind] = {}
        self.ended = Pace()
        self.moved = Pace()
        self._moved_nbytes = 0
        self._received: dict[str, int] = {}

    def update(
        self,
        activity: activity_pb2.GetActivityResponse,
        workers: Sequence[scheduler_pb2.WorkerDescription],
        now: float,
    ) -> None:
        """Take in answers, which came at a time in seconds."""
        self.activity, self.workers = activity, workers
        before, self.kinds = self.kinds, {}
        for said in activity.prefixes:
            kind = self.kinds[said.prefix] = before.get(said.prefix) or Kind(said.prefix)
            kind.update(said, now, activity.summary.nthreads)
        self.ended.note(sum(said.finished + said.failed for said in activity.prefixes), now)
        received = {each.worker_id: each.metrics.received_nbytes for each in workers}
        self._moved_nbytes += sum(
            max(nbytes - self._received[worker], 0)
            for worker, nbytes in received.items()
            if worker in self._received
        )
        self._received = received
        self.moved.note(self._moved_nbytes, now)

    @property
    def left_s(self) -> float | None:
        """When all tasks are done, in seconds; None when that is not known."""
        remaining = sum(kind.unfinished for kind in self.kinds.values())
        run_s = sum(kind.unfinished * kind.mean_s for kind in self.kinds.values())
        nthreads = self.activity.summary.nthreads if self.activity else 0
        return seconds_left(remaining, self.ended, run_s / remaining if remaining else 0, nthreads)
