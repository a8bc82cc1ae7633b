"""What notebooks show of our objects: small tables of plain HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape


def facts(title: str, rows: Mapping[str, object]) -> str:
    """Return a table of facts under a title. All texts are escaped.

    Examples
    --------
    >>> facts("Future", {"key": "x"})
    '<strong>Future</strong><table><tr><th>key</th><td>x</td></tr></table>'
    """
    lines = (f"<tr>{_cell('th', name)}{_cell('td', value)}</tr>" for name, value in rows.items())
    return f"<strong>{escape(title)}</strong><table>{''.join(lines)}</table>"


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


def _cell(tag: str, text: object) -> str:
    return f"<{tag}>{escape(str(text))}</{tag}>"
