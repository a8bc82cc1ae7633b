"""Copies of results: several of one, an even spread of all, and workers that leave without a loss.

A copy is asked of the worker that is to have it, which fetches it from a holder. When it has come,
the replica that it replaces, if any, is freed. A worker that retires gets nothing new, gives back
what it has not begun, and is told goodbye once all it alone held lies elsewhere.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import liveness, reports
from gdistributed.core.scheduler.offers import can_hold
from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord
from gdistributed.core.scheduler.states import MEMORY

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain

AT_ONCE = 100
# A worker counts as balanced when it holds this much more than the mean, at most.
SLACK = 1.05

Copy = tuple[TaskRecord, WorkerRecord]


@dataclass(slots=True)
class Retirement:
    """What a worker that leaves still has to do.

    Attributes
    ----------
    todo
        Results of which it has not been seen to whether they lie elsewhere.
    leaves_anyway
        It will end in any case: what has nowhere to go is lost with it.
    is_told
        It was told goodbye.
    """

    todo: dict[TaskRecord, None] = field(default_factory=dict)
    leaves_anyway: bool = False
    is_told: bool = False


# Copies


def copy(
    brain: SchedulerBrain,
    task: TaskRecord,
    target: WorkerRecord,
    instead_of: WorkerRecord | None = None,
) -> None:
    """Have a worker copy a result; when it has come, another replica may be freed."""
    targets = brain.books.copying.setdefault(task, {})
    if target not in targets:
        targets[target] = instead_of
        reports.say_fetch(brain, target, task)


def arrived(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> None:
    """A worker has stored a result that came from elsewhere."""
    targets = brain.books.copying.get(task)
    if targets is None or worker not in targets:
        return
    origin = _end_copy(brain, task, worker)
    brain.events.note(brain.now, "data", task.key, "", "copied", worker=worker.name)
    if origin is not None and origin in task.who_has and len(task.who_has) > 1:
        brain.books.remove_replica(task, origin)
        brain.workers.to(origin.id, len(task.key)).free.append(task.key)


def failed(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> None:
    """A worker could not get a result that it was to copy."""
    targets = brain.books.copying.get(task)
    if targets is None or worker not in targets:
        return
    origin = _end_copy(brain, task, worker)
    brain.events.note(brain.now, "data", task.key, "", "not copied", worker=worker.name)
    if origin is not None and origin in brain.retiring:
        brain.retiring[origin].todo[task] = None


def _end_copy(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> WorkerRecord | None:
    targets = brain.books.copying[task]
    origin = targets.pop(worker)
    if not targets:
        del brain.books.copying[task]
    return origin


def released(brain: SchedulerBrain, task: TaskRecord) -> None:
    """A result is wanted no longer, or lost: copies of it that are under way are for nothing."""
    for target in brain.books.copying.pop(task, {}):
        batch = brain.workers.after(target.id, "fetch", nbytes=len(task.key))
        batch.free.append(task.key)


def worker_lost(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A worker is gone, with the copies that it was to have."""
    brain.retiring.pop(worker, None)
    for task in [task for task, targets in brain.books.copying.items() if worker in targets]:
        failed(brain, task, worker)


# What people ask for


def replicate(
    brain: SchedulerBrain, tasks: Iterable[TaskRecord], count: int, among: list[WorkerRecord]
) -> list[Copy]:
    """Have results lie on so many workers each; return the copies that this takes.

    The workers that hold least are filled first. Linear in the copies, times the logarithm of the
    number of workers.
    """
    heap = [(worker.held_nbytes, worker.number, worker) for worker in among if worker.takes_tasks]
    heapq.heapify(heap)
    copies = []
    for task in tasks:
        if task.state is not MEMORY or task.is_actor:
            continue
        coming = brain.books.copying.get(task, {})
        missing = count - sum(1 for each in task.who_has if each in among) - len(coming)
        passed_over = []
        while heap and missing > 0:
            nbytes, number, worker = heapq.heappop(heap)
            if worker in task.who_has or worker in coming or not can_hold(worker, task):
                passed_over.append((nbytes, number, worker))
                continue
            copy(brain, task, worker)
            copies.append((task, worker))
            passed_over.append((nbytes + task.nbytes, number, worker))
            missing -= 1
        for entry in passed_over:
            heapq.heappush(heap, entry)
    return copies


