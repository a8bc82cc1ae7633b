"""Workers that cannot reach each other, and what is done for tasks that need data in spite of it.

A worker that got no answer from a holder says nothing about the holder, which others may reach: the
pair is noted as cut for a while, and no replica is given up. A task that needs the data goes to
another worker, or to the holder. Where none that may run it reaches all of its data, the data is
copied by way of a third worker, or computed again elsewhere; data that cannot be is waited for, and
after a few vain tries the task errs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import replicas, reports
from gdistributed.core.scheduler.offers import can_be_handed, can_hold

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord

TRIES_MAX = 3
RETRY_S = 1.0
# A pair that goes on to be cut is tried less and less often, at most so many times the first wait.
GROWTH_MAX = 64
# A cut that was not heard of again for so many times its length begins to count anew.
LENGTHS_KEPT = 10


@dataclass(slots=True)
class Cut:
    """One worker got no answer from another.

    Attributes
    ----------
    until
        It is not sent there for data before then.
    counts_until
        A cut that is heard of later is another one.
    tries
        How often it got no answer.
    """

    until: float
    counts_until: float
    tries: int


def note_cut(brain: SchedulerBrain, worker: WorkerRecord, holder: WorkerRecord) -> None:
    """A worker got no answer from a holder."""
    known = brain.cuts.get((worker, holder))
    tries = known.tries if known is not None else 0
    if known is None or brain.now >= known.until:  # else it is the same try
        tries += 1
    length_s = brain.settings.cut_s * min(2 ** (tries - 1), GROWTH_MAX)
    counts_until = brain.now + length_s * LENGTHS_KEPT
    brain.cuts[worker, holder] = Cut(brain.now + length_s, counts_until, tries)
    brain.agenda.at(counts_until, _forget_cut, brain, worker, holder)
    detail = f"got no answer from {holder.name}"
    brain.events.note(brain.now, "worker", worker.name, "", "cut", detail=detail)


def _forget_cut(brain: SchedulerBrain, worker: WorkerRecord, holder: WorkerRecord) -> None:
    cut = brain.cuts.get((worker, holder))
    if cut is not None and brain.now >= cut.counts_until:
        del brain.cuts[worker, holder]


def forget_worker(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A worker is gone, and whom it did not reach."""
    for pair in [pair for pair in brain.cuts if worker in pair]:
        del brain.cuts[pair]


def is_cut(brain: SchedulerBrain, worker: WorkerRecord, holder: WorkerRecord) -> bool:
    """Whether a worker is not to be sent to a holder for data now."""
    cut = brain.cuts.get((worker, holder))
    return cut is not None and brain.now < cut.until


def reaches(brain: SchedulerBrain, worker: WorkerRecord, task: TaskRecord) -> bool:
    """Whether a worker can get the result of a task."""
    if task in worker.has or can_be_handed(worker, task):
        return True
    return any(not is_cut(brain, worker, holder) for holder in task.who_has)


def suits(brain: SchedulerBrain, worker: WorkerRecord, task: TaskRecord) -> bool:
    """Whether a worker gets all that a task needs, and the task has not asked to be elsewhere."""
    return brain.books.avoided.get(task) is not worker and (
        not brain.cuts or all(reaches(brain, worker, each) for each in task.dependencies)
    )


def strand(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> None:
    """A ready task reaches its data on no worker that may run it; see to it for one of these."""
    brain.books.stranded[task] = None
    brain.events.remark(brain.now, task.key, "its data cannot be reached", worker.name)
    if brain.stranded_until <= brain.now:
        brain.stranded_until = brain.now + RETRY_S
        brain.agenda.at(brain.stranded_until, try_again, brain)
    for dependency in task.dependencies:
        if not reaches(brain, worker, dependency) and not _relay(brain, dependency, worker):
            _replace_unreachable(brain, task, dependency, worker)


def try_again(brain: SchedulerBrain) -> None:
    """Something may have changed: stranded tasks wait for their turn again."""
    for task in list(brain.books.stranded):
        brain.books.end_stranding(task)


def _relay(brain: SchedulerBrain, task: TaskRecord, target: WorkerRecord) -> bool:
    """Have a result copied to a worker from which the target can get it; False if there is none."""
    coming = brain.books.copying.get(task, {})
    if any(not is_cut(brain, target, each) for each in coming):
        return True
    for worker in brain.books.workers.values():
        is_between = worker is not target and worker not in task.who_has and worker.takes_tasks
        if not (is_between and can_hold(worker, task)):
            continue
        if not is_cut(brain, target, worker) and reaches(brain, worker, task):
            replicas.copy(brain, task, worker)
            return True
    return False


def _replace_unreachable(
    brain: SchedulerBrain, task: TaskRecord, dependency: TaskRecord, worker: WorkerRecord
) -> None:
    """Have a result computed again, elsewhere; data that nobody computes is given up in the end."""
    if dependency.template is not None and not dependency.is_actor:
        for holder in dependency.who_has:
            brain.books.avoided[dependency] = holder
            brain.books.remove_replica(dependency, holder)
            brain.workers.to(holder.id, len(dependency.key)).free.append(dependency.key)
        brain.reconsider(dependency)
        return
    cuts = [brain.cuts.get((worker, holder)) for holder in dependency.who_has]
    if all(cut is not None and cut.tries >= TRIES_MAX for cut in cuts):
        task.error = reports.data_unreachable(dependency, worker)
        brain.reconsider(task)
