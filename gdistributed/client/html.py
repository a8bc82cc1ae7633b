"""What notebooks show of our objects: small tables of plain HTML.

Colours are those of the page, light or dark, but for the dot that says a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

GOOD: Final = "#2e9e5b"
BUSY: Final = "#d89614"
BAD: Final = "#d9534f"
STILL: Final = "#8a8a8a"
COLOURS: Final = {
    **dict.fromkeys(("running", "finished", "memory"), GOOD),
    **dict.fromkeys(("connecting", "created", "pending", "lost", "processing"), BUSY),
    **dict.fromkeys(("error", "erred", "cancelled"), BAD),
}
# Notebooks set cells to the right, and stripe rows.
STYLE: Final = (
    "<style>.gdistributed table{border-collapse:collapse;margin:.3em 0;color:inherit;"
    "font-size:inherit}"
    ".gdistributed tr{background:none!important}"
    ".gdistributed th,.gdistributed td{text-align:left!important;padding:.1em 1.2em .1em 0;"
    "color:inherit;border:none}.gdistributed th{font-weight:600;opacity:.7}</style>"
)


class Link(str):
    """An address that is shown as a link to it."""


def dashboard(link: str) -> dict[str, Link]:
    """Return the fact where a dashboard is; nothing if there is none."""
    return {"dashboard": Link(link)} if link else {}


def facts(title: str, rows: Mapping[str, object], state: str = "") -> str:
    """Return a table of facts under a title, with a dot for a state. All texts are escaped.

    Examples
    --------
    >>> "<th>key</th><td>&lt;x&gt;</td>" in facts("Future", {"key": "<x>"})
    True
    """
    lines = (f"<tr>{_cell('th', name)}{_cell('td', value)}</tr>" for name, value in rows.items())
    return framed(f"{dot(state)}<strong>{escape(title)}</strong><table>{''.join(lines)}</table>")


def listing(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table with columns, folded away under its title. All texts are escaped.

    Examples
    --------
    >>> listing("Workers", ["name"], [["ada"]])
    '<details><summary>Workers</summary><table><tr><th>name</th></tr><tr><td>ada</td></tr></table></details>'
    """
    head = "".join(_cell("th", column) for column in columns)
    body = "".join(f"<tr>{''.join(_cell('td', each) for each in row)}</tr>" for row in rows)
    return (
        f"<details><summary>{escape(title)}</summary><table><tr>{head}</tr>{body}</table></details>"
    )


def framed(html: str) -> str:
    """Return HTML with the style of our tables."""
    return f'{STYLE}<div class="gdistributed">{html}</div>'


def dot(state: str) -> str:
    """Return a dot in the colour of a state; nothing for no state."""
    return f'<span style="color:{COLOURS.get(state, STILL)}">&#9679;</span> ' if state else ""


def _cell(tag: str, text: object) -> str:
    shown = escape(str(text))
    if isinstance(text, Link):
        shown = f'<a href="{shown}" target="_blank" rel="noopener">{shown}</a>'
    return f"<{tag}>{shown}</{tag}>"
