"""How many workers are worth having, for whoever starts and ends them.

As in dask.distributed: as many threads as do in a target time what can run now, more workers when
memory is short, and none that is needed for what it holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from gdistributed.core.scheduler.states import NO_WORKER, PROCESSING, QUEUED
from gdistributed.settings import NS
from gdistributed.v1 import worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import PrefixRecord, WorkerRecord

TARGET_S: Final = 5.0
# More workers when results fill more of their memory than this.
FULL: Final = 0.6
# Those that stay have room for so many times what is held.
ROOM: Final = 2
UNLIMITED_NBYTES: Final = 1 << 50


class Recommendation(NamedTuple):
    """How many workers are worth having.

    Attributes
    ----------
    workers
        So many.
    present
        So many there are that do not leave.
    removable
        Those that could leave, in this order.
    """

    workers: int
    present: int
    removable: list[WorkerRecord]


def recommend(
    brain: SchedulerBrain, now: float, target_s: float = TARGET_S, nthreads: int = 0
) -> Recommendation:
    """Say how many workers are worth having; linear in the workers and the kinds of tasks.

    Parameters
    ----------
    brain
        Of the scheduler.
    now
        In seconds of its clock.
    target_s
        In so many seconds all that can run now is to be done.
    nthreads
        Threads of a worker that would be started; 0 for as many as others have.
    """
    staying = [
        worker
        for worker in brain.books.workers.values()
        if worker.status != worker_pb2.WORKER_STATUS_CLOSING and worker not in brain.retiring
    ]
    if not nthreads:
        total = sum(worker.nthreads for worker in staying)
        nthreads = max(round(total / len(staying)), 1) if staying else 1
    by_tasks = ceil(_threads_of_use(brain, staying, now, target_s) / nthreads)
    held = sum(worker.held_nbytes for worker in staying)
    is_full = held > FULL * sum(map(_memory_nbytes, staying))
    by_memory = 2 * len(staying) if is_full else 0
    return Recommendation(max(by_tasks, by_memory), len(staying), _removable(brain, staying))


def _threads_of_use(
    brain: SchedulerBrain, staying: list[WorkerRecord], now: float, target_s: float
) -> int:
    """Count the threads that would do in a time all that can run now."""
    workers = brain.books.workers.values()
    waiting = Counter(  # without a thread, for what they have asked for
        task.template.prefix
        for worker in workers
        for task in worker.seceded
        if task.template is not None
    )
    lasting = _lasting_ns(workers, now)
    unknown_ns = brain.settings.unknown_duration_s * NS
    tasks, stuck, work_ns = 0, 0, 0.0
    for prefix in brain.books.prefixes.values():
        count = prefix.counts[QUEUED] + prefix.counts[PROCESSING] - waiting[prefix]
        if staying:
            stuck += prefix.counts[NO_WORKER]  # more like those that are there would be no help
        else:
            count += prefix.counts[NO_WORKER]
        tasks += count
        work_ns += count * max(prefix.duration_ns or unknown_ns, lasting.get(prefix, 0))
    # One for those that are stuck, or it would come again and again to see that it cannot help.
    return max(min(tasks, ceil(work_ns / (target_s * NS))), int(stuck > 0))


def _lasting_ns(workers: Iterable[WorkerRecord], now: float) -> dict[PrefixRecord, float]:
    """Return how long tasks that go on have run at least, the longest of each kind.

    The oldest of each worker has run since the worker last ended one, if not for longer.
    """
    lasting: dict[PrefixRecord, float] = {}
    for worker in workers:
        oldest = next(iter(worker.processing), None)
        if oldest is not None and oldest.template is not None:
            prefix, ran_ns = oldest.template.prefix, (now - worker.busy_since) * NS
            lasting[prefix] = max(ran_ns, lasting.get(prefix, 0.0))
    return lasting


def _removable(brain: SchedulerBrain, staying: list[WorkerRecord]) -> list[WorkerRecord]:
    """Return the workers that could leave: those first that hold least."""
    has_actors = any(template.message.actor for template in brain.books.templates.values())
    idle = [worker for worker in staying if _is_idle(worker, has_actors=has_actors)]
    idle.sort(key=lambda worker: worker.held_nbytes)
    held = sum(worker.held_nbytes for worker in staying)
    room = sum(map(_memory_nbytes, staying))
    removable: list[WorkerRecord] = []
    for worker in idle:
        room -= _memory_nbytes(worker)
        if held and room < ROOM * held:
            break
        removable.append(worker)
    return removable


def _is_idle(worker: WorkerRecord, *, has_actors: bool) -> bool:
    if not worker.takes_tasks or worker.processing or worker.seceded or worker.abandoned:
        return False
    homes = (task.who_has[:1] == worker.alone for task in worker.has if task.is_actor)
    return not (has_actors and any(homes))


def _memory_nbytes(worker: WorkerRecord) -> int:
    return worker.memory_limit_nbytes or UNLIMITED_NBYTES
