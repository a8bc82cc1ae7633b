"""How progress is shown: in a terminal, in a notebook, or by one line at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from html import escape
from types import TracebackType
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gdistributed.client.html import BAD, framed
from gdistributed.core.durations import in_words
from gdistributed.core.pace import Pace, seconds_left

BAR: Final = 24
NOTEBOOK_LINES: Final = 30
SUMMED_UP: Final = 5


@dataclass(slots=True)
class Line:
    """How far the futures of a prefix are.

    Attributes
    ----------
    total, done, failed
        How many there are, have ended, and have failed.
    mean_s
        How long such a task runs, in seconds; 0 when that is not known.
    left_s
        When all are done, in seconds; None when that is not known.
    """

    prefix: str
    total: int = 0
    done: int = 0
    failed: int = 0
    mean_s: float = 0.0
    left_s: float | None = None
    pace: Pace = field(default_factory=Pace)
    _said: tuple[int, float] = (-1, 0.0)
    _due: float | None = None

    def note(self, now: float, nthreads: int) -> None:
        """Take in what has changed; in between the time that is left runs down."""
        self.pace.note(self.done, now)
        if self._said != (self.done, self.mean_s):
            self._said = self.done, self.mean_s
            left_s = seconds_left(self.total - self.done, self.pace, self.mean_s, nthreads)
            self._due = None if left_s is None else now + left_s
        self.left_s = None if self._due is None else max(self._due - now, 0.0)

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """What is said of it: count, failures, rate, time left."""
        rate = f"{self.pace.rate:,.1f}/s" if self.pace.rate else ""
        left = f"{in_words(round(self.left_s or 0))} left" if self.left_s is not None else ""
        is_over = self.done == self.total
        erred = f"{self.failed:,} erred" if self.failed else ""
        return f"{self.done:,}/{self.total:,}", erred, rate, "" if is_over else left


def chosen(lines: Sequence[Line], count: int) -> tuple[list[Line], str]:
    """Return the lines to show, those that go on first, and what is said of the others."""
    if len(lines) <= count:
        return list(lines), ""
    ordered = sorted(lines, key=lambda line: line.done == line.total)
    others = ordered[count:]
    done, total = sum(line.done for line in others), sum(line.total for line in others)
    return ordered[:count], f"and {len(others):,} more: {done:,}/{total:,}"


def summary(lines: Sequence[Line], seconds: float) -> str:
    """Return a line about all of it."""
    done, failed = sum(line.done for line in lines), sum(line.failed for line in lines)
    kinds = [f"{line.prefix} {line.done:,}/{line.total:,}" for line in lines[:SUMMED_UP]]
    kinds += [f"and {len(lines) - SUMMED_UP:,} more"] if len(lines) > SUMMED_UP else []
    erred = f", {failed:,} erred" if failed else ""
    rate = f", {done / seconds:,.1f}/s" if seconds > 0 else ""
    total = sum(line.total for line in lines)
    return f"{done:,}/{total:,} done{erred} in {in_words(seconds)}{rate}: {', '.join(kinds)}"


class View(AbstractContextManager["View"]):
    """Nothing is drawn; the line at the end is printed.

    Parameters
    ----------
    console
        Where.
    """

    is_live = False

    def __init__(self, console: Console) -> None:
        self._console = console

    def draw(self, lines: Sequence[Line], seconds: float) -> None:
        """Draw all anew."""

    def end(self, lines: Sequence[Line], seconds: float) -> None:
        """Sum it up, after the last drawing."""
        print(summary(lines, seconds), file=self._console.file)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


class TerminalView(View):
    """Bars in a terminal, as many as there is room for."""

    is_live = True

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> TerminalView:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def draw(self, lines: Sequence[Line], seconds: float) -> None:
        """Draw all anew."""
        shown, others = chosen(lines, max(self._console.height - 3, 1))
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=24)
        table.add_column()
        for style in ("", "red", "", ""):
            table.add_column(justify="right", no_wrap=True, style=style)
        for line in shown:
            bar = ProgressBar(total=line.total, completed=line.done, width=BAR)
            table.add_row(Text(line.prefix), bar, *map(Text, line.texts))
        if others:
            table.add_row(Text(others))
        self._live.update(table, refresh=True)


class NotebookView(View):
    """Bars in the cell of a notebook: in a widget, or as HTML that is replaced."""

    is_live = True

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._put: Callable[[str], None] = _canvas()

    def draw(self, lines: Sequence[Line], seconds: float) -> None:
        """Draw all anew."""
        self._put(in_html(lines))

    def end(self, lines: Sequence[Line], seconds: float) -> None:
        """Sum it up below the bars."""
        self._put(in_html(lines, summary(lines, seconds)))


def in_html(lines: Sequence[Line], end: str = "") -> str:
    """Return bars as HTML. All texts are escaped."""
    shown, others = chosen(lines, NOTEBOOK_LINES)
    rows = []
    for line in shown:
        count, erred, rate, left = map(escape, line.texts)
        bar = f'<progress max="{line.total}" value="{line.done}"></progress>'
        cells = (
            *(escape(line.prefix), bar, count),
            *(f'<span style="color:{BAD}">{erred}</span>' if erred else "", rate, left),
        )
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    below = "".join(f"<div>{escape(text)}</div>" for text in (others, end) if text)
    return framed(f"<table>{''.join(rows)}</table>{below}")


def _canvas() -> Callable[[str], None]:
    """Put an empty place into the cell; return what replaces its HTML, from any thread."""
    from IPython import display as ipython  # type: ignore[import-not-found,unused-ignore]

    display: Any = ipython.display  # they come without types
    html_of: Any = ipython.HTML
    try:
        import ipywidgets  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        place = display(html_of(""), display_id=True)
        return lambda html: place.update(html_of(html))
    widget: Any = ipywidgets.HTML()
    display(widget)
    return lambda html: setattr(widget, "value", html)


def view_on(console: Console) -> View:
    """Return the view for a console."""
    if console.is_jupyter:
        return NotebookView(console)
    return TerminalView(console) if console.is_terminal else View(console)
