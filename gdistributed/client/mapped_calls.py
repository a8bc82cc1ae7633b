"""The calls of one `map` go out in batches: as a column where they need no other results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

from gdistributed.client.future import Future
from gdistributed.client.keys import Key, Namer, wire_name
from gdistributed.client.options import TaskOptions
from gdistributed.client.sizes import ARGUMENTS, check_size
from gdistributed.v1 import task_pb2

if TYPE_CHECKING:
    from gdistributed.client.computing import Computing

PackedCall = tuple[Key, bytes, tuple[str, ...]]
PackCall = Callable[[Namer, Key | None, tuple[Any, ...], dict[str, Any]], PackedCall]
Calls = list[tuple[Any, ...]]


class MappedCalls:
    """Submits the calls of one `map`, piece by piece."""

    def __init__(
        self,
        client: Computing,
        function: task_pb2.Function,
        prefix: str,
        options: TaskOptions,
        namer: Namer,
        traceparent: str,
    ) -> None:
        self._client = client
        self._function = function
        self._prefix = prefix
        self._options = options
        self._namer = namer
        self._traceparent = traceparent

    def submit(
        self, calls: Calls, kwargs: dict[str, Any], keys: Sequence[Key] | None
    ) -> list[Future]:
        """Submit some calls: as an array those that need no other results, one by one the rest."""
        pack, namer = self._client.packing(self._function), self._namer
        names: Iterable[Key | None] = repeat(None) if keys is None else keys
        return self._enter(
            [pack(namer, key, args, kwargs) for key, args in zip(names, calls, strict=False)]
        )

    def _enter(self, packed: list[PackedCall]) -> list[Future]:
        connection = self._client.connection
        largest = max([len(arguments) for _, arguments, _ in packed], default=0)
        check_size(largest, ARGUMENTS, self._prefix, connection.settings)
        array_keys: list[str] = []
        array_arguments: list[bytes] = []
        futures, trace = [], self._traceparent
        with connection.locked() as brain:
            template = self._client.template(brain, self._function, self._prefix, self._options)
            known, want = brain.records, brain.want
            for key, arguments, dependencies in packed:
                name = key if type(key) is str else wire_name(key)
                if name not in known:
                    if dependencies:
                        brain.submit(name, template, dependencies, arguments, trace)
                    else:
                        array_keys.append(name)
                        array_arguments.append(arguments)
                futures.append(Future(key, connection, want(name)))
            if array_keys:
                brain.submit_array(template, array_keys, array_arguments, trace)
        return futures
