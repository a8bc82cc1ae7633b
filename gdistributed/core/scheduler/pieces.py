"""A graph that comes in pieces: what has come runs while the rest is still being made.

What is wanted is known with the last piece only. Until then each task is needed as if one more task
waited for it: until all that depend on it have come, or, where that is not said, until the graph
has come whole. A graph of which one piece is refused is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gdistributed.core.scheduler import intake
from gdistributed.core.scheduler.records import ClientRecord, OpenGraph, TaskRecord
from gdistributed.errors import BadGraph
from gdistributed.v1 import scheduler_pb2

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain


def accept_piece(
    brain: SchedulerBrain, client: ClientRecord, piece: scheduler_pb2.SubmitGraph
) -> list[TaskRecord]:
    """Enter the tasks of a piece, and return those that the client wants by the graph.

    Raises
    ------
    BadGraph
        With the last piece, if this or an earlier one could not be accepted.
    """
    number = piece.begun_by or piece.number
    graph = client.open_graphs.get(number)
    if graph is None:
        graph = client.open_graphs[number] = OpenGraph()
        if piece.begun_by:
            graph.error = BadGraph(
                "the beginning of this graph did not reach this scheduler: submit it again"
            ).with_reason("BAD_TASK")
        else:
            graph.first_rank = intake.book_rank(brain, client, piece)
    wanted: list[TaskRecord] = []
    if graph.error is None:
        try:
            wanted = intake.accept_graph(brain, client, piece, graph.first_rank)
        except BadGraph as error:
            give_up(brain, graph, error)
        else:
            _expect_dependents(brain, graph, piece)
    if piece.more:
        return []
    if graph.error is not None:
        del client.open_graphs[number]
        raise graph.error
    graph.is_whole = True
    return wanted


def let_go(brain: SchedulerBrain, client: ClientRecord) -> None:
    """Let go of tasks whose dependents have come, now that these hold on to them."""
    for number, graph in list(client.open_graphs.items()):
        complete, graph.complete = graph.complete, []
        if graph.is_whole:
            del client.open_graphs[number]
            complete = list(graph.awaited)
        _end_wait(brain, graph, complete)


def give_up(brain: SchedulerBrain, graph: OpenGraph, error: BadGraph) -> None:
    """Need what has come of a graph no longer; its last piece is answered with the error."""
    graph.error = error
    graph.complete.clear()
    _end_wait(brain, graph, list(graph.awaited))


def give_up_all(brain: SchedulerBrain, client: ClientRecord, reason: str) -> None:
    """Give up all graphs that a client has not sent whole."""
    for graph in client.open_graphs.values():
        give_up(brain, graph, BadGraph(f"the graph was given up: {reason}"))


def _expect_dependents(
    brain: SchedulerBrain, graph: OpenGraph, piece: scheduler_pb2.SubmitGraph
) -> None:
    tasks, awaited = brain.books.tasks, graph.awaited
    for spec in piece.tasks:
        task = tasks[spec.key]
        if task not in awaited:
            awaited[task] = spec.dependents
            task.waiters += 1
            brain.reconsider(task)
        for key in spec.dependencies:
            dependency = tasks.get(key)  # none, if its task is known and has let go of it
            if dependency is not None and awaited.get(dependency):
                awaited[dependency] -= 1
                if not awaited[dependency]:
                    graph.complete.append(dependency)


def _end_wait(brain: SchedulerBrain, graph: OpenGraph, tasks: Iterable[TaskRecord]) -> None:
    for task in tasks:
        if task in graph.awaited:
            del graph.awaited[task]
            task.waiters -= 1
            brain.reconsider(task)
