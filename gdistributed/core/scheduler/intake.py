"""A graph arrives: it is checked whole, and then entered whole, or refused.

A key that is known already keeps the task that it has. Dependencies must be known or come with the
graph; a graph whose tasks come with their dependencies first needs no search for cycles.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from gdistributed.core.scheduler.records import ClientRecord, TaskRecord, TemplateRecord
from gdistributed.errors import BadGraph
from gdistributed.v1 import scheduler_pb2, task_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain

NAMED_AT_MOST = 10


class Draft(NamedTuple):
    """A task that is to be entered, with the keys that it depends on."""

    spec: task_pb2.TaskSpec
    dependencies: tuple[str, ...]


def accept_graph(
    brain: SchedulerBrain,
    client: ClientRecord,
    graph: scheduler_pb2.SubmitGraph,
    first_rank: int | None = None,
) -> list[TaskRecord]:
    """Enter the tasks of a graph and return those that the client wants by it.

    Parameters
    ----------
    first_rank
        Where the graph stands, if that was booked with an earlier piece of it.

    Raises
    ------
    BadGraph
        If it has a cycle, names keys that nobody holds, a template that was not announced, or a
        function that nobody offers. Nothing has been entered then.
    """
    tasks = brain.books.tasks
    drafts = {spec.key: Draft(spec, tuple(spec.dependencies)) for spec in graph.tasks}
    new = {key: draft for key, draft in drafts.items() if key not in tasks}
    ordered = dependencies_first(new, tasks)
    templates: dict[int, TemplateRecord] = {}
    for spec, _ in ordered:
        if spec.template not in templates:
            templates[spec.template] = _template_of(brain, client, spec.template)
    arrays = graph.arrays
    for array in arrays:
        _check_array(brain, client, array)
    wanted = wanted_keys(graph)
    _check_known(wanted, tasks, drafts, graph)

    base = book_rank(brain, client, graph) if first_rank is None else first_rank
    born = brain.epoch_attempts
    add_task, arrived = brain.books.add_task, client.arrived.append
    for spec, dependencies in ordered:
        template = templates[spec.template]
        rank = template.rank + base + spec.order
        task = TaskRecord(spec.key, template, rank, spec.arguments, born)
        if dependencies:
            task.dependencies = tuple(map(tasks.__getitem__, dict.fromkeys(dependencies)))
        add_task(task)
        arrived(task)
    for array in arrays:
        template = _template_of(brain, client, array.template)
        begin = len(client.arrived)
        _enter_array(brain, client, array, template, template.rank + base + array.first_order)
        if brain.books.arrays is not None and not graph.wants:
            _note_array(brain.books.arrays, client.arrived, begin, len(array.keys))
    if traceparent := graph.traceparent:
        brain.books.traced.update(dict.fromkeys(client.arrived, traceparent))
    return [tasks[key] for key in wanted]


def accept_task(
    brain: SchedulerBrain, client: ClientRecord, graph: scheduler_pb2.SubmitGraph
) -> list[TaskRecord]:
    """Enter the one task of a graph that wants it, and return it.

    Does what `accept_graph` does, whose errors are its own, at a third of the cost: each `submit`
    of a client is such a graph.
    """
    spec, tasks = graph.tasks[0], brain.books.tasks
    task = tasks.get(spec.key)
    if task is None:
        template = _template_of(brain, client, spec.template)
        try:
            dependencies = tuple(map(tasks.__getitem__, dict.fromkeys(spec.dependencies)))
        except KeyError:
            return accept_graph(brain, client, graph)  # it says which are unknown
        order = spec.order
        span = max(graph.span, order + 1)
        rank = template.rank + order + _book_span(brain, client, graph.submitted_by, span)
        task = TaskRecord(spec.key, template, rank, spec.arguments, brain.epoch_attempts)
        task.dependencies = dependencies
        brain.books.add_task(task)
        if traceparent := graph.traceparent:
            brain.books.traced[task] = traceparent
    return [task]


def book_rank(brain: SchedulerBrain, client: ClientRecord, graph: scheduler_pb2.SubmitGraph) -> int:
    """Return where a graph stands in the order of all graphs of its priority, and book its span."""
    span = max(graph.span, 1 + max([spec.order for spec in graph.tasks], default=0))
    for array in graph.arrays:
        span = max(span, array.first_order + len(array.keys))
    return _book_span(brain, client, graph.submitted_by, span)


def _book_span(brain: SchedulerBrain, client: ClientRecord, submitted_by: str, span: int) -> int:
    """Return the first of so many ranks.

    The graphs of one client come one after the other. A client that begins while others have many
    tasks waiting begins where they have come to, so that from there on they take turns (start-time
    fair queuing: Goyal, Vin and Cheng, 1996). What a task submits comes just before that task's own
    generation.
    """
    parent = brain.books.tasks.get(submitted_by) if submitted_by else None
    if parent is not None and parent.template is not None:
        return parent.rank - parent.template.rank - span
    first_rank = max(client.next_rank, brain.books.rank_of_turn())
    client.next_rank = first_rank + span
    brain.books.last_rank = max(brain.books.last_rank, client.next_rank)
    return first_rank


def _check_array(brain: SchedulerBrain, client: ClientRecord, array: task_pb2.TaskArray) -> None:
    _template_of(brain, client, array.template)
    if len(array.keys) != len(array.arguments):
        raise BadGraph(
            f"an array has {len(array.keys)} keys and {len(array.arguments)} arguments"
        ).with_reason("BAD_TASK")


def _enter_array(
    brain: SchedulerBrain,
    client: ClientRecord,
    array: task_pb2.TaskArray,
    template: TemplateRecord,
    rank: int,
) -> None:
    tasks, born = brain.books.tasks, brain.epoch_attempts
    add_task = brain.books.add_task
    arrived = client.arrived.append
    for key, arguments in zip(array.keys, array.arguments, strict=True):
        if key not in tasks:
            task = TaskRecord(key, template, rank, arguments, born)
            add_task(task)
            arrived(task)
        rank += 1


def _note_array(
    arrays: dict[TaskRecord, int], arrived: list[TaskRecord], begin: int, count: int
) -> None:
    """Note an array whose tasks all were entered, so that nobody need look at each of them."""
    if count and len(arrived) - begin == count:
        arrays[arrived[begin]] = count


def _template_of(brain: SchedulerBrain, client: ClientRecord, number: int) -> TemplateRecord:
    template = client.templates.get(number)
    if template is None:
        raise BadGraph(f"a task names the template {number}, which was not announced").with_reason(
            "BAD_TASK"
        )
    if template.requirement.function_name and not client.is_returning:
        brain.books.offers.check(template.requirement)
    return template


def wanted_keys(graph: scheduler_pb2.SubmitGraph) -> list[str]:
    """Return the keys that the client wants by a graph."""
    wanted = list(graph.wants)
    if graph.wants_all:
        wanted.extend(spec.key for spec in graph.tasks)
        for array in graph.arrays:
            wanted.extend(array.keys)
    return wanted


def _check_known(
    wanted: list[str],
    tasks: dict[str, TaskRecord],
    drafts: dict[str, Draft],
    graph: scheduler_pb2.SubmitGraph,
) -> None:
    if not graph.wants:
        return
    arrayed = {key for array in graph.arrays for key in array.keys}
    unknown = [
        key for key in wanted if key not in tasks and key not in drafts and key not in arrayed
    ]
    if unknown:
        raise unknown_keys(unknown)


def dependencies_first(new: dict[str, Draft], known: dict[str, TaskRecord]) -> Collection[Draft]:
    """Return the new tasks in an order in which each comes after all that it depends on.

    Linear in tasks and dependencies. Tasks that already come so are returned as they are.

    Raises
    ------
    BadGraph
        If there is no such order, or a dependency is neither known nor in the graph.
    """
    placed: set[str] = set()
    for key, (_, dependencies) in new.items():
        if not placed.issuperset(dependencies) and not all(
            name in placed or name in known for name in dependencies
        ):
            return _sort_topologically(new, known)
        placed.add(key)
    return new.values()


def _sort_topologically(new: dict[str, Draft], known: dict[str, TaskRecord]) -> list[Draft]:
    missing: dict[str, int] = {}
    dependents: dict[str, list[str]] = {}
    unknown: dict[str, None] = {}
    for key, (_, dependencies) in new.items():
        within = [name for name in dict.fromkeys(dependencies) if name in new]
        unknown.update(
            (name, None) for name in dependencies if name not in new and name not in known
        )
        missing[key] = len(within)
        for name in within:
            dependents.setdefault(name, []).append(key)
    if unknown:
        raise unknown_keys(list(unknown))
    free = [key for key, count in missing.items() if not count]
    for key in free:  # grows while it is walked
        for dependent in dependents.get(key, ()):
            missing[dependent] -= 1
            if not missing[dependent]:
                free.append(dependent)
    if len(free) < len(new):
        raise _cycle(new, {key for key, count in missing.items() if count})
    return [new[key] for key in free]


def _cycle(new: dict[str, Draft], stuck: set[str]) -> BadGraph:
    """Walk back from a stuck task until one comes again: those between are a cycle."""
    key = next(name for name in new if name in stuck)
    path: dict[str, None] = {}
    while key not in path:
        path[key] = None
        key = next(name for name in new[key].dependencies if name in stuck)
    keys = list(path)
    cycle = tuple(keys[keys.index(key) :])
    arrows = " → ".join(repr(each) for each in (*reversed(cycle), cycle[-1]))
    return BadGraph(f"the graph has a cycle: {arrows}", cycle).with_reason("CYCLE")


def unknown_keys(keys: list[str]) -> BadGraph:
    """Say that keys are neither known nor submitted."""
    named = ", ".join(repr(key) for key in keys[:NAMED_AT_MOST])
    rest = f" and {len(keys) - NAMED_AT_MOST} more" if len(keys) > NAMED_AT_MOST else ""
    return BadGraph(
        f"nobody holds or computes {named}{rest}: they were never submitted, or were released",
        tuple(keys),
    ).with_reason("UNKNOWN_KEYS")
