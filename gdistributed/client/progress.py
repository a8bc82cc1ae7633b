"""A progress bar for futures: live in terminals and notebooks, one line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from dask.utils import key_split
from rich.console import Console

from gdistributed.client.bridge import BLOCKING, Bridge
from gdistributed.client.computing import futures_of
from gdistributed.client.future import Future
from gdistributed.client.progress_views import Line, View, view_on
from gdistributed.core.client.futures import Countdown, FutureRecord
from gdistributed.errors import GDistributedError
from gdistributed.v1 import activity_pb2

REFRESH_S: Final = 0.1
# How often the scheduler is asked how long tasks run, and how soon again when it did not answer.
ASK_S: Final = 1.0
ASK_AGAIN_S: Final = 10.0


class ProgressBar:
    """Shows how far futures are, until they are done.

    Parameters
    ----------
    futures
        What to show, by prefix of the keys.
    console
        Where to draw; standard output, or the cell of a notebook, by default.
    """

    def __init__(self, futures: Iterable[Future], console: Console | None = None) -> None:
        futures = list(futures)
        self._connection = futures[0].connection
        self._records = {future.record.key: future.record for future in futures}
        self._lines: dict[str, Line] = {}
        self._unsettled: list[tuple[FutureRecord, Line]] = []
        for key, record in self._records.items():
            prefix = str(key_split(key))
            line = self._lines.setdefault(prefix, Line(prefix))
            line.total += 1
            self._unsettled.append((record, line))
        self._view: View = view_on(console or Console())
        self._ask_at = 0.0

    async def show(self, bridge: Bridge) -> None:
        """Draw until all futures are done."""
        signal = bridge.signal()
        records = list(self._records.values())
        watch = Countdown(signal.set, len(records))
        with self._connection.locked() as brain:
            brain.watch(records, watch)
        begun = time.monotonic()
        try:
            with self._view as view:
                while self._count(time.monotonic()):
                    await self._learn_means()
                    view.draw(list(self._lines.values()), time.monotonic() - begun)
                    await signal.wait(REFRESH_S if view.is_live else None)
                view.draw(list(self._lines.values()), time.monotonic() - begun)
            view.end(list(self._lines.values()), time.monotonic() - begun)
        finally:
            if not watch.is_over:
                self._connection.unwatch(records, watch)

    def _count(self, now: float) -> bool:
        """Count again; say whether something is still to be done."""
        for record, line in self._unsettled:
            if record.is_settled:
                line.done += 1
                line.failed += record.error is not None
        self._unsettled = [each for each in self._unsettled if not each[0].is_settled]
        for line in self._lines.values():
            line.note(now, self._connection.workers.nthreads)
        return bool(self._unsettled)

    async def _learn_means(self) -> None:
        """Ask how long tasks run. Without an answer, rates have to do for the time that is left."""
        now = time.monotonic()
        if not self._view.is_live or now < self._ask_at:
            return
        self._ask_at = now + ASK_S
        request = activity_pb2.GetActivityRequest(limit=1)
        try:
            answer = await self._connection.ask(
                self._connection.activity.GetActivity, request, "asking how long tasks run", ASK_S
            )
        except GDistributedError:
            self._ask_at = now + ASK_AGAIN_S
            return
        for said in answer.prefixes:
            if said.prefix in self._lines:
                self._lines[said.prefix].mean_s = said.mean_run.ToNanoseconds() / 1e9


def progress(
    *futures: Any,  # noqa: ANN401
    console: Console | None = None,
) -> Any:  # noqa: ANN401
    """Show a progress bar for futures, and return when they are done.

    In a terminal and in a notebook it is a live bar for each kind of task: how many of its futures
    are done, how many that is in a second, and how long the others will take. That is said by the
    rate of the last seconds when at least ten have ended in them, else by the mean time of a run
    and the threads of the cluster. At the end, and elsewhere only then, a line sums it up. Errors
    are counted and not raised.

    Parameters
    ----------
    *futures
        Futures inside lists and the like, or collections that were persisted.
    console
        A rich console to draw on; standard output, or the cell of a notebook, by default.

    Returns
    -------
    None; where the futures are those of an asynchronous client, something to await.

    Examples
    --------
    >>> progress(client.map(abs, range(100)))  # doctest: +SKIP
    """
    found = futures_of(list(futures))
    bridge = found[0].connection.bridge if found else BLOCKING
    return bridge.run(ProgressBar(found, console).show(bridge)) if found else None
