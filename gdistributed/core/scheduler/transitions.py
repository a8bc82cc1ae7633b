"""The states of a task: what follows from the facts, and one function for each edge.

Rules of this file. An event changes facts (who holds a result, which worker a task is on, whether
it failed, who wants it) and puts the task on the worklist. `next_state` reads the facts and says
which state follows; the edge does what the change entails, and may put further tasks on the
worklist, but changes no other task's state and takes no decisions. The only edges that are no
consequence are those to processing: these are decisions, taken by `placement` and `ahead`. A pair
of states without an edge is a bug of ours and raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from gdistributed.core.scheduler import ahead, replicas, reports
from gdistributed.core.scheduler.explaining import explain
from gdistributed.core.scheduler.records import TaskRecord
from gdistributed.core.scheduler.runs import call_off
from gdistributed.core.scheduler.states import (
    ACTIVE,
    ERRED,
    FORGOTTEN,
    MEMORY,
    NO_WORKER,
    PROCESSING,
    QUEUED,
    RELEASED,
    WAITING,
    State,
)

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain

Edge = Callable[["SchedulerBrain", TaskRecord], None]


def next_state(task: TaskRecord) -> State:
    """Return the state that follows from a task's facts; its own when nothing is to change.

    The hottest function of the scheduler, hence in one piece.
    """
    state = task.state
    is_needed = task.wanted_by or task.waiters
    if state is PROCESSING:
        if task.who_has:
            return MEMORY
        if task.error is not None:
            return ERRED
        if not is_needed:
            return RELEASED
        return PROCESSING if task.processing_on is not None else WAITING
    if state is MEMORY:
        return MEMORY if task.who_has and is_needed else RELEASED
    if state is RELEASED:
        if task.who_has:
            return MEMORY  # if nobody needs it, from there it is freed
        if is_needed:
            return WAITING
        return RELEASED if task.dependents else FORGOTTEN
    if not is_needed:
        return RELEASED
    if state is ERRED:
        return ERRED if task.error is not None and not task.who_has else RELEASED
    if task.who_has:
        return MEMORY
    if task.error is not None:
        return ERRED
    if task.waiting_on:
        return WAITING
    assert task.template is not None
    return QUEUED if task.template.requirement.eligible else NO_WORKER


# Edges


def released_to_waiting(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Hold on to the dependencies, and have those computed that are not."""
    if task.template is None:
        task.error = reports.data_lost(task)
    for dependency in task.dependencies:
        dependency.waiters += 1
        state = dependency.state
        if state is not MEMORY:  # by its state: its facts may be ahead of its edges
            task.waiting_on += 1
            if dependency.error is not None:
                task.error = dependency.error
            if state is RELEASED:
                brain.reconsider(dependency)
            elif dependency.processing_on is not None:
                brain.books.followed[dependency.processing_on] = None


