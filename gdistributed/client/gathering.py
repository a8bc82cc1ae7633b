"""Futures inside a structure become values inside the same structure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gdistributed.client.future import Future, failure_of, settled
from gdistributed.client.nested import SKIPPED, find_futures, replace_futures
from gdistributed.client.spans import gathering
from gdistributed.client.values import values_of
from gdistributed.core.client.futures import FINISHED

if TYPE_CHECKING:
    from gdistributed.client.bridge import Bridge
    from gdistributed.client.connection import Connection


async def gathered(
    connection: Connection,
    futures: Any,  # noqa: ANN401
    bridge: Bridge,
    skips_errors: bool = False,
    direct: bool | None = None,
) -> Any:  # noqa: ANN401
    """Wait for futures and return the structure with their values.

    Parameters
    ----------
    futures
        A future, or futures inside lists, tuples, sets and dicts.
    skips_errors
        Whether futures that erred are left out. Otherwise the first error is raised.
    direct
        As for `Client.gather`.
    """
    is_flat = isinstance(futures, list) and all(type(each) is Future for each in futures)
    found: Iterable[Future] = futures if is_flat else find_futures(futures)
    known = [future.record for future in found]
    records = {record.key: record for record in known}
    with gathering(connection, records.values()):
        await settled(connection, records.values(), bridge, stops_at_error=not skips_errors)
        if not skips_errors:
            for record in records.values():
                if record.state is not FINISHED and (failure := failure_of(record)) is not None:
                    raise failure
        values = await values_of(connection, records.values(), bridge, skips_errors, direct)
    if is_flat:
        return [values[record.key] for record in known if record.key in values]
    return replace_futures(futures, lambda future: values.get(future.record.key, SKIPPED))
