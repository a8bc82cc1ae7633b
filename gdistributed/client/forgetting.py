"""Tasks that go on though nobody waits for them."""

from __future__ import annotations

from typing import Any

from gdistributed.client.computing import futures_of


def fire_and_forget(futures: Any) -> None:  # noqa: ANN401
    """Have tasks run to their end, though their futures are dropped or their client ends.

    Their results are let go as soon as they are there.

    Parameters
    ----------
    futures
        A future, or futures or persisted collections inside lists, tuples, sets and dicts.

    Examples
    --------
    >>> fire_and_forget(client.submit(print, "hello"))  # doctest: +SKIP
    """
    for future in futures_of(futures):
        connection = future.connection
        with connection.locked() as brain:
            brain.hold([future.record.key], f"forget:{connection.id}", until_done=True)
