"""The client's part of a trace: what it submits, and how long it waits for results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gdistributed.core.client.futures import FutureRecord
from gdistributed.observe import traces

if TYPE_CHECKING:
    from gdistributed.client.connection import Connection


def submitting(connection: Connection, prefix: str = "", count: int = 0) -> traces.Span:
    """Begin the span of a submission, in whose trace its tasks will be.

    Parameters
    ----------
    prefix
        What the tasks have in common; empty when that is nothing.
    count
        How many there are, if that is known.
    """
    if not traces.are_on():
        return traces.NO_SPAN
    attributes: dict[str, str | int] = {"gdistributed.client.id": connection.id}
    if prefix:
        attributes["gdistributed.prefix"] = prefix
    if count:
        attributes["gdistributed.tasks"] = count
    return traces.OpenSpan("gdistributed.submit", "PRODUCER", attributes)


def gathering(connection: Connection, records: Iterable[FutureRecord]) -> traces.Span:
    """Begin the span of waiting for results.

    It is part of the caller's span. Where there is none it joins the trace of what is waited for,
    so that a graph is one trace either way; to other submissions it has links.
    """
    if not traces.are_on():
        return traces.NO_SPAN
    records = list(records)
    submissions = dict.fromkeys(each.traceparent for each in records if each.traceparent)
    parent = "" if traces.is_inside() else next(iter(submissions), "")
    submissions.pop(parent, None)
    attributes: dict[str, str | int] = {
        "gdistributed.client.id": connection.id,
        "gdistributed.tasks": len(records),
    }
    if len(records) == 1:
        attributes["gdistributed.key"] = records[0].key
    return traces.OpenSpan(
        "gdistributed.gather", "CLIENT", attributes, parent=parent, links=submissions
    )
