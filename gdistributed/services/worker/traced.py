"""A worker's part of a trace: for each task how long it waited and ran, and what was fetched.

Only tasks that were submitted as part of a trace come here, and only where OpenTelemetry is
installed; all others cost a look at an empty string.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from gdistributed.core.worker.records import Fetch, RunRecord
from gdistributed.errors import Reschedule
from gdistributed.observe import traces
from gdistributed.runtime.calls import Call, Place, Template

KEYS_MAX: Final = 10


class TracedCall(Call):
    """A call that has spans: one until it begins, and one while it runs.

    The latter is current inside the user's function, so that what begins there is part of it: spans
    of the user's own, and tasks that are submitted.
    """

    __slots__ = ("_received", "_span")

    def __init__(self, run: RunRecord, template: Template, place: Place) -> None:
        super().__init__(run.key, run.attempt, run.task, template, place)
        self._received = run.ready_at - run.fetch_ns / 1e9
        self._span: traces.OpenSpan | None = None

    def run(self) -> None:
        if self.is_withdrawn or self.is_cancelled:
            super().run()  # which will not call the function
            return
        self._span = span = self._begin()
        with span.as_current():
            super().run()

    def resume(self) -> None:
        super().resume()
        if self._span is not None:
            self._span.make_current()  # in a context of the coroutine's own

    def returned(self, value: object, now_ns: int) -> None:
        super().returned(value, now_ns)
        self._end()

    def raised(self, error: BaseException) -> None:
        if self._span is not None and not isinstance(error, Reschedule):
            self._span.fail(error)
        self._end()
        super().raised(error)

    def _begin(self) -> traces.OpenSpan:
        parent, attributes = self.task.traceparent, self._attributes()
        waited_ns = int((time.monotonic() - self._received) * 1e9)
        began_ns = time.time_ns() - waited_ns
        with traces.OpenSpan(
            "gdistributed.wait", "INTERNAL", attributes, parent=parent, began_ns=began_ns
        ):
            """It ends here: the call begins."""
        return traces.OpenSpan("gdistributed.run", "CONSUMER", attributes, parent=parent)

    def _end(self) -> None:
        span, self._span = self._span, None
        if span is not None:
            span.end()

    def _attributes(self) -> traces.Attributes:
        return {
            "gdistributed.key": self.key,
            "gdistributed.attempt": self.attempt,
            "gdistributed.prefix": self.template.message.prefix,
            "gdistributed.worker.id": self.place.worker_id,
            "gdistributed.worker.name": self.place.worker_name,
        }


class TransferSpans:
    """A call to a peer, in the traces of the tasks that wait for what it fetches.

    Parameters
    ----------
    fetch
        The call, which is about to be made.
    place
        The worker that makes it.
    """

    def __init__(self, fetch: Fetch, place: Place) -> None:
        self._spans: list[traces.OpenSpan] = []
        if traces.are_on():
            attributes = _attributes_of(fetch, place)
            self._spans.extend(
                traces.OpenSpan("gdistributed.transfer", "CLIENT", attributes, parent=parent)
                for parent in _traces_of(fetch)
            )

    def fail(self, error: Exception) -> None:
        """The peer does not give what it was asked for."""
        for span in self._spans:
            span.fail(error)

    def end(self, nbytes: int) -> None:
        """The call is over; so much has come, by its size in memory."""
        for span in self._spans:
            span.note({"gdistributed.nbytes": nbytes})
            span.end()


def _attributes_of(fetch: Fetch, place: Place) -> traces.Attributes:
    return {
        "gdistributed.keys": tuple(fetch.wanted)[:KEYS_MAX],
        "gdistributed.peer.address": fetch.peer.address,
        "gdistributed.peer.id": fetch.peer.worker_id,
        "gdistributed.worker.id": place.worker_id,
        "gdistributed.worker.name": place.worker_name,
    }


def _traces_of(fetch: Fetch) -> Iterable[str]:
    """Return the traces of the tasks that wait for what is fetched, each once."""
    waiting = (run for data in fetch.wanted.values() for run in data.waiters or ())
    return dict.fromkeys(run.task.traceparent for run in waiting if run.task.traceparent)
