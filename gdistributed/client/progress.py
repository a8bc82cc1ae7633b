"""A progress bar for futures: live in terminals and notebooks, a few plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

from dask.utils import key_split
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gdistributed.client.bridge import BLOCKING, Bridge, Signal
from gdistributed.client.computing import futures_of
from gdistributed.client.future import Future
from gdistributed.core.client.futures import Countdown

REFRESH_S = 0.1
PLAIN_STEPS = 10


class Counts:
    """How many futures of each prefix are done and have erred.

    Parameters
    ----------
    futures
        What to count.
    """

    def __init__(self, futures: Iterable[Future]) -> None:
        self.records = {future.record.key: future.record for future in futures}
        self.totals: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.failed: dict[str, int] = {}
        self._prefixes = {key: str(key_split(key)) for key in self.records}
        for prefix in self._prefixes.values():
            self.totals[prefix] = self.totals.get(prefix, 0) + 1

    def count(self) -> None:
        """Count again."""
        self.done = dict.fromkeys(self.totals, 0)
        self.failed = dict.fromkeys(self.totals, 0)
        for key, record in self.records.items():
            if record.is_settled:
                prefix = self._prefixes[key]
                self.done[prefix] += 1
                self.failed[prefix] += record.error is not None

    @property
    def is_complete(self) -> bool:
        """Whether all are done, as of the last count."""
        return self.done == self.totals


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
        self._futures = list(futures)
        self._counts = Counts(self._futures)
        self._console = console or Console()
        self._tenth = -1

    async def show(self, bridge: Bridge) -> None:
        """Draw until all futures are done."""
        signal = bridge.signal()
        records = list(self._counts.records.values())
        watch = Countdown(signal.set, len(records))
        connection = self._futures[0].connection
        with connection.locked() as brain:
            brain.watch(records, watch)
        try:
            if self._is_live:
                await self._show_live(signal)
            else:
                await self._show_plain(signal)
        finally:
            if not watch.is_over:
                connection.unwatch(records, watch)

    @property
    def _is_live(self) -> bool:
        """Whether what was drawn can be drawn again; a notebook needs ipywidgets for that."""
        if self._console.is_jupyter:
            return find_spec("ipywidgets") is not None
        return self._console.is_terminal

    async def _show_live(self, signal: Signal) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, auto_refresh=False) as bars:
            lines = {
                prefix: bars.add_task(prefix, total=total, note="")
                for prefix, total in self._counts.totals.items()
            }
            while True:
                self._counts.count()
                for prefix, line in lines.items():
                    failed = self._counts.failed[prefix]
                    note = f"[red]{failed} erred[/red]" if failed else ""
                    bars.update(line, completed=self._counts.done[prefix], note=note)
                bars.refresh()
                if not await self._goes_on(signal):
                    return

    async def _show_plain(self, signal: Signal) -> None:
        while True:
            self._counts.count()
            done, total = sum(self._counts.done.values()), sum(self._counts.totals.values())
            tenth = PLAIN_STEPS * done // max(total, 1)
            if tenth != self._tenth:
                self._tenth = tenth
                parts = (f"{p} {n}/{self._counts.totals[p]}" for p, n in self._counts.done.items())
                failed = sum(self._counts.failed.values())
                erred = f", {failed} erred" if failed else ""
                print(f"{done}/{total} done{erred}: {', '.join(parts)}", file=self._console.file)
            if not await self._goes_on(signal):
                return

    async def _goes_on(self, signal: Signal) -> bool:
        """Wait a little while; say whether there is something left to show."""
        if self._counts.is_complete:
            return False
        await signal.wait(REFRESH_S)
        return True


def progress(
    *futures: Any,  # noqa: ANN401
    console: Console | None = None,
) -> Any:  # noqa: ANN401
    """Show a progress bar for futures, and return when they are done.

    In a terminal, and in a notebook where ipywidgets is installed, it is a live bar for each kind
    of task; elsewhere a plain line now and then. Errors are counted and not raised.

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
