"""What clients want: graphs, holds, data that they bring, and what they give up.

Free functions over the brain's books. Each changes facts and puts tasks on the worklist; the brain
settles what follows and takes decisions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import intake, pieces, reports
from gdistributed.core.scheduler.records import ClientRecord, TaskRecord
from gdistributed.core.scheduler.states import ERRED, MEMORY
from gdistributed.core.scheduler.walking import reached
from gdistributed.errors import BadGraph
from gdistributed.v1 import scheduler_pb2, task_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain


def announce(brain: SchedulerBrain, client: ClientRecord, template: task_pb2.TaskTemplate) -> None:
    """Note a template that a client will name."""
    names = (template.function_id, *template.other_function_ids)
    functions = [client.functions[name] for name in names if name in client.functions]
    if len(functions) == len(names):
        client.templates[template.id] = brain.books.intern_template(template, functions)
    else:
        brain.events.remark(brain.now, template.prefix, "its function was not announced")


def submit(brain: SchedulerBrain, client: ClientRecord, graph: scheduler_pb2.SubmitGraph) -> None:
    """Enter a graph, or refuse it; one that is sent again after a break is passed over.

    An empty one is a question whether all before it has come: it is answered at once.
    """
    if client.connected and not (graph.tasks or graph.arrays or graph.wants or graph.more):
        brain.clients.to(client.id)  # a batch goes out, and says which graphs were accepted
    if graph.number <= client.graphs_accepted:
        return
    client.graphs_accepted = graph.number
    is_piece = bool(graph.more or graph.begun_by)
    is_task = graph.wants_all and len(graph.tasks) == 1 and not (graph.arrays or graph.wants)
    try:
        if is_piece:
            wanted = pieces.accept_piece(brain, client, graph)
        elif is_task:
            wanted = intake.accept_task(brain, client, graph)
        else:
            wanted = intake.accept_graph(brain, client, graph)
    except BadGraph as error:
        _refuse(brain, client, graph, error)
    else:
        want(brain, client, wanted)
    forget_unneeded(brain, client)
    if is_piece:
        brain.settle()
        pieces.let_go(brain, client)


def forget_unneeded(brain: SchedulerBrain, client: ClientRecord) -> None:
    """What nobody wants and nothing depends on need not be remembered."""
    for task in client.arrived:
        if not (task.wanted_by or task.dependents):
            brain.reconsider(task)
    client.arrived.clear()


def _refuse(
    brain: SchedulerBrain,
    client: ClientRecord,
    graph: scheduler_pb2.SubmitGraph,
    error: BadGraph,
) -> None:
    tasks = brain.books.tasks
    wanted = intake.wanted_keys(graph)
    if client.connected:
        brain.clients.to(client.id).refused.add(
            number=graph.number,
            reason=error.reason,
            message=str(error),
            keys=error.keys,
            wanted=[key for key in wanted if not (key in tasks and tasks[key] in client.wants)],
        )


def want(brain: SchedulerBrain, client: ClientRecord, wanted: Iterable[TaskRecord]) -> None:
    """Note that a client wants tasks, and tell it of those that are done."""
    for task in wanted:
        brain.books.want(client, task)
        if task.state is MEMORY:
            reports.say_finished(brain, client, task, reports.finished_report(task))
        elif task.state is ERRED:
            reports.say_erred(brain, client, task)
        else:
            brain.reconsider(task)


def hold(brain: SchedulerBrain, client: ClientRecord, keys: Iterable[str]) -> None:
    """Note that keys are wanted; a client is told of those that nobody knows."""
    for key in keys:
        task = brain.books.tasks.get(key)
        if task is not None:
            want(brain, client, (task,))
        else:
            reports.say_cancelled(brain, client, key, "nobody holds or computes it", "")


def bring(brain: SchedulerBrain, client: ClientRecord, data: scheduler_pb2.ScatteredData) -> None:
    """Enter data that a client has put on workers; the client wants it."""
    books = brain.books
    task = books.tasks.get(data.key)
    if task is None:
        task = TaskRecord(data.key, None, nbytes=data.nbytes, type=data.type)
        books.add_task(task)
    elif not task.who_has:
        task.nbytes, task.type = data.nbytes, data.type
    for index, worker_id in enumerate(data.worker_ids):
        if (worker := books.workers.get(worker_id)) is not None:
            put = data.puts[index] if index < len(data.puts) else 0
            books.add_replica(task, worker)
            reports.say_claim(brain, worker, data.key, put)
            if worker.inventory is not None:
                worker.brought[task] = None
    if task.state is ERRED and task.who_has:
        books.want(client, task)  # it will be told of the data, not of the error that is over
        brain.reconsider(task)
    else:
        want(brain, client, (task,))


def release(brain: SchedulerBrain, client: ClientRecord, keys: Iterable[str]) -> None:
    """Note that a client wants keys no longer."""
    for key in keys:
        task = brain.books.tasks.get(key)
        if task is not None:
            brain.books.unwant(client, task)
            brain.reconsider(task)


def cancel(
    brain: SchedulerBrain, by: ClientRecord, keys: Iterable[str], reason: str, force: bool
) -> list[str]:
    """Give tasks up, and all that depend on them; returns their keys.

    Parameters
    ----------
    force
        Whether also for other clients than the one that asks.
    """
    named, known = dict.fromkeys(keys), brain.books.tasks
    starts = [known[key] for key in named if key in known]
    tasks = reached(starts, lambda each: each.dependents or ())
    for task in tasks:
        for client in task.wanted_by if force else by.alone:
            if task in client.wants:
                brain.books.unwant(client, task)
                if client is not by or task.key not in named:
                    reports.say_cancelled(brain, client, task.key, reason, by.name)
        brain.reconsider(task)
    reports.say_own_cancelled(brain, by, named)
    return [task.key for task in tasks]


def retry(brain: SchedulerBrain, client: ClientRecord | None, keys: Iterable[str]) -> list[str]:
    """Clear the errors of tasks, and of those because of which they erred; returns their keys.

    A client is told of the keys that nobody knows: they were refused, or given up meanwhile.
    """
    known = brain.books.tasks
    tasks = []
    for key in keys:
        if key in known:
            tasks.append(known[key])
        elif client is not None:
            reports.say_cancelled(brain, client, key, "nobody holds or computes it", "")
    retried = []
    for task in tasks:  # grows while it is walked
        if task.error is not None and task.state is ERRED:
            task.error = None
            retried.append(task.key)
            tasks.extend(each for each in task.dependencies if each.error is not None)
            brain.reconsider(task)
    return retried
