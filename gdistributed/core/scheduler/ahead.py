"""A task follows the one that it needs to the worker that computes that, before it is done.

So a chain of short tasks does not come back to the scheduler between two of its links. The worker
waits for its own result and begins the next run by itself. Only a task that alone needs its
dependencies follows them: of many that need one result, each may be better off elsewhere. Only
short tasks are followed, and they fill half of the room that a worker has, at most: so what takes
longer than it ever did keeps few others waiting.

A task that followed is called back when the run of what it needs brings no result there.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from gdistributed.core.scheduler import placement, runs
from gdistributed.core.scheduler.states import MEMORY, PROCESSING, WAITING
from gdistributed.settings import NS

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord

LOOKED_AT_MAX: Final = 16
CALLED_BACK: Final = "called back: what it needs does not come there"


def hand_out(brain: SchedulerBrain) -> None:
    """Hand out what may follow, to workers that have room though nothing is ready for them."""
    books = brain.books
    followed, books.followed = books.followed, {}
    for worker in followed:
        if worker.waits_for_runs and _has_room(brain, worker):
            for task in list(islice(reversed(worker.processing), LOOKED_AT_MAX)):
                _hand_out_after(brain, task, worker)
    books.followed.clear()  # of those that were handed out here


def call_back(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Take back what followed a task: its result does not come as was thought."""
    for dependent in task.dependents or ():
        if dependent.state is PROCESSING and (worker := dependent.processing_on) is not None:
            brain.events.remark(brain.now, dependent.key, CALLED_BACK, worker.name)
            runs.take_back(brain, dependent)


def _hand_out_after(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> None:
    """Hand out the tasks that follow one, each alone upon the next."""
    while (follower := _only_dependent(task)) is not None:
        if not (_has_room(brain, worker) and _may_follow(brain, follower, worker)):
            return
        runs.begin_run(brain, follower, worker)
        task = follower


def _only_dependent(task: TaskRecord) -> TaskRecord | None:
    dependents = task.dependents
    return next(iter(dependents)) if dependents and len(dependents) == 1 else None


def _has_room(brain: SchedulerBrain, worker: WorkerRecord) -> bool:
    """Whether a worker takes tasks now, and has half of its room left."""
    return (
        worker.occupancy_ns * 2 < worker.ahead_ns
        and worker.expected_nbytes * 2 < brain.settings.prefetch_nbytes
        and placement.has_room(worker, brain.settings)
    )


def _may_follow(brain: SchedulerBrain, task: TaskRecord, worker: WorkerRecord) -> bool:
    """Whether a task may run on a worker, which has or will have all that it needs."""
    template = task.template
    if task.state is not WAITING or template is None:
        return False
    requirement = template.requirement
    return (
        0 < template.prefix.duration_ns < brain.settings.follow_s * NS
        and worker in requirement.eligible
        and not requirement.resources
        and not (template.preferred or task.is_actor or task.deaths)
        and task not in brain.books.avoided
        and all(_will_have(brain, worker, each) for each in task.dependencies)
    )


def _will_have(brain: SchedulerBrain, worker: WorkerRecord, task: TaskRecord) -> bool:
    """Whether a worker has a result, or computes it soon for one dependent alone."""
    if task.state is MEMORY:
        return task in worker.has
    return (
        task in worker.processing
        and task not in worker.revoked
        and not task.is_actor
        and task.expected_ns < brain.settings.follow_s * NS
        and _only_dependent(task) is not None
    )
