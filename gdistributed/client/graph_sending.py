"""A graph goes out in pieces while it is being packed, and what has gone out begins to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gdistributed.client.future import Future
from gdistributed.client.graphs import Expression, graph_pieces, plan_graph
from gdistributed.client.keys import Key
from gdistributed.client.options import TaskOptions
from gdistributed.client.sizes import ARGUMENTS, check_size
from gdistributed.core.client.futures import FutureRecord
from gdistributed.errors import ClientClosed, ConnectionLost
from gdistributed.settings import ClientSettings
from gdistributed.v1 import scheduler_pb2, task_pb2

if TYPE_CHECKING:
    from gdistributed.client.base import ClientBase
    from gdistributed.client.connection import Connection


def send_graph(
    client: ClientBase,
    dsk: Expression | Mapping[Key, Any],
    keys: Iterable[Key],
    options: TaskOptions,
) -> dict[Key, Future]:
    """Submit a graph, and return futures of some of its keys.

    Raises
    ------
    BadGraph
        If it has a cycle, or two keys with one name.
    UnpicklableArgument, ArgumentTooLarge
        If a task cannot be sent. What was sent before is dropped by the scheduler.
    """
    connection = client.connection
    connection.check_open()
    keys = list(dict.fromkeys(keys))
    graph = plan_graph(dsk, keys)
    wanted = list(dict.fromkeys(graph.names[key] for key in keys))

    def template_of(function: task_pb2.Function, chosen: TaskOptions, prefix: str) -> int:
        with connection.locked() as brain:
            return client.template(brain, function, prefix, chosen)

    records = _send_pieces(connection, graph_pieces(graph, wanted, options, template_of))
    return {key: client.future(key, records[graph.names[key]]) for key in keys}


def _send_pieces(
    connection: Connection, pieces: Iterable[scheduler_pb2.SubmitGraph]
) -> dict[str, FutureRecord]:
    """Send pieces as they are made, and return the records of what the last one wants, by name."""
    begun_by = 0
    records: dict[str, FutureRecord] = {}
    try:
        for piece in pieces:
            _check_sizes(piece, connection.settings)
            with connection.locked() as brain:
                records = {name: brain.want(name) for name in piece.wants}
                number = brain.submit_graph(piece, begun_by)
            begun_by = begun_by or number
    except BaseException:
        if begun_by:
            with suppress(ClientClosed, ConnectionLost), connection.locked() as brain:
                brain.submit_graph(scheduler_pb2.SubmitGraph(), begun_by)  # the end, for nothing
        raise
    return records


def _check_sizes(piece: scheduler_pb2.SubmitGraph, settings: ClientSettings) -> None:
    if piece.ByteSize() > settings.large_argument_nbytes:
        for task in piece.tasks:
            check_size(len(task.arguments), ARGUMENTS, task.key, settings)
