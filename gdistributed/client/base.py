"""What the three faces of the client (computing, moving, asking) stand on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gdistributed.client.bridge import Bridge
from gdistributed.client.connection import Connection
from gdistributed.client.future import Future
from gdistributed.client.keys import Key, wire_name
from gdistributed.client.nested import replace_futures
from gdistributed.client.options import PLAIN, TaskOptions
from gdistributed.client.sizes import FUNCTION, check_size
from gdistributed.core.client.brain import ClientBrain
from gdistributed.core.client.futures import FutureRecord
from gdistributed.data.arguments import KeyReference
from gdistributed.v1 import task_pb2


class ClientBase:
    """A client's connection, and what all of its methods do with it."""

    connection: Connection
    _numbers: dict[tuple[str, str], int]  # of templates without options, by function and prefix

    @property
    def bridge(self) -> Bridge:
        """How callers of this client wait."""
        return self.connection.bridge

    def future(self, key: Key, record: FutureRecord) -> Future:
        """Make a future of a record that was counted for it."""
        return Future(key, self.connection, record)

    def template(
        self, brain: ClientBrain, function: task_pb2.Function, prefix: str, options: TaskOptions
    ) -> int:
        """Return the number of the template for tasks of a function.

        Raises
        ------
        ArgumentTooLarge
            If the function is larger than a message may be.
        """
        is_plain = options is PLAIN
        number = self._numbers.get((function.id, prefix)) if is_plain else None
        if number is None:
            check_size(function.ByteSize(), FUNCTION, prefix, self.connection.settings)
            number = brain.template(function, options.template(function.id, prefix))
            if is_plain:
                self._numbers[function.id, prefix] = number
        return number

    def reference(self, future: Future) -> KeyReference:
        """Return what stands for a future's result in the arguments of a call.

        Raises
        ------
        ValueError
            If it is the future of another client.
        """
        if future.connection is not self.connection:
            raise ValueError(
                f"{future!r} is the future of another client ({future.connection.name}): gather it "
                f"there and scatter it here"
            )
        return KeyReference(future.record.key)

    def references(self, value: Any) -> Any:  # noqa: ANN401
        """Return a value with placeholders for the futures inside it."""
        return replace_futures(value, self.reference)

    def references_in(self, kwargs: Mapping[str, object]) -> dict[str, Any]:
        """Return keyword arguments with placeholders for the futures inside them."""
        return {name: self.references(value) for name, value in kwargs.items()}


def key_names(futures: Iterable[Future | Key]) -> list[str]:
    """Return the names on the wire of futures or keys, each once."""
    names = (
        future.record.key if isinstance(future, Future) else wire_name(future) for future in futures
    )
    return list(dict.fromkeys(names))
