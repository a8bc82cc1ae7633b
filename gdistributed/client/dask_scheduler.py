"""While a client is the default one, dask computes with it.

dask's configuration belongs to the whole process. What is put there is one object without state,
which asks for the current client whenever dask calls it. dask itself is imported by whoever uses
it: to start a worker takes a third less time without.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from gdistributed.client.after_import import after_import
from gdistributed.client.current import current_client, find_client
from gdistributed.errors import UsageError

NAMES: Final = ("gdistributed", "distributed", "dask.distributed")
# What suits this scheduler, where the user has left it to dask. "tasks" is the only method without
# one of our own that moves rows between hosts. dask goes over an array once more rather than cut
# each chunk into more than 4 pieces, for tasks that cost a millisecond; ours cost a twentieth.
PREFERRED: Final = {"dataframe.shuffle.method": "tasks", "array.rechunk.threshold": 64}


class CurrentClientScheduler:
    """A dask scheduler that is whatever client is current when it is called."""

    def __call__(self, dsk: Any, keys: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Compute a graph and return the values of some of its keys.

        Where the keys are lists there are tuples, as dask's own schedulers give them.
        """
        return _with_tuples(self._client().get(dsk, keys, **kwargs), keys)

    def persist(self, collections: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Compute collections and keep their results on the cluster."""
        return self._client().persist(collections, **kwargs)

    def _client(self) -> Any:  # noqa: ANN401
        client = current_client()
        if client.asynchronous:
            raise UsageError(
                "dask's own compute and persist wait, and the current client is asynchronous: use "
                "`await client.compute(...)` and `client.persist(...)`"
            )
        return client

    def __reduce__(self) -> str:
        return "SCHEDULER"

    def __repr__(self) -> str:
        return "<the scheduler of the current gdistributed client>"


def _with_tuples(values: Any, keys: Any) -> Any:  # noqa: ANN401
    if isinstance(keys, list):
        return tuple(map(_with_tuples, values, keys))
    return values


class TaskClientScheduler(CurrentClientScheduler):
    """The same, in the process of a worker: whatever is no task there computes in its threads."""

    def __call__(self, dsk: Any, keys: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Compute a graph and return the values of some of its keys."""
        if find_client() is None:
            from dask import threaded

            return threaded.get(dsk, keys, **kwargs)
        return super().__call__(dsk, keys, **kwargs)

    def persist(self, collections: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Compute collections and keep their results on the cluster, or here."""
        if find_client() is None:
            from dask import base

            persist: Any = base.persist  # it comes without types
            return persist(*collections, scheduler="threads", **kwargs)
        return super().persist(collections, **kwargs)

    def __reduce__(self) -> str:
        return "TASK_SCHEDULER"


SCHEDULER: Final = CurrentClientScheduler()
TASK_SCHEDULER: Final = TaskClientScheduler()

_undo: list[Callable[[], object]] = []


def install_once_imported(scheduler: CurrentClientScheduler) -> None:
    """Make dask compute with the current client, as soon as somebody imports it."""
    after_import("dask", partial(install, scheduler))


def install(scheduler: CurrentClientScheduler = SCHEDULER) -> None:
    """Make dask compute with the current client."""
    import dask
    from dask.base import named_schedulers

    if _undo:
        return
    defaults = dask.config.merge(*dask.config.defaults)
    config: dict[str, object] = {"scheduler": scheduler}
    for name, preferred in PREFERRED.items():
        if dask.config.get(name, None) == dask.config.get(name, None, config=defaults):
            config[name] = preferred
    setting: Any = dask.config.set(config)
    former = {str(name): named_schedulers[name] for name in NAMES if name in named_schedulers}
    named_schedulers.update(dict.fromkeys(NAMES, scheduler))

    def undo() -> None:
        setting.__exit__(None, None, None)
        for name in NAMES:
            named_schedulers.pop(name, None)
        named_schedulers.update(former)

    _undo.append(undo)


def uninstall() -> None:
    """Give dask back the scheduler that it had."""
    while _undo:
        _undo.pop()()
