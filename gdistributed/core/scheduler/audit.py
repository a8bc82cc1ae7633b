"""Recount everything and compare: the books must agree with themselves.

For tests, the simulator, and `gd debug`. Linear in all records. The numbers in brackets are those
of the invariants that a scheduler of this kind has to keep; each message names the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gdistributed.core.scheduler.offers import Offers
from gdistributed.core.scheduler.records import ClientRecord, TaskRecord, WorkerRecord
from gdistributed.core.scheduler.states import (
    ACTIVE,
    ERRED,
    FORGOTTEN,
    MEMORY,
    NO_WORKER,
    PROCESSING,
    QUEUED,
    WAITING,
)
from gdistributed.core.scheduler.transitions import next_state
from gdistributed.errors import InvariantBroken

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain


def audit(brain: SchedulerBrain) -> None:
    """Raise if anything is wrong.

    Raises
    ------
    InvariantBroken
        With all that was found, a line each.
    """
    found = list(_findings(brain))
    if found:
        raise InvariantBroken("\n".join(found))


def _findings(brain: SchedulerBrain) -> Iterator[str]:
    books = brain.books
    waiting = set(brain.releases.waiting)
    graphs = [graph for client in books.clients.values() for graph in client.open_graphs.values()]
    awaited = Counter(task for graph in graphs for task in graph.awaited)
    yield from brain.output.findings()
    for key, task in books.tasks.items():
        if task.key != key:
            yield f"{task} is entered as {key!r}"
        if next_state(task) is not task.state and task not in waiting:
            yield f"{task} should be {next_state(task)}"
        yield from _about_task(brain, task, awaited[task])
    for task in awaited:
        if books.tasks.get(task.key) is not task:
            yield f"{task} is needed by a graph that has not come whole, and is forgotten"
    for worker in books.workers.values():
        yield from _about_worker(brain, worker)
    for task, targets in books.copying.items():
        if task.state is not MEMORY or books.tasks.get(task.key) is not task:
            yield f"{task} is being copied"
        for target in targets:
            if books.workers.get(target.id) is not target:
                yield f"{task} is being copied to {target}, which is gone"
    for task, crowd in books.crowds.items():
        if task.state is not MEMORY or books.tasks.get(task.key) is not task or not crowd.waiting:
            yield f"{task} is said to be crowded"
        for worker in (*crowd.waiting, *crowd.room):
            if books.workers.get(worker.id) is not worker:
                yield f"{task} is wanted by or on {worker}, which is gone"
    for task, worker in books.reserved.items():
        if worker.reserved_for is not task or task.state is not QUEUED:
            yield f"{task} is said to wait for {worker}"
    for task in books.stranded:
        if task.state is not QUEUED or task in books.reserved:
            yield f"{task} is said to be stranded"
    for task in books.avoided:
        if books.tasks.get(task.key) is not task:
            yield f"{task} is to be elsewhere, and is forgotten"
    for task in books.traced:
        if books.tasks.get(task.key) is not task:
            yield f"{task} is part of a trace, and is forgotten"
    for client in books.clients.values():
        yield from _about_client(brain, client)
    counts = Counter(task.state for task in books.tasks.values())
    if counts != books.counts():
        yield f"tasks by state are {dict(counts)}, the books say {dict(books.counts())}"
    kept = sum(len(task.value) for task in books.tasks.values())
    if kept != books.kept_nbytes:
        yield f"{kept} bytes are kept, the books say {books.kept_nbytes}"
    if books.nthreads != sum(worker.nthreads for worker in books.workers.values()):
        yield "the count of threads is wrong"
    offers = Offers()
    for worker in books.workers.values():
        if worker.threads != max(worker.nthreads - worker.abandoned, 0):
            yield f"{worker} has {worker.threads} threads beside {worker.abandoned} abandoned runs"
        offers.add(worker)
    if offers != books.offers:
        yield "what workers offer is counted wrongly"


def _about_task(brain: SchedulerBrain, task: TaskRecord, awaited: int) -> Iterator[str]:
    state, active = task.state, task.state in ACTIVE
    if state is FORGOTTEN:
        yield f"{task} is forgotten and still entered"
    if (state is PROCESSING) != (task.processing_on is not None):
        yield f"{task} is on {task.processing_on}"
    if (state is MEMORY) != bool(task.who_has):
        yield f"{task} is held by {task.who_has}"
    if (state is ERRED) != (task.error is not None):
        yield f"{task} has the error {task.error}"
    lacking = sum(1 for each in task.dependencies if each.state is not MEMORY)
    if active and task.waiting_on != lacking:
        yield f"{task} waits for {task.waiting_on} dependencies, but {lacking} are lacking"
    if state is WAITING and not lacking:
        yield f"{task} waits for nothing"
    if state in (QUEUED, NO_WORKER) and lacking:
        yield f"{task} is ready but lacks {lacking} dependencies"
    waiters = sum(1 for each in task.dependents or () if each.state in ACTIVE)
    if task.waiters != waiters + awaited:
        yield (
            f"{task} has {waiters} active dependents and is needed by {awaited} graphs that have "
            f"not come whole, its record says {task.waiters}"
        )
    for dependency in task.dependencies:
        if brain.books.tasks.get(dependency.key) is not dependency:
            yield f"{task} depends on {dependency}, which is forgotten"
        if task not in (dependency.dependents or ()):
            yield f"{dependency} does not know its dependent {task}"
    for dependent in task.dependents or ():
        if task not in dependent.dependencies:
            yield f"{dependent} does not depend on {task}"
    yield from _about_ties(brain, task)


def _about_ties(brain: SchedulerBrain, task: TaskRecord) -> Iterator[str]:
    for worker in task.who_has:
        if task not in worker.has or brain.books.workers.get(worker.id) is not worker:
            yield f"{task} is said to be on {worker}"
    for client in task.wanted_by:
        if task not in client.wants or brain.books.clients.get(client.id) is not client:
            yield f"{task} is said to be wanted by {client}"
    worker_on = task.processing_on
    if worker_on is not None and (task in worker_on.processing) == (task in worker_on.seceded):
        yield f"{task} is said to be processing on {worker_on}"
    if task.template is not None:
        requirement = task.template.requirement
        if (task.state is NO_WORKER) != (task in requirement.unrunnable):
            yield f"{task} and the tasks without a worker do not agree"


def _about_worker(brain: SchedulerBrain, worker: WorkerRecord) -> Iterator[str]:
    for task in (*worker.processing, *worker.seceded):
        if task.processing_on is not worker:
            yield f"{worker} is said to process {task}"
    for task in worker.has:
        if worker not in task.who_has:
            yield f"{worker} is said to hold {task}"
    occupancy = sum(task.expected_ns for task in worker.processing)
    if occupancy != worker.occupancy_ns:
        yield f"{worker} is occupied for {occupancy} ns, its record says {worker.occupancy_ns}"
    if worker.arrivals.nbytes and not worker.arrivals.needed_by:
        yield f"{worker} is said to get {worker.arrivals.nbytes} bytes, and no result"
    for result, tasks in worker.arrivals.needed_by.items():
        if result in worker.has or not tasks:
            yield f"{worker} is said to lack {result}"
        for task in tasks:
            if task.processing_on is not worker or result not in task.dependencies:
                yield f"{result} is said to be on its way to {worker} for {task}"
    held = sum(task.nbytes for task in worker.has)
    if held != worker.held_nbytes:
        yield f"{worker} holds {held} bytes, its record says {worker.held_nbytes}"
    booked: Counter[str] = Counter()
    for task in worker.processing:
        if task.template is not None:
            booked.update(dict(task.template.requirement.resources))
    suspect = worker.reserved_for
    if suspect is not None and not (
        [task for task in worker.processing if task not in worker.rejoined] == [suspect]
        or brain.books.reserved.get(suspect) is worker
    ):
        yield f"{worker} is kept for {suspect}, which is not alone on it"
    for task in (*worker.started, *worker.rejoined):
        if task not in worker.processing:
            yield f"{worker} is said to have begun {task}, which it was not handed"
    again: Counter[str] = Counter()  # taken again by those that had left it to others
    for task in worker.rejoined:
        if task.template is not None and task in worker.processing:
            again.update(dict(task.template.requirement.resources))
    for name, amount in worker.resources_used.items():
        total = worker.hello.resources.get(name, 0.0) + again[name]
        if abs(booked[name] - amount) > 1e-9 or amount > total:
            yield f"{worker} has {amount} of {name} booked, its tasks hold {booked[name]}"


def _about_client(brain: SchedulerBrain, client: ClientRecord) -> Iterator[str]:
    for task in client.wants:
        if client not in task.wanted_by:
            yield f"{client} is said to want {task}"
        if brain.books.tasks.get(task.key) is not task:
            yield f"{client} wants {task}, which is forgotten"