def released_to_memory(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Data came from a client."""
    _tell(brain, task)


def released_to_forgotten(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Nothing needs it and nothing could need it."""
    dependencies = task.dependencies
    brain.books.forget_task(task)
    for dependency in dependencies:
        if not dependency.dependents:
            brain.reconsider(dependency)


def waiting_to_queued(brain: SchedulerBrain, task: TaskRecord) -> None:
    """All it needs is in memory: wait for a turn."""
    _enter_queue(brain, task)


def waiting_to_no_worker(brain: SchedulerBrain, task: TaskRecord) -> None:
    """All it needs is in memory, but nobody here may run it."""
    assert task.template is not None
    requirement = task.template.requirement
    requirement.unrunnable[task] = brain.now
    if brain.books.workers and not requirement.is_warned_of:
        requirement.is_warned_of = True
        brain.warnings.append((task.key, explain(brain.books, task)))
    timeout_s = brain.settings.no_worker_timeout_s
    if timeout_s is not None:
        brain.agenda.at(brain.now + timeout_s, _give_up_waiting, brain, task, brain.now)


def _give_up_waiting(brain: SchedulerBrain, task: TaskRecord, since: float) -> None:
    """No worker came for a task in time, if it has waited ever since."""
    if task.state is not NO_WORKER or task.template is None:
        return
    if task.template.requirement.unrunnable.get(task) == since:
        task.error = reports.no_worker(task, explain(brain.books, task))
        brain.reconsider(task)


def queued_to_waiting(brain: SchedulerBrain, task: TaskRecord) -> None:
    """A dependency was lost."""
    _leave_queue(brain, task)


def queued_to_no_worker(brain: SchedulerBrain, task: TaskRecord) -> None:
    """The last worker that may run it is gone."""
    _leave_queue(brain, task)
    waiting_to_no_worker(brain, task)


def queued_to_processing(brain: SchedulerBrain, task: TaskRecord) -> None:
    """It was decided who runs it, and noted in the books; who decided tells the worker."""
    assert task.template is not None
    prefix = task.template.prefix
    prefix.queued_s += brain.now
    prefix.handed_s -= brain.now


def waiting_to_processing(brain: SchedulerBrain, task: TaskRecord) -> None:
    """It follows what it needs to the worker that computes that; noted and told as the others."""
    assert task.template is not None
    task.template.prefix.handed_s -= brain.now


def no_worker_to_queued(brain: SchedulerBrain, task: TaskRecord) -> None:
    """A worker came that may run it."""
    _leave_unrunnable(brain, task)
    _enter_queue(brain, task)


def no_worker_to_waiting(brain: SchedulerBrain, task: TaskRecord) -> None:
    """A dependency was lost."""
    _leave_unrunnable(brain, task)


def processing_to_waiting(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Its run came to nothing: run it again."""
    _end_hand_out(brain, task)
    ahead.call_back(brain, task)
    brain.reconsider(task)


def waiting_to_released(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Nobody needs it any more."""
    _let_go_unharmed(brain, task)


def queued_to_released(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Nobody needs it any more."""
    _leave_queue(brain, task)
    _let_go_unharmed(brain, task)


def no_worker_to_released(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Nobody needs it any more."""
    _leave_unrunnable(brain, task)
    _let_go_unharmed(brain, task)


def processing_to_released(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Nobody needs it any more: call it off."""
    _call_off(brain, task)
    _let_go_unharmed(brain, task)


def waiting_to_memory(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Its result came from elsewhere."""
    _let_go_unharmed(brain, task)
    _tell(brain, task)


def queued_to_memory(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Its result came from elsewhere."""
    _leave_queue(brain, task)
    waiting_to_memory(brain, task)


def no_worker_to_memory(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Its result came from elsewhere."""
    _leave_unrunnable(brain, task)
    waiting_to_memory(brain, task)


def processing_to_memory(brain: SchedulerBrain, task: TaskRecord) -> None:
    """It is done."""
    _call_off(brain, task)
    _let_go_unharmed(brain, task)
    _tell(brain, task)


def memory_to_released(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Nobody needs it any more, or its last replica is lost."""
    books = brain.books
    for worker in task.who_has:
        brain.workers.to(worker.id, len(task.key)).free.append(task.key)
        books.remove_replica(task, worker)
    if task.value:
        books.drop_value(task)
    if task.error is not None and not task.is_needed:
        task.error = None  # of an actor that is lost, but by now nobody misses it
    if task in books.copying:
        replicas.released(brain, task)
    if books.crowds:
        books.crowds.pop(task, None)
    for dependent in task.dependents or ():
        if dependent.state in ACTIVE:
            dependent.waiting_on += 1
            brain.reconsider(dependent)
    for client in task.wanted_by:
        reports.say_lost(brain, client, task)


def waiting_to_erred(brain: SchedulerBrain, task: TaskRecord) -> None:
    """A dependency erred."""
    _let_go(brain, task)
    _pass_error_on(brain, task)


def queued_to_erred(brain: SchedulerBrain, task: TaskRecord) -> None:
    """It was given up while it waited for its turn."""
    _leave_queue(brain, task)
    waiting_to_erred(brain, task)


def no_worker_to_erred(brain: SchedulerBrain, task: TaskRecord) -> None:
    """It was given up while nobody could run it."""
    _leave_unrunnable(brain, task)
    waiting_to_erred(brain, task)


def processing_to_erred(brain: SchedulerBrain, task: TaskRecord) -> None:
    """It failed, and is not to be run again."""
    _call_off(brain, task)
    waiting_to_erred(brain, task)


def erred_to_released(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Nobody asks for it any more, or it is to be tried again."""
    task.error = None
    task.failures, task.deaths = 0, ()
    brain.reconsider(task)


# What several edges have in common


def _tell(brain: SchedulerBrain, task: TaskRecord) -> None:
    for dependent in task.dependents or ():
        if dependent.state in ACTIVE:
            dependent.waiting_on -= 1
            if not dependent.waiting_on:
                brain.reconsider(dependent)
    if task.wanted_by:
        report = reports.finished_report(task) if brain.report is None else brain.report
        for client in task.wanted_by:
            reports.say_finished(brain, client, task, report)


def _let_go(brain: SchedulerBrain, task: TaskRecord) -> None:
    task.waiting_on = 0
    for dependency in task.dependencies:
        dependency.waiters -= 1
        if not dependency.waiters and not dependency.wanted_by:
            brain.reconsider(dependency)


def _let_go_unharmed(brain: SchedulerBrain, task: TaskRecord) -> None:
    """Let go of the dependencies, and of an error that came too late to matter."""
    task.error = None
    _let_go(brain, task)


def _enter_queue(brain: SchedulerBrain, task: TaskRecord) -> None:
    assert task.template is not None
    task.template.prefix.queued_s -= brain.now
    brain.books.push_ready(task)


def _leave_queue(brain: SchedulerBrain, task: TaskRecord) -> None:
    assert task.template is not None
    task.template.prefix.queued_s += brain.now
    brain.books.leave_queue(task)


def _end_hand_out(brain: SchedulerBrain, task: TaskRecord) -> None:
    assert task.template is not None
    task.template.prefix.handed_s += brain.now


def _call_off(brain: SchedulerBrain, task: TaskRecord) -> None:
    _end_hand_out(brain, task)
    if call_off(brain, task):
        ahead.call_back(brain, task)


def _leave_unrunnable(brain: SchedulerBrain, task: TaskRecord) -> None:
    assert task.template is not None
    task.template.requirement.unrunnable.pop(task, None)


def _pass_error_on(brain: SchedulerBrain, task: TaskRecord) -> None:
    for dependent in task.dependents or ():
        if dependent.state in ACTIVE:
            dependent.error = task.error
            brain.reconsider(dependent)
    for client in task.wanted_by:
        reports.say_erred(brain, client, task)


TRANSITIONS: Final[dict[tuple[State, State], Edge]] = {
    (RELEASED, WAITING): released_to_waiting,  # somebody needs it
    (RELEASED, MEMORY): released_to_memory,  # a client brought it
    (RELEASED, FORGOTTEN): released_to_forgotten,
    (WAITING, QUEUED): waiting_to_queued,  # its last dependency is in memory
    (WAITING, NO_WORKER): waiting_to_no_worker,
    (WAITING, PROCESSING): waiting_to_processing,  # handed ahead of what it needs
    (WAITING, RELEASED): waiting_to_released,
    (WAITING, MEMORY): waiting_to_memory,
    (WAITING, ERRED): waiting_to_erred,
    (QUEUED, PROCESSING): queued_to_processing,  # handed to a worker
    (QUEUED, WAITING): queued_to_waiting,
    (QUEUED, NO_WORKER): queued_to_no_worker,
    (QUEUED, RELEASED): queued_to_released,
    (QUEUED, MEMORY): queued_to_memory,
    (QUEUED, ERRED): queued_to_erred,
    (NO_WORKER, QUEUED): no_worker_to_queued,  # a worker came
    (NO_WORKER, WAITING): no_worker_to_waiting,
    (NO_WORKER, RELEASED): no_worker_to_released,
    (NO_WORKER, MEMORY): no_worker_to_memory,
    (NO_WORKER, ERRED): no_worker_to_erred,
    (PROCESSING, MEMORY): processing_to_memory,  # reported finished
    (PROCESSING, ERRED): processing_to_erred,  # reported failed
    (PROCESSING, WAITING): processing_to_waiting,  # its worker is gone
    (PROCESSING, RELEASED): processing_to_released,
    (MEMORY, RELEASED): memory_to_released,
    (ERRED, RELEASED): erred_to_released,
}
