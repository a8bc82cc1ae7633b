"""Decisions: which ready task is handed out now, and to which worker.

Ready tasks wait at the scheduler. A worker has room while what it was handed would keep its
threads busy for less than `prefetch_s` and yield less than `prefetch_nbytes`, or is fewer than
`prefetch_tasks_min` tasks a thread: tiny tasks get a deep pipeline, long ones and those with large
results a shallow one. For each task a few workers with room and
the holders of its dependencies are weighed by expected wait and bytes to move; the cost of a
decision does not grow with the number of workers.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Final

from gdistributed.core.scheduler import reach, suspects
from gdistributed.core.scheduler.records import RequirementRecord, TaskRecord, WorkerRecord
from gdistributed.core.scheduler.runs import begin_run
from gdistributed.settings import NS, SchedulerSettings

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain

# So many workers are weighed where only their load tells them apart: a few choices are nearly as
# good as all (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
CHOICES: Final = 3


def hand_out(brain: SchedulerBrain) -> None:
    """Hand out ready tasks in the order of their ranks, while workers have room for them."""
    ready = [each for each in brain.books.requirements.values() if each.queue and each.idle]
    while ready:
        requirement = ready[0] if len(ready) == 1 else min(ready, key=_first_rank)
        most = brain.settings.candidates if requirement.queue[0][2].dependencies else CHOICES
        candidates = idle_candidates(requirement, brain.settings, most)
        task = brain.books.pop_ready(requirement) if candidates else None
        if task is None:
            ready.remove(requirement)
            continue
        _place(brain, task, requirement, candidates)
        if not (requirement.queue and requirement.idle):
            ready.remove(requirement)


def _place(
    brain: SchedulerBrain,
    task: TaskRecord,
    requirement: RequirementRecord,
    candidates: list[WorkerRecord],
) -> None:
    """Hand a task to the best worker; set it aside when none gets the data that it needs."""
    worker = preferred_worker(brain, task, requirement) or best_worker(
        brain, task, requirement, candidates
    )
    if (brain.cuts or brain.books.avoided) and not reach.suits(brain, worker, task):
        others = other_workers(brain, task, requirement, worker)
        if not others:
            reach.strand(brain, task, worker)
            return
        worker = min(others, key=lambda each: wait_ns(each) + transfer_ns(brain, task, each))
    if task.deaths:
        suspects.run_alone(brain, task, worker)
    else:
        begin_run(brain, task, worker)


def _first_rank(requirement: RequirementRecord) -> int:
    return requirement.queue[0][0]


def has_room(worker: WorkerRecord, settings: SchedulerSettings) -> bool:
    """Whether a worker takes tasks now, and is not far enough ahead yet."""
    return worker.is_open and (
        len(worker.processing) < worker.ahead_tasks
        or (
            worker.occupancy_ns < worker.ahead_ns
            and worker.expected_nbytes < settings.prefetch_nbytes
        )
    )


def fits(worker: WorkerRecord, requirement: RequirementRecord) -> bool:
    """Whether the resources that a task holds are free on a worker."""
    return all(
        worker.hello.resources.get(name, 0.0) - worker.resources_used.get(name, 0.0) >= amount
        for name, amount in requirement.resources
    )


def idle_candidates(
    requirement: RequirementRecord, settings: SchedulerSettings, most: int
) -> list[WorkerRecord]:
    """Return a few workers with room, and put them last in line."""
    idle = requirement.idle
    candidates: list[WorkerRecord] = []
    for _ in range(min(len(idle), most)):
        worker = next(iter(idle))
        if has_room(worker, settings) and (not requirement.resources or fits(worker, requirement)):
            idle.move_to_end(worker)
            candidates.append(worker)
        else:
            del idle[worker]
    return candidates


def regain_room(worker: WorkerRecord, settings: SchedulerSettings) -> None:
    """Put a worker back in line where its tasks have left room."""
    if has_room(worker, settings):
        for requirement in worker.requirements:
            if worker not in requirement.idle and (
                not requirement.resources or fits(worker, requirement)
            ):
                requirement.idle[worker] = None


def preferred_worker(
    brain: SchedulerBrain, task: TaskRecord, requirement: RequirementRecord
) -> WorkerRecord | None:
    """Return the best of the workers that are to be asked first and have room; None for none."""
    if task.template is None or not task.template.preferred:
        return None
    called = brain.books.called
    preferred = {
        worker: None
        for word in task.template.preferred
        for worker in called.get(word, ())
        if worker in requirement.eligible
        and has_room(worker, brain.settings)
        and fits(worker, requirement)
    }
    return best_worker(brain, task, requirement, list(preferred)) if preferred else None


def best_worker(
    brain: SchedulerBrain,
    task: TaskRecord,
    requirement: RequirementRecord,
    candidates: list[WorkerRecord],
) -> WorkerRecord:
    """Return the worker on which a task is expected to start first.

    A holder of dependencies is weighed even when it has no room: to wait for it may be cheaper
    than to move the data.
    """
    if not task.dependencies:
        return candidates[0] if len(candidates) == 1 else min(candidates, key=wait_ns)
    weighed, most = dict.fromkeys(candidates), brain.settings.candidates
    for dependency in task.dependencies:
        for holder in dependency.who_has[:most]:
            if (
                holder not in weighed
                and holder.is_open
                and holder in requirement.eligible
                and (not requirement.resources or fits(holder, requirement))
            ):
                weighed[holder] = None
        if len(weighed) > most * 2:
            break
    if len(weighed) == 1:
        return candidates[0]
    return min(weighed, key=lambda worker: wait_ns(worker) + transfer_ns(brain, task, worker))


def other_workers(
    brain: SchedulerBrain, task: TaskRecord, requirement: RequirementRecord, unsuited: WorkerRecord
) -> list[WorkerRecord]:
    """Return workers that suit a task better than one that was chosen, whether or not they have
    room; that one itself if there are none and it gets all that the task needs."""
    holders = (each for dependency in task.dependencies for each in dependency.who_has)
    found = [
        worker
        for worker in dict.fromkeys((*islice(requirement.eligible, reach.OTHERS_MAX), *holders))
        if worker.is_open
        and worker in requirement.eligible
        and fits(worker, requirement)
        and reach.suits(brain, worker, task)
    ]
    is_fed = all(reach.reaches(brain, unsuited, each) for each in task.dependencies)
    return found or ([unsuited] if is_fed else [])


def wait_ns(worker: WorkerRecord) -> float:
    """Return how long a new task would wait on a worker for a thread; nobody knows if all go on."""
    return worker.occupancy_ns / worker.threads if worker.threads else math.inf


def transfer_ns(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> float:
    """Return how long it takes until all that a task needs is on a worker.

    What is handed over with the task takes nothing; the rest comes after what is on its way.
    """
    seconds = 0.0
    arrivals = worker.arrivals
    for dependency in task.dependencies:
        if dependency not in worker.has and not dependency.value:
            holders = dependency.who_has
            bandwidth = brain.bandwidths.between(holders[0].host if holders else "", worker.host)
            if not seconds:
                seconds = brain.settings.latency_s + arrivals.nbytes / bandwidth
            if dependency not in arrivals.needed_by:
                seconds += dependency.nbytes / bandwidth
    return seconds * NS
