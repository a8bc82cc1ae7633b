"""A worker has run dry: tasks that others were handed and have not begun are taken back for it.

The worker that has a task is asked to give it back; it may have begun it meanwhile, and says so.
Only what would begin earlier elsewhere is moved, what it takes to move its data included. A step
looks at a few workers and a few of their tasks, so that its cost does not grow with the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import placement, reach, reports
from gdistributed.core.scheduler.runs import begin_run
from gdistributed.core.scheduler.states import QUEUED
from gdistributed.settings import NS

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord

LOOKED_AT_MAX = 16


def balance(brain: SchedulerBrain) -> None:
    """Ask workers that have more than they can begin for some of it, for those that lack work."""
    victims = sorted(_victims(brain), key=placement.wait_ns, reverse=True)
    dry = brain.books.dry
    for _ in range(min(len(dry), brain.settings.candidates) if victims else 0):
        thief = next(iter(dry))
        dry.move_to_end(thief)
        if thief.is_open:
            _steal_for(brain, thief, victims)


def hand_over(brain: SchedulerBrain) -> None:
    """Begin what was given back on the workers for which it was taken."""
    moving, brain.moving = brain.moving, []
    for task, thief in moving:
        if task.state is not QUEUED or task in brain.books.reserved:
            continue
        is_there = brain.books.workers.get(thief.id) is thief
        if is_there and thief.is_open and _may_run(brain, thief, task):
            brain.books.leave_queue(task)
            begin_run(brain, task, thief)


def _steal_for(brain: SchedulerBrain, thief: WorkerRecord, victims: list[WorkerRecord]) -> None:
    """Take back for a worker as many tasks as it has threads, at most, from the most loaded."""
    missing = thief.threads - len(thief.processing)
    for victim in victims:
        for task in list(_can_be_taken(brain, victim, thief)):
            victim.revoked[task] = thief
            reports.say_revoke(brain, victim, task)
            missing -= 1
            if not missing:
                del brain.books.dry[thief]  # until it is answered, or has had something to do
                return


def _victims(brain: SchedulerBrain) -> Iterator[WorkerRecord]:
    """Yield a few workers whose tasks may wait too long, and put them last in line."""
    loaded = brain.books.loaded
    gain_ns = brain.settings.steal_gain_s * NS
    for _ in range(min(len(loaded), brain.settings.candidates)):
        worker = next(iter(loaded))
        if len(worker.processing) > worker.threads:
            loaded.move_to_end(worker)
            is_heard = worker.is_connected and worker.is_responsive
            if is_heard and _expected_wait_ns(brain, worker) > gain_ns:
                yield worker
        else:
            del loaded[worker]


def _can_be_taken(
    brain: SchedulerBrain, victim: WorkerRecord, thief: WorkerRecord
) -> Iterator[TaskRecord]:
    """Yield tasks, the last ones first, that a worker has not begun and another would sooner."""
    waiting = len(victim.processing) - victim.threads - len(victim.revoked)
    wait_ns = _expected_wait_ns(brain, victim)
    gain_ns = brain.settings.steal_gain_s * NS
    for task in islice(reversed(victim.processing), LOOKED_AT_MAX):
        wait_ns -= task.expected_ns / (victim.threads or 1)
        if waiting <= 0 or wait_ns <= gain_ns:
            return  # those before it wait less
        if task in victim.revoked or task in victim.started or not _may_run(brain, thief, task):
            continue
        if wait_ns - placement.transfer_ns(brain, task, thief) > gain_ns:
            waiting -= 1
            yield task


def _expected_wait_ns(brain: SchedulerBrain, worker: WorkerRecord) -> float:
    """Return how long a worker needs for what it has.

    One that has ended nothing for long will not soon, whatever was expected.
    """
    return max(placement.wait_ns(worker), (brain.now - worker.busy_since) * NS)


def _may_run(brain: SchedulerBrain, worker: WorkerRecord, task: TaskRecord) -> bool:
    if task.template is None or task.deaths or task.waiting_on:
        return False
    requirement = task.template.requirement
    return (
        worker in requirement.eligible
        and placement.fits(worker, requirement)
        and reach.suits(brain, worker, task)
    )