def rebalance(
    brain: SchedulerBrain, tasks: set[TaskRecord] | None, among: list[WorkerRecord]
) -> list[Copy]:
    """Move results from workers that hold more than the mean to those that hold less.

    Parameters
    ----------
    tasks
        What may be moved; None means everything.
    among
        The workers between which it is moved.
    """
    nbytes = {worker: worker.held_nbytes for worker in among if worker.takes_tasks}
    if len(nbytes) < 2:
        return []
    mean = sum(nbytes.values()) / len(nbytes)
    light = [(held, worker.number, worker) for worker, held in nbytes.items() if held < mean]
    heapq.heapify(light)
    copies: list[Copy] = []
    for worker in sorted(nbytes, key=lambda each: -nbytes[each]):
        for task in list(worker.has):
            if nbytes[worker] <= mean * SLACK or not light:
                break
            if (tasks is not None and task not in tasks) or task in brain.books.copying:
                continue
            if task.is_actor:
                continue  # it lives where it is
            held, number, target = light[0]
            if not can_hold(target, task):
                continue
            if target in task.who_has or held + task.nbytes > nbytes[worker] - task.nbytes / 2:
                continue  # the move would make it no more even
            copy(brain, task, target, instead_of=worker)
            copies.append((task, target))
            nbytes[worker] -= task.nbytes
            heapq.heapreplace(light, (held + task.nbytes, number, target))
    return copies


# Workers that leave


def retire(brain: SchedulerBrain, worker: WorkerRecord, leaves_anyway: bool = False) -> None:
    """Have a worker leave once nothing is lost with it."""
    retirement = brain.retiring.get(worker)
    if retirement is not None:
        retirement.leaves_anyway |= leaves_anyway
        return
    brain.retiring[worker] = Retirement(dict(worker.has), leaves_anyway)
    brain.events.note(brain.now, "worker", worker.name, "", "retiring")
    liveness.refresh(brain, worker)
    for task in worker.processing:
        if task not in worker.started and task not in worker.revoked:
            worker.revoked[task] = None
            reports.say_revoke(brain, worker, task)


def stay(brain: SchedulerBrain, worker: WorkerRecord) -> None:
    """A worker that was to leave stays after all."""
    retirement = brain.retiring.get(worker)
    if retirement is not None and not retirement.is_told and not retirement.leaves_anyway:
        del brain.retiring[worker]
        liveness.refresh(brain, worker)


def advance(brain: SchedulerBrain) -> None:
    """Copy what workers that leave alone hold, and say goodbye to those that are done."""
    for worker, retirement in brain.retiring.items():
        targets = None
        for task in list(retirement.todo):
            lies_elsewhere = any(each not in brain.retiring for each in task.who_has)
            if task not in worker.has or lies_elsewhere or task.is_actor:
                del retirement.todo[task]
                continue
            if len(brain.books.copying) >= AT_ONCE:
                break
            targets = targets or [each for each in brain.books.workers.values() if each.takes_tasks]
            if not targets:
                break
            able = [each for each in targets if can_hold(each, task)]
            if not able and not retirement.leaves_anyway:
                break
            del retirement.todo[task]
            if not able:
                continue  # lost with its worker, and computed again if it is needed
            target = min(able, key=lambda each: each.held_nbytes)
            copy(brain, task, target, instead_of=worker)
        if not retirement.is_told and _is_done(brain, worker, retirement):
            retirement.is_told = True
            brain.workers.to(worker.id).goodbye.reason = "retired"


def _is_done(brain: SchedulerBrain, worker: WorkerRecord, retirement: Retirement) -> bool:
    if any(worker in targets.values() for targets in brain.books.copying.values()):
        return False
    has_nowhere = not any(each.takes_tasks for each in brain.books.workers.values())
    if has_nowhere and retirement.leaves_anyway:
        return not worker.processing
    return not (worker.processing or worker.seceded or retirement.todo)
