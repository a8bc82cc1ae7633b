"""Why a task is not running, or what became of it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from gdistributed.core.scheduler.records import RequirementRecord, TaskRecord, WorkerRecord
from gdistributed.core.scheduler.states import (
    ERRED,
    MEMORY,
    NO_WORKER,
    PROCESSING,
    QUEUED,
    WAITING,
)
from gdistributed.v1 import worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.books import Books

NAMED_AT_MOST = 5
PAUSED = worker_pb2.WORKER_STATUS_PAUSED


def explain(books: Books, task: TaskRecord) -> str:
    """Say in a sentence or two why a task is not running, or what became of it."""
    if task.state is WAITING:
        return f"It waits for {_what_is_lacking(task)}."
    if task in books.stranded:
        return _explain_stranded(task)
    if task.state is QUEUED:
        return _explain_queued(task)
    if task.state is NO_WORKER:
        return _explain_no_worker(books, task)
    if task.state is PROCESSING and task.processing_on is not None:
        worker = task.processing_on
        where = f"worker {worker.name!r} at {worker.address}"
        if task in worker.seceded:
            return f"It runs on {where}, and has left its thread to others while it waits."
        if task.waiting_on:
            lacking = _what_is_lacking(task)
            return f"It was handed to {where}, and waits for what is computed there: {lacking}."
        place = next(i for i, each in enumerate(worker.processing) if each is task)
        if place < worker.threads:
            return f"It was handed to {where} and should be running there."
        if worker.abandoned:
            kept = f"of whose {worker.nthreads} threads cancelled tasks that go on keep"
            return f"It was handed to {where}, {kept} {worker.abandoned}; {place} came before it."
        return f"It was handed to {where}, where {place} tasks were handed before it."
    if task.state is MEMORY:
        holders = ", ".join(worker.address for worker in task.who_has[:NAMED_AT_MOST])
        return f"It is done; its result ({task.nbytes} bytes) lies on {holders}."
    if task.state is ERRED and task.error is not None:
        where = "" if task.error.key == task.key else f" in the task {task.error.key!r}"
        return f"It failed{where}: {task.error.type}: {task.error.message}"
    return "It is known, but nobody asks for its result."


def _what_is_lacking(task: TaskRecord) -> str:
    lacking = [each for each in task.dependencies if not each.who_has]
    named = ", ".join(f"{each.key!r} ({each.state})" for each in lacking[:NAMED_AT_MOST])
    more = len(lacking) - NAMED_AT_MOST
    return f"{named} and {more} more" if more > 0 else named


def _explain_queued(task: TaskRecord) -> str:
    assert task.template is not None
    requirement = task.template.requirement
    before = sum(1 for entry in requirement.queue if entry[0] < task.rank)
    count = len(requirement.eligible)
    if all(worker.status == PAUSED for worker in requirement.eligible):
        paused = f"are paused for want of {_wanting(requirement.eligible)}"
        return f"It is ready, but all {count} workers that may run it {paused}."
    named = [_hindrance(worker, requirement) for worker in islice(requirement.eligible, 3)]
    more = f"; there are {count - len(named)} more" if count > len(named) else ""
    tasks = "1 task comes" if before == 1 else f"{before or 'no'} tasks come"
    return (
        f"It is ready and waits for a turn: {tasks} before it. "
        f"Of those that may run it, {', '.join(named)}{more}."
    )


def _wanting(paused: Iterable[WorkerRecord]) -> str:
    """Say what workers lack that are paused."""
    metrics = [worker.metrics for worker in paused if worker.metrics is not None]
    return "memory and disk" if any(each.disk_trouble for each in metrics) else "memory"


def _hindrance(worker: WorkerRecord, requirement: RequirementRecord) -> str:
    """Say why a worker does not take a task now."""
    if not worker.is_connected:
        return f"{worker.name!r} is away"
    if not worker.is_responsive:
        return f"{worker.name!r} does not respond"
    if worker.status == PAUSED:
        return f"{worker.name!r} is paused for want of {_wanting([worker])}"
    resources = worker.hello.resources
    for name, amount in requirement.resources:
        if resources.get(name, 0.0) - worker.resources_used.get(name, 0.0) < amount:
            return f"{worker.name!r} has the resource {name!r} booked for others"
    running = next(iter(worker.processing), None)
    return f"{worker.name!r} is busy" + (f" with {running.key!r}" if running else "")


def _explain_stranded(task: TaskRecord) -> str:
    needed = ", ".join(
        f"{each.key!r} on {' and '.join(holder.address for holder in each.who_has)}"
        for each in task.dependencies[:NAMED_AT_MOST]
    )
    return (
        f"It is ready, but no worker that may run it gets an answer from those that have {needed}."
    )


def _explain_no_worker(books: Books, task: TaskRecord) -> str:
    if not books.workers:
        return "It is ready, but the cluster has no workers."
    assert task.template is not None
    needs = "; ".join(_needs(task.template.requirement))
    return (
        f"It is ready, but none of the {len(books.workers)} workers may run it: it needs {needs}."
    )


def _needs(requirement: RequirementRecord) -> Iterator[str]:
    yield f"the runtime {requirement.runtime!r}"
    if requirement.function_name:
        yield f"the function {requirement.function_name!r}"
    if requirement.workers:
        yield f"one of the workers {', '.join(requirement.workers)}"
    for name, amount in requirement.resources:
        yield f"{amount:g} of the resource {name!r}"
    for word in requirement.requires:
        yield f"the capability {word!r}"
