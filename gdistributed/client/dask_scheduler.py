"""While a client is the default one, dask computes with it.

dask's configuration belongs to the whole process. What is put there is one object without state,
which asks for the current client whenever dask calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import dask
from dask.base import named_schedulers

from gdistributed.client.current import current_client
from gdistributed.errors import UsageError

NAMES: Final = ("gdistributed", "distributed", "dask.distributed")
# Without one of our own, "tasks" is the only method that moves rows between hosts.
SHUFFLE: Final = {"dataframe.shuffle.method": "tasks"}


class CurrentClientScheduler:
    """A dask scheduler that is whatever client is current when it is called."""

    def __call__(self, dsk: Any, keys: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Compute a graph and return the values of some of its keys."""
        return self._client().get(dsk, keys, **kwargs)

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


SCHEDULER: Final = CurrentClientScheduler()

_undo: list[Callable[[], object]] = []


def install() -> None:
    """Make dask compute with the current client."""
    if _undo:
        return
    config: dict[str, object] = {"scheduler": SCHEDULER}
    if dask.config.get("dataframe.shuffle.method", None) is None:
        config.update(SHUFFLE)
    setting: Any = dask.config.set(config)
    former = {str(name): named_schedulers[name] for name in NAMES if name in named_schedulers}
    named_schedulers.update(dict.fromkeys(NAMES, SCHEDULER))

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
