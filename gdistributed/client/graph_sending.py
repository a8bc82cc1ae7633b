"""A graph goes out in pieces while it is being packed, and what has gone out begins to run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from gdistributed.client.collecting import collected_rarely
from gdistributed.client.future import Future
from gdistributed.client.graphs import Expression, graph_pieces, plan_graph
from gdistributed.client.keys import Key
from gdistributed.client.options import TaskOptions
from gdistributed.client.sizes import ARGUMENTS, check_size
from gdistributed.client.spans import submitting
from gdistributed.core.client.futures import FutureRecord
from gdistributed.errors import ClientClosed, ConnectionLost
from gdistributed.observe.traces import Span
from gdistributed.settings import ClientSettings
from gdistributed.v1 import scheduler_pb2, task_pb2

if TYPE_CHECKING:
    from gdistributed.client.base import ClientBase
    from gdistributed.client.bridge import Bridge

# How often others on the event loop get a turn so that a piece may leave: usually two are enough.
PAUSES_MAX: Final = 10


def send_graph(
    client: ClientBase,
    dsk: Expression | Mapping[Key, Any],
    keys: Iterable[Key],
    options: TaskOptions,
) -> dict[Key, Future]:
    """Submit a graph at one go, and return futures of some of its keys.

    On an event loop the pieces leave when it is done.

    Raises
    ------
    BadGraph
        If it has a cycle, or two keys with one name.
    UnpicklableArgument, ArgumentTooLarge
        If a task cannot be sent. What was sent before is dropped by the scheduler.
    """
    with collected_rarely(), submitting(client.connection) as span:
        sending = _Sending(client, dsk, keys, options, span)
        for _ in sending:
            pass
    return sending.futures()


async def send_graph_piecewise(
    client: ClientBase,
    dsk: Expression | Mapping[Key, Any],
    keys: Iterable[Key],
    options: TaskOptions,
    bridge: Bridge,
) -> dict[Key, Future]:
    """Submit a graph, and let others on the event loop go on after each piece.

    Parameters and errors are those of `send_graph`.
    """
    with collected_rarely(), submitting(client.connection) as span:
        sending = _Sending(client, dsk, keys, options, span)
        for _ in sending:
            for _ in range(PAUSES_MAX):
                if not client.connection.has_mail:
                    break  # the piece is on its way
                await bridge.pause()
    return sending.futures()


class _Sending:
    """Sends a graph, a piece with each step of an iteration."""

    def __init__(
        self,
        client: ClientBase,
        dsk: Expression | Mapping[Key, Any],
        keys: Iterable[Key],
        options: TaskOptions,
        span: Span,
    ) -> None:
        client.connection.check_open()
        self._client = client
        self._keys = list(dict.fromkeys(keys))
        self._graph = plan_graph(dsk, self._keys)
        self._options = options
        self._span = span
        self._records: dict[str, FutureRecord] = {}

    def futures(self) -> dict[Key, Future]:
        """Return futures of the keys that are wanted, once all has been sent."""
        names, records = self._graph.names, self._records
        return {key: self._client.future(key, records[names[key]]) for key in self._keys}

    def __iter__(self) -> Iterator[None]:
        connection, begun_by, is_whole, count = self._client.connection, 0, False, 0
        wanted = list(dict.fromkeys(self._graph.names[key] for key in self._keys))
        try:
            for piece in graph_pieces(self._graph, wanted, self._options, self._template):
                _check_sizes(piece, connection.settings)
                with connection.locked() as brain:
                    self._records = {name: brain.want(name) for name in piece.wants}
                    number = brain.submit_graph(piece, begun_by, self._span.traceparent)
                begun_by, is_whole = begun_by or number, not piece.more
                count += len(piece.tasks)
                yield
            self._span.note({"gdistributed.tasks": count})
        finally:
            if begun_by and not is_whole:
                with suppress(ClientClosed, ConnectionLost), connection.locked() as brain:
                    brain.submit_graph(scheduler_pb2.SubmitGraph(), begun_by)  # the end, in vain

    def _template(self, function: task_pb2.Function, chosen: TaskOptions, prefix: str) -> int:
        with self._client.connection.locked() as brain:
            return self._client.template(brain, function, prefix, chosen)


def _check_sizes(piece: scheduler_pb2.SubmitGraph, settings: ClientSettings) -> None:
    if piece.ByteSize() > settings.large_argument_nbytes:
        for task in piece.tasks:
            check_size(len(task.arguments), ARGUMENTS, task.key, settings)
