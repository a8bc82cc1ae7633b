"""What an actor's task results in: something that its worker keeps, and others read as a handle."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, Final

HANDLES: Final = "gdistributed.client.actors"

Words = tuple[str, str, str, str, tuple[str, ...]]


class ActorReference:
    """The result of an actor's task, on the worker where it lives.

    Written down, and given to tasks, it is a handle, by which anybody calls the actor's methods.

    Parameters
    ----------
    key
        Key of the task.
    instance
        What it made.
    kind
        Name of the instance's class.
    address, worker_id
        Of the worker.
    """

    def __init__(self, key: str, instance: object, kind: str, address: str, worker_id: str) -> None:
        self.key = key
        self.instance = instance
        self._kind = kind
        self._address = address
        self._worker_id = worker_id

    def words(self) -> Words:
        """All that a handle has to know."""
        members = inspect.getmembers_static(type(self.instance), _is_method)
        methods = tuple(name for name, _ in members if not name.startswith("_"))
        return self.key, self._address, self._worker_id, self._kind, methods

    def handle(self) -> Any:  # noqa: ANN401
        """Return the handle, for a task on this worker."""
        return make_handle(*self.words())

    def __reduce__(self) -> tuple[Callable[..., Any], Words]:
        return make_handle, self.words()


def make_handle(*words: object) -> Any:  # noqa: ANN401
    """Make the handle of an actor, which belongs to the current client.

    The room of clients is found by name, as a pickle finds what is in it: this room knows it not.
    """
    return importlib.import_module(HANDLES).bind_actor(*words)


def _is_method(value: object) -> bool:
    return callable(value) or isinstance(value, staticmethod | classmethod)
