"""What `gd top` draws: a head, the workers, and the kinds of tasks, as many as have room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gdistributed.cli.figures import counted, in_bytes
from gdistributed.cli.top_figures import Figures, Kind
from gdistributed.core.durations import in_words
from gdistributed.core.words import word_of_status
from gdistributed.v1 import scheduler_pb2

Worker = scheduler_pb2.WorkerDescription

ORDERS: Final[dict[str, Callable[[Worker], Any]]] = {
    "cpu": lambda worker: (-worker.metrics.cpu_percent, worker.name),
    "memory": lambda worker: (-worker.metrics.memory_nbytes, worker.name),
    "tasks": lambda worker: (-worker.processing, worker.name),
    "name": lambda worker: worker.name,
}
# Lines beside the rows of the two tables: the head, the tables' titles, and what is between them.
OTHER_LINES: Final = 8
BAR_MIN: Final = 10
WIDTH_MIN: Final = 80
Part = tuple[float, str, str]


def screen(
    figures: Figures, width: int, height: int | None, order: str, trouble: str = ""
) -> RenderableType:
    """Draw a cluster.

    Parameters
    ----------
    figures
        Of the cluster.
    width, height
        Room, in characters; a height of None means as much as it takes.
    order
        Of the workers, a name in `ORDERS`.
    trouble
        Why the figures are old; empty when they are not.
    """
    kinds = _shown_kinds(figures)
    workers = sorted(figures.workers, key=ORDERS[order])
    n_workers, n_kinds = len(workers), len(kinds)
    if height is not None:
        rows = max(height - OTHER_LINES - bool(trouble), 2)
        n_workers = min(n_workers, max(rows // 2, rows - n_kinds))
        n_kinds = min(n_kinds, rows - n_workers)
    bar = max(BAR_MIN, BAR_MIN + (width - WIDTH_MIN) // 3)
    foot = f"[q]uit  sort by [c]pu [m]emory [t]asks [n]ame: {order}"
    parts: list[RenderableType] = [_head(figures, trouble), ""]
    parts += [_workers(workers, n_workers, bar), "", _tasks(kinds, n_kinds, bar)]
    if height is not None:
        parts += [Text(foot, style="dim", no_wrap=True, overflow="crop")]
    return Group(*parts)


def _shown_kinds(figures: Figures) -> list[Kind]:
    """Those that have tasks; what is not done first, each in the order in which they came."""
    kinds = [k for k in figures.kinds.values() if k.unfinished or k.done or k.erred]
    return sorted(kinds, key=lambda kind: not kind.unfinished)


def _head(figures: Figures, trouble: str) -> RenderableType:
    activity = figures.activity
    if activity is None:
        return Text(trouble, style="bold red")
    summary, load = activity.summary, activity.load
    up_s = summary.uptime.ToNanoseconds() / 1e9
    late_ms = load.event_loop_delay.ToNanoseconds() / 1e6
    lines = [
        f"[bold]{summary.address_to_clients}[/bold]  up {in_words(up_s)}, "
        f"{counted(summary.workers, 'worker')}, {counted(summary.nthreads, 'thread')}, "
        f"{counted(summary.clients, 'client')}",
        f"tasks      {figures.ended.rate:,.0f}/s{_left(figures)}, "
        f"{in_bytes(figures.moved.rate)}/s moved, results {in_bytes(summary.held_nbytes)}",
        f"scheduler  CPU {load.cpu_percent:.0f} %, memory {in_bytes(load.memory_nbytes)}, "
        f"loop {late_ms:.1f} ms late",
    ]
    text = Text.from_markup("\n".join(lines), overflow="ellipsis")
    text.no_wrap = True
    if trouble:
        text.append(f"\n{trouble}", style="bold red")
    return text


def _left(figures: Figures) -> str:
    left_s = figures.left_s
    return f", {in_words(left_s)} left" if left_s else ""


def _workers(workers: Sequence[Worker], shown: int, bar: int) -> RenderableType:
    if not workers:
        return Text("No workers. Start one with:  gd worker ADDRESS")
    table = _table(_with_rest("worker", shown, len(workers)), "memory")
    for title in ("", "spilled", "CPU", "run", "tasks"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True, overflow="ellipsis")
    for worker in workers[:shown]:
        metrics = worker.metrics
        state = word_of_status(worker.status)
        table.add_row(
            Text(worker.name),
            _memory_bar(worker, bar),
            in_bytes(metrics.memory_nbytes),
            in_bytes(metrics.spilled_nbytes) if metrics.spilled_nbytes else "-",
            f"{metrics.cpu_percent:.0f}",
            f"{metrics.executing}/{worker.nthreads}",
            f"{worker.processing:,}",
            Text(state, style="" if state == "running" else "yellow"),
        )
    return table


def _memory_bar(worker: Worker, width: int) -> RenderableType:
    limit_nbytes = worker.memory_limit_nbytes
    if not limit_nbytes:
        return Text("no limit", style="dim")
    managed = min(worker.metrics.managed_nbytes, worker.metrics.memory_nbytes)
    other = worker.metrics.memory_nbytes - managed
    free = max(limit_nbytes - managed - other, 0)
    parts: list[Part] = [(managed, "█", "green"), (other, "▒", "yellow"), (free, "·", "dim")]
    return _bar(parts, width)


def _tasks(kinds: Sequence[Kind], shown: int, bar: int) -> RenderableType:
    if not kinds:
        return Text("No tasks.")
    table = _table(_with_rest("tasks", shown, len(kinds)), "")
    for title in ("done", "run", "wait", "erred", "a second", "mean", "left"):
        table.add_column(title, justify="right", no_wrap=True)
    for kind in kinds[:shown]:
        parts: list[Part] = [
            (kind.done, "█", "green"),
            (kind.running, "▒", "cyan"),
            (kind.erred, "x", "red"),
            (kind.waiting, "·", "dim"),
        ]
        table.add_row(
            Text(kind.prefix or "(data)"),
            _bar(parts, bar),
            *(_count(each) for each in (kind.done, kind.running, kind.waiting)),
            Text(_count(kind.erred), style="red" if kind.erred else ""),
            f"{kind.pace.rate:,.1f}" if kind.pace.rate < 100 else f"{kind.pace.rate:,.0f}",
            in_words(kind.mean_s) if kind.mean_s else "-",
            ("?" if kind.left_s is None else in_words(kind.left_s)) if kind.unfinished else "-",
        )
    return table


def _with_rest(title: str, shown: int, there: int) -> str:
    return title if shown >= there else f"{title} {shown} of {there}"


def _count(number: int) -> str:
    """Return a count in at most five characters."""
    if number < 10_000:
        return str(number)
    return f"{number / 1000:.0f}k" if number < 1_000_000 else f"{number / 1e6:.1f}M"


def _table(first: str, second: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True, overflow="ellipsis", max_width=30)
    table.add_column(second, no_wrap=True)
    return table


def _bar(parts: Sequence[Part], width: int) -> Text:
    """Return a bar; a part that is not empty has at least one character, if there is room."""
    total = sum(size for size, _, _ in parts) or 1
    text, place, passed = Text(no_wrap=True), 0, 0.0
    for number, (size, character, style) in enumerate(parts):
        passed += size
        after = sum(1 for later, _, _ in parts[number + 1 :] if later)
        end = max(round(width * passed / total), place + (size > 0))
        end = max(min(end, width - after), place)
        text.append(character * (end - place), style=style)
        place = end
    return text
