"""Workers that cannot reach each other, and what is done for tasks that need data in spite of it.

A worker that got no answer from a holder says nothing about the holder, which others may reach: the
pair is noted as cut for a while, and no replica is given up. A task that needs the data goes to
another worker, or to the holder. Where none that may run it reaches all of its data, the data is
copied by way of a third worker, or computed again elsewhere, with what it is made of. If it cannot
be, it is waited for, and after some vain tries the task errs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import replicas, reports
from gdistributed.core.scheduler.offers import can_be_handed, can_hold
from gdistributed.core.scheduler.states import MEMORY

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord

OTHERS_MAX = 100
PLACES_MAX = 4
# What is asked for in vain so often is given up: data of clients after a minute; results, which may
# be had again once others are, after ten.
DATA_TRIES_MAX = 3
RESULT_TRIES_MAX = 6
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
    if known is not None and brain.now < known.until:
        return  # asked before that was known, or for something else: it is the same try
    tries = 1 if known is None else known.tries + 1
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
    """A ready task reaches its data on no worker that may run it; see to it for one of these.

    Best for the worker that is named, unless the task is to be elsewhere.
    """
    if brain.books.avoided.get(task) is worker and task.template is not None:
        eligible = islice(task.template.requirement.eligible, OTHERS_MAX)
        others = (each for each in eligible if each is not worker and each.takes_tasks)
        worker = next(others, worker)
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
    for worker in brain.books.copying.get(task, ()):
        is_between = worker is not target and reaches(brain, worker, task)
        if is_between and not is_cut(brain, target, worker):
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
    """Have a result computed again where it is reached; give it up after some vain tries."""
    for place in _reached_workers(brain, dependency, worker):
        lacking = _lacking(brain, dependency, place)
        if lacking is not None:
            for each in lacking:
                _compute_again(brain, each, place)
            return
    tries_max = DATA_TRIES_MAX if dependency.template is None else RESULT_TRIES_MAX
    cuts = [brain.cuts.get((worker, holder)) for holder in dependency.who_has]
    if all(cut is not None and cut.tries >= tries_max for cut in cuts):
        task.error = reports.data_unreachable(dependency, worker)
        brain.reconsider(task)


def _reached_workers(
    brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord
) -> Iterable[WorkerRecord]:
    """Return some that may run a task and from which a worker gets the result; first of all that
    itself."""
    if task.template is None or task.is_actor:
        return ()
    eligible = task.template.requirement.eligible
    found = (
        each
        for each in (worker, *islice(eligible, OTHERS_MAX))
        if each in eligible and each.is_open
    )
    return islice((each for each in found if not is_cut(brain, worker, each)), PLACES_MAX)


def _lacking(
    brain: SchedulerBrain, task: TaskRecord, place: WorkerRecord
) -> Collection[TaskRecord] | None:
    """Return all that has to be computed again for a task to be: itself, and of what it is made
    whatever the place does not reach. None if some of that cannot be computed there."""
    lacking = {task: None}
    stack = [task]
    while stack:
        each = stack.pop()
        template = each.template
        if template is None or each.is_actor or place not in template.requirement.eligible:
            return None
        for dependency in each.dependencies:
            is_there = dependency.state is not MEMORY or reaches(brain, place, dependency)
            if not is_there and dependency not in lacking:
                lacking[dependency] = None
                stack.append(dependency)
    return lacking


def _compute_again(brain: SchedulerBrain, task: TaskRecord, place: WorkerRecord) -> None:
    """Give the replicas of a result up, and have it computed at a place."""
    for holder in task.who_has:
        brain.books.avoided[task] = holder
        brain.books.remove_replica(task, holder)
        brain.workers.to(holder.id, len(task.key)).free.append(task.key)
    brain.moving.append((task, place))
    brain.reconsider(task)
