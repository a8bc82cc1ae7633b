"""What an actor's task results in: something that its worker keeps, and others read as a handle."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, Final

HANDLES: Final = "gdistributed.client.actors"

Words = tuple[str, str, str, str, tuple[str, ...]]


class Handle:
    """What users have of an actor; the class that they see is one of the clients' room.

    It has no names of its own, since all names are the actor's. What it is made of is read from how
    it is written down.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Callable[..., Any], Words]:
        raise NotImplementedError


class ActorReference:
    """The result of an actor's task, as workers hold it; it keeps no actor alive, as handles do.

    Written down, and given to tasks, it is a handle, by which anybody calls the actor's methods.

    Parameters
    ----------
    words
        All that a handle has to know: the key, the address and the id of the worker, the name of
        the class, and the names of its methods.
    instance
        The actor itself, on the worker where it lives.
    """

    def __init__(self, words: Words, instance: object = None) -> None:
        self.words = words
        self.instance = instance

    @property
    def key(self) -> str:
        """Key of the actor's task."""
        return self.words[0]

    def handle(self) -> Any:  # noqa: ANN401
        """Return a handle, for a task on this worker."""
        return make_handle(*self.words)

    def __reduce__(self) -> tuple[Callable[..., Any], Words]:
        return make_handle, self.words


def methods_of(instance: object) -> tuple[str, ...]:
    """Return the names of the methods that others may call."""
    members = inspect.getmembers_static(type(instance), _is_method)
    return tuple(name for name, _ in members if not name.startswith("_"))


def without_handle(key: str, value: object) -> object:
    """Return a value as a worker holds it: in the place of an actor's handle, a reference.

    The handle would keep its own actor alive for as long as the worker holds the value, which is as
    long as the actor lives.
    """
    if isinstance(value, Handle):
        _, words = value.__reduce__()
        if words[0] == key:
            return ActorReference(words)
    return value


def make_handle(*words: object) -> Any:  # noqa: ANN401
    """Make the handle of an actor, which belongs to the current client.

    The room of clients is found by name, as a pickle finds what is in it: this room knows it not.
    """
    return importlib.import_module(HANDLES).bind_actor(*words)


def _is_method(value: object) -> bool:
    return callable(value) or isinstance(value, staticmethod | classmethod)
