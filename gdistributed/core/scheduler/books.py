"""The indexes over the records: the only place that adds to them or removes from them.

A replica, a want and a run are each written in two records; the functions here keep the two in
step. They know no states and decide nothing.
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gdistributed.core.scheduler.offers import Offers, is_offered
from gdistributed.core.scheduler.records import (
    ClientRecord,
    Crowd,
    PrefixRecord,
    RequirementRecord,
    TaskRecord,
    TemplateRecord,
    WorkerRecord,
)
from gdistributed.core.scheduler.states import MEMORY, QUEUED, RELEASED, State
from gdistributed.settings import PYTHON
from gdistributed.v1 import task_pb2

# Shares of a rank: the user's priority above all, then the place in the order of arrival.
PRIORITY_SHIFT = 52
PRIORITY_MAX = 1000
STALE_MIN = 1000


class Move(NamedTuple):
    """A replica that came into being, or that is gone."""

    task: TaskRecord
    worker: WorkerRecord
    added: bool


@dataclass(slots=True)
class Books:
    """All records of a scheduler by their names.

    Attributes
    ----------
    names
        Workers by the names that people gave them.
    called
        Workers by name, address, host and id.
    offers
        What the workers offer by name.
    data
        Stands for the prefix of data that clients brought, which has none.
    dry, loaded
        Workers with threads for which they have nothing, but for those for which something was
        asked back; and workers that may have more than they can begin, which is corrected when
        somebody looks.
    reserved
        Tasks that are queued for one worker, on which each is to be alone; see `suspects`.
    avoided
        Workers on which tasks are not to be run next, if others may run them.
    stranded
        Tasks that are queued and have no turn, since no worker gets their data; see `reach`.
    copying
        Results that workers were asked to copy: for each the workers, and whose replica is to be
        freed when it has come; None for nobody's.
    crowds
        Results that more workers want now than their holders serve.
    freed
        Workers that may have room again since decisions were last taken.
    followed
        Workers with tasks that others may follow, since decisions were last taken; see `ahead`.
    traced
        Of tasks that were submitted as part of a trace: its traceparent. One string for all tasks
        of a message; nothing for those without a trace.
    last_rank
        The highest rank that was given out, but for priorities.
    moved
        Changes of who holds what, for a Center in another process; None when there is none.
    touched
        Tasks that another client wants, or another worker holds, without a change of their state,
        for who keeps a log; None when nobody does.
    arrays
        The first tasks of arrays of which all tasks are new and are wanted alike, with how many
        these are, for who keeps a log; None when nobody does.
    """

    tasks: dict[str, TaskRecord] = field(default_factory=dict)
    workers: dict[str, WorkerRecord] = field(default_factory=dict)
    clients: dict[str, ClientRecord] = field(default_factory=dict)
    prefixes: dict[str, PrefixRecord] = field(default_factory=dict)
    templates: dict[bytes, TemplateRecord] = field(default_factory=dict)
    requirements: dict[tuple[object, ...], RequirementRecord] = field(default_factory=dict)
    data: PrefixRecord = field(default_factory=lambda: PrefixRecord(""))
    names: dict[str, WorkerRecord] = field(default_factory=dict)
    called: dict[str, dict[WorkerRecord, None]] = field(default_factory=dict)
    offers: Offers = field(default_factory=Offers)
    freed: dict[WorkerRecord, None] = field(default_factory=dict)
    followed: dict[WorkerRecord, None] = field(default_factory=dict)
    dry: OrderedDict[WorkerRecord, None] = field(default_factory=OrderedDict)
    loaded: OrderedDict[WorkerRecord, None] = field(default_factory=OrderedDict)
    reserved: dict[TaskRecord, WorkerRecord] = field(default_factory=dict)
    avoided: dict[TaskRecord, WorkerRecord] = field(default_factory=dict)
    stranded: dict[TaskRecord, None] = field(default_factory=dict)
    copying: dict[TaskRecord, dict[WorkerRecord, WorkerRecord | None]] = field(default_factory=dict)
    crowds: dict[TaskRecord, Crowd] = field(default_factory=dict)
    traced: dict[TaskRecord, str] = field(default_factory=dict)
    moved: list[Move] | None = None
    touched: dict[TaskRecord, None] | None = None
    arrays: dict[TaskRecord, int] | None = None
    last_rank: int = 0
    nthreads: int = 0
    kept_nbytes: int = 0
    pushes: int = 0

    # Tasks

    def counts(self) -> Counter[State]:
        """Count the tasks by state; states in which there are none are left out."""
        total: Counter[State] = Counter()
        for prefix in (self.data, *self.prefixes.values()):
            total.update(prefix.tasks())
        return total

    def add_task(self, task: TaskRecord) -> None:
        """Enter a new task, and tie it to its dependencies."""
        self.tasks[task.key] = task
        prefix = task.template.prefix if task.template is not None else self.data
        prefix.counts[RELEASED] += 1
        for dependency in task.dependencies:
            if dependency.dependents is None:
                dependency.dependents = {}
            dependency.dependents[task] = None

    def forget_task(self, task: TaskRecord) -> None:
        """Remove a task that nobody needs and nothing depends on."""
        del self.tasks[task.key]
        if not self.tasks:
            self.tasks.clear()  # gives the table back, which a deletion never does
        if self.avoided:
            self.avoided.pop(task, None)
        if self.traced:
            self.traced.pop(task, None)
        for dependency in task.dependencies:
            if dependency.dependents is not None:
                dependency.dependents.pop(task, None)
        task.dependencies = ()

    # Wants

    def want(self, client: ClientRecord, task: TaskRecord) -> bool:
        """Note that a client wants a task; False if it did already."""
        if task in client.wants:
            return False
        client.wants[task] = None
        task.wanted_by = task.wanted_by + client.alone if task.wanted_by else client.alone
        if self.touched is not None and task.state is not RELEASED:
            self.touched[task] = None
        return True

    def unwant(self, client: ClientRecord, task: TaskRecord) -> None:
        """Note that a client no longer wants a task."""
        client.wants.pop(task, None)
        if not client.wants:
            client.wants.clear()
        if task.wanted_by is client.alone:
            task.wanted_by = ()
        else:
            task.wanted_by = tuple([other for other in task.wanted_by if other is not client])
        if self.touched is not None and (task.wanted_by or task.waiters):  # as `is_needed` says
            self.touched[task] = None

    # Replicas

    def add_replica(self, task: TaskRecord, worker: WorkerRecord) -> None:
        """Note that a worker holds a task's result."""
        if task not in worker.has:
            worker.has[task] = None
            worker.held_nbytes += task.nbytes
            if worker.arrivals.needed_by:
                worker.arrivals.came(task)
            task.who_has = task.who_has + worker.alone if task.who_has else worker.alone
            if self.moved is not None:
                self.moved.append(Move(task, worker, True))
            if self.touched is not None and task.state is MEMORY:
                self.touched[task] = None

    def remove_replica(self, task: TaskRecord, worker: WorkerRecord) -> None:
        """Note that a worker no longer holds a task's result."""
        if task in worker.has:
            del worker.has[task]
            if not worker.has:
                worker.has.clear()
            worker.held_nbytes -= task.nbytes
            if task.who_has is worker.alone:
                task.who_has = ()
            else:
                task.who_has = tuple([other for other in task.who_has if other is not worker])
            if self.moved is not None:
                self.moved.append(Move(task, worker, False))
            if self.touched is not None and task.who_has:
                self.touched[task] = None

    def keep_value(self, task: TaskRecord, value: bytes, limit_nbytes: int) -> None:
        """Keep a small result to pass it on, while all that are kept stay under the limit."""
        if value and self.kept_nbytes + len(value) <= limit_nbytes:
            task.value = value
            self.kept_nbytes += len(value)

    def drop_value(self, task: TaskRecord) -> None:
        """Drop a result that was kept."""
        self.kept_nbytes -= len(task.value)
        task.value = b""

    # Runs

    def begin_run(self, task: TaskRecord, worker: WorkerRecord, expected_ns: int) -> None:
        """Note that a task is handed to a worker, and book what it takes and what has to come."""
        task.processing_on = worker
        if self.avoided:
            self.avoided.pop(task, None)
        assert task.template is not None
        task.expected_ns = expected_ns
        task.expected_nbytes = task.template.prefix.nbytes
        if task.dependencies:
            worker.arrivals.begin(task, worker.has)
        self._take_room(task, worker)

    def end_run(self, task: TaskRecord) -> WorkerRecord | None:
        """Note that a task is no longer on the worker to which it was handed, and return that."""
        worker = task.processing_on
        if worker is None:
            return None
        task.processing_on = None
        if worker.arrivals.needed_by:
            worker.arrivals.end(task)
        if worker.revoked:
            self.end_revoke(task, worker)
        if worker.rejoined:
            worker.rejoined.pop(task, None)
        if task in worker.seceded:
            del worker.seceded[task]
        else:
            self._give_room(task, worker)
        return worker

    def secede(self, task: TaskRecord) -> None:
        """Note that a task runs on and has left its thread, and what else it takes, to others."""
        worker = task.processing_on
        if worker is not None and task not in worker.seceded:
            worker.rejoined.pop(task, None)
            worker.seceded[task] = None
            self._give_room(task, worker)

    def rejoin(self, task: TaskRecord) -> None:
        """Note that a task that had left its thread holds one again.

        It takes its resources again even where others have them by now: nothing further is handed
        out that needs them until there is enough.
        """
        worker = task.processing_on
        if worker is not None and task in worker.seceded:
            del worker.seceded[task]
            worker.rejoined[task] = None
            self._take_room(task, worker)

    def _take_room(self, task: TaskRecord, worker: WorkerRecord) -> None:
        """Book what a task takes on a worker."""
        assert task.template is not None
        worker.processing[task] = None
        worker.occupancy_ns += task.expected_ns
        worker.expected_nbytes += task.expected_nbytes
        count = len(worker.processing)
        if count >= worker.threads:
            self.dry.pop(worker, None)
            if count > worker.threads:
                self.loaded[worker] = None
        for name, amount in task.template.requirement.resources:
            worker.resources_used[name] = worker.resources_used.get(name, 0.0) + amount

    def _give_room(self, task: TaskRecord, worker: WorkerRecord) -> None:
        """Note that a task no longer takes anything on a worker."""
        processing = worker.processing
        del processing[task]
        if len(processing) < worker.threads:
            self.dry[worker] = None
            if not processing:
                processing.clear()  # gives the table back, which a deletion never does
        if worker.started:
            worker.started.pop(task, None)
        worker.expected_nbytes -= task.expected_nbytes
        if worker.reserved_for is task:
            worker.reserved_for = None
        worker.occupancy_ns -= task.expected_ns
        self.freed[worker] = None
        assert task.template is not None
        for name, amount in task.template.requirement.resources:
            worker.resources_used[name] -= amount

    def end_revoke(self, task: TaskRecord, worker: WorkerRecord) -> WorkerRecord | None:
        """Note that a worker was answered for, or is rid of, a task that it was to give back.

        Returns the worker that was to have it; that one may ask for others now.
        """
        thief = worker.revoked.pop(task, None)
        is_there = thief is not None and self.workers.get(thief.id) is thief
        if thief is not None and is_there and len(thief.processing) < thief.threads:
            self.dry[thief] = None
        return thief

    # The queues of ready tasks

    def push_ready(self, task: TaskRecord) -> None:
        """Put a task into the queue of its requirement."""
        assert task.template is not None
        self.pushes += 1
        heapq.heappush(task.template.requirement.queue, (task.rank, self.pushes, task))

    def pop_ready(self, requirement: RequirementRecord) -> TaskRecord | None:
        """Take the first task that is still queued, or None; its entry is gone."""
        queue = requirement.queue
        while queue:
            task = heapq.heappop(queue)[2]
            if task.state is QUEUED and not self.is_set_aside(task):
                return task
            requirement.stale -= 1
        return None

    def rank_of_turn(self) -> int:
        """Return how far the queues have come: what begins now stands beside what is ready now."""
        heads = (each.queue[0] for each in self.requirements.values() if each.queue)
        return min(
            (rank - task.template.rank for rank, _, task in heads if task.template is not None),
            default=self.last_rank,
        )

    def leave_queue(self, task: TaskRecord) -> None:
        """Note that a task's entry is stale; when most are, throw them out."""
        if task in self.reserved:
            self.end_reservation(task)
            return
        if task in self.stranded:
            del self.stranded[task]
            return
        assert task.template is not None
        requirement = task.template.requirement
        requirement.stale += 1
        if requirement.stale > STALE_MIN and requirement.stale * 2 > len(requirement.queue):
            requirement.queue = [
                entry
                for entry in requirement.queue
                if entry[2].state is QUEUED and not self.is_set_aside(entry[2])
            ]
            heapq.heapify(requirement.queue)
            requirement.stale = 0

    def is_set_aside(self, task: TaskRecord) -> bool:
        """Whether a queued task has no turn among the others now."""
        return task in self.reserved or task in self.stranded

    def end_stranding(self, task: TaskRecord) -> None:
        """Give a task a turn again."""
        del self.stranded[task]
        self.push_ready(task)

    def reserve(self, task: TaskRecord, worker: WorkerRecord) -> None:
        """Note that a queued task, which has no entry now, waits until a worker is empty."""
        self.reserved[task] = worker
        worker.reserved_for = task
        self.freed[worker] = None

    def end_reservation(self, task: TaskRecord) -> None:
        """Note that a task no longer waits for a worker to be empty."""
        worker = self.reserved.pop(task)
        worker.reserved_for = None
        self.freed[worker] = None

    # Workers and what tasks require of them

    def add_worker(self, worker: WorkerRecord) -> None:
        """Enter a worker, under every requirement that it satisfies."""
        self.workers[worker.id] = worker
        self.names[worker.name] = worker
        self.nthreads += worker.nthreads
        self.freed[worker] = None
        self.dry[worker] = None
        for word in words_of(worker):
            self.called.setdefault(word, {})[worker] = None
        self.offers.add(worker)
        for requirement in self.requirements.values():
            self._try_for(worker, requirement)

    def remove_worker(self, worker: WorkerRecord) -> None:
        """Remove a worker that is gone."""
        del self.workers[worker.id]
        del self.names[worker.name]
        self.nthreads -= worker.nthreads
        self.freed.pop(worker, None)
        self.followed.pop(worker, None)
        self.dry.pop(worker, None)
        self.loaded.pop(worker, None)
        self.offers.remove(worker)
        for word in words_of(worker):
            self.called[word].pop(worker, None)
            if not self.called[word]:
                del self.called[word]
        for requirement in worker.requirements:
            requirement.eligible.pop(worker, None)
            requirement.idle.pop(worker, None)
        worker.requirements.clear()

    def requirement_of(
        self, function: task_pb2.Function, template: task_pb2.TaskTemplate
    ) -> RequirementRecord:
        """Return the requirement that a template makes, the same for all that make the same.

        A name that no Python worker announced is one that all of them import.
        """
        runtime, name = function.runtime, function.name  # of code, which has none, it is empty
        is_announced = bool(name) and self.offers.has(runtime, name)
        if runtime == PYTHON and not is_announced:
            name = ""
        workers = () if template.allow_other_workers else tuple(sorted(template.workers))
        resources = tuple(sorted(template.resources.items()))
        requires = tuple(sorted(function.requires))
        identity = (runtime, name, is_announced, workers, resources, requires)
        known = self.requirements.get(identity)
        if known is not None:
            return known
        requirement = self.requirements[identity] = RequirementRecord(
            runtime=runtime,
            function_name=name,
            workers=workers,
            resources=resources,
            requires=requires,
            is_announced=is_announced,
        )
        for worker in self.workers.values():
            self._try_for(worker, requirement)
        return requirement

    def _try_for(self, worker: WorkerRecord, requirement: RequirementRecord) -> None:
        if satisfies(worker, requirement):
            requirement.eligible[worker] = None
            requirement.is_warned_of = False
            requirement.idle[worker] = None
            worker.requirements[requirement] = None

    def prefix(self, name: str) -> PrefixRecord:
        """Return the record of a prefix, made on first use."""
        record = self.prefixes.get(name)
        if record is None:
            record = self.prefixes[name] = PrefixRecord(name)
        return record

    def intern_template(
        self, template: task_pb2.TaskTemplate, functions: Iterable[task_pb2.Function]
    ) -> TemplateRecord:
        """Return the record of a template, the same for all clients that announce the same."""
        message = task_pb2.TaskTemplate()
        message.CopyFrom(template)
        message.id = 0
        identity = message.SerializeToString(deterministic=True)
        record = self.templates.get(identity)
        if record is None:
            functions = tuple(functions)
            clamped = max(-PRIORITY_MAX, min(PRIORITY_MAX, template.priority))
            message.id = len(self.templates) + 1
            record = self.templates[identity] = TemplateRecord(
                number=message.id,
                message=message,
                functions=functions,
                prefix=self.prefix(template.prefix or template.function_id),
                requirement=self.requirement_of(functions[0], template),
                rank=-clamped << PRIORITY_SHIFT,
                retries=template.retries,
                preferred=tuple(template.workers) if template.allow_other_workers else (),
            )
        return record


def words_of(worker: WorkerRecord) -> set[str]:
    """Return all that a worker may be called by in a restriction."""
    return {worker.name, worker.address, worker.host, worker.id}


def satisfies(worker: WorkerRecord, requirement: RequirementRecord) -> bool:
    """Whether a worker could ever run the tasks of a requirement."""
    if requirement.workers and not words_of(worker) & set(requirement.workers):
        return False
    total = worker.hello.resources
    if any(total.get(name, 0.0) < amount for name, amount in requirement.resources):
        return False
    capabilities = worker.hello.software.capabilities
    if any(word not in capabilities for word in requirement.requires):
        return False
    return is_offered(worker.hello.runtimes, requirement)
