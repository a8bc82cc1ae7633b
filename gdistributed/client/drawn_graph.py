"""A graph of tasks as the scheduler knows it, drawn for notebooks."""

from __future__ import annotations

from html import escape
from typing import Final

from gdistributed.client.html import BAD, BUSY, GOOD, STILL, framed
from gdistributed.core.words import word_of_state
from gdistributed.v1 import activity_pb2 as pb

COLUMN: Final = 190
ROW: Final = 32
WIDTH: Final = 150
HEIGHT: Final = 22
LETTERS_MAX: Final = 22

# Colour of the page in JupyterLab, in VS Code, elsewhere: boxes hide the lines behind them.
PAGE: Final = "var(--jp-layout-color0,var(--vscode-editor-background,Canvas))"

DONE: Final = ("memory", "released")
COLOURS: Final = {"erred": BAD, "processing": BUSY, "memory": GOOD, "released": GOOD}
LEGEND: Final = {"done": GOOD, "running": BUSY, "erred": BAD, "waiting": STILL}


class DrawnGraph:
    """Tasks, or prefixes when there are many, and arrows from what is needed to what needs it.

    Parameters
    ----------
    answer
        What the scheduler says.

    Attributes
    ----------
    answer
        The same.
    """

    def __init__(self, answer: pb.GetGraphResponse) -> None:
        self.answer = answer

    def __repr__(self) -> str:
        return f"<DrawnGraph: {self._title}>"

    def _repr_html_(self) -> str:
        colours = "".join(
            f' <span style="color:{colour}">&#9679;</span> {state}'
            for state, colour in LEGEND.items()
        )
        return framed(
            f"<strong>{self._title}</strong>{colours}"
            f'<div style="overflow:auto;max-height:40em">{self.svg}</div>'
        )

    @property
    def svg(self) -> str:
        """The drawing as SVG, from left to right. Lines and letters have the colour of the page."""
        places = self._places()
        width = max((x for x, _ in places), default=0) + COLUMN
        height = max((y for _, y in places), default=0) + HEIGHT + 2
        lines = "".join(self._line(edge, places) for edge in self.answer.edges)
        boxes = "".join(map(_box, self.answer.nodes, places))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'font-family="sans-serif" font-size="11" fill="currentColor">{lines}{boxes}</svg>'
        )

    @property
    def _title(self) -> str:
        tasks = f"{self.answer.tasks:,} task{'' if self.answer.tasks == 1 else 's'}"
        return f"{tasks} by prefix" if self.answer.by_prefix else tasks

    def _places(self) -> list[tuple[int, int]]:
        """Return where each node is: right of all that it needs, below those that came before.

        Prefixes may need each other; an arrow that leads back moves nothing.
        """
        needed_by: dict[int, list[int]] = {}
        for edge in self.answer.edges:
            needed_by.setdefault(getattr(edge, "from"), []).append(edge.to)
        columns = [0] * len(self.answer.nodes)
        for origin in range(len(columns)):
            for target in needed_by.get(origin, ()):
                if target > origin:
                    columns[target] = max(columns[target], columns[origin] + 1)
        filled: dict[int, int] = {}
        places = []
        for column in columns:
            row = filled[column] = filled.get(column, 0) + 1
            places.append((1 + column * COLUMN, 1 + (row - 1) * ROW))
        return places

    def _line(self, edge: pb.GraphEdge, places: list[tuple[int, int]]) -> str:
        (x, y), (to_x, to_y) = places[getattr(edge, "from")], places[edge.to]
        x, y, to_y = x + WIDTH, y + HEIGHT // 2, to_y + HEIGHT // 2
        bend = (to_x - x) // 2 if to_x > x else 2 * ROW  # one that leads back goes around
        below = 0 if to_x > x else ROW
        way = f"M{x},{y} c{bend},{below} {to_x - x - bend},{to_y - y + below}"
        way += f" {to_x - x - 5},{to_y - y}"
        head = f"M{to_x},{to_y} l-6,-3 v6 z"
        said = f"<title>{edge.count:,} dependencies</title>" if edge.count > 1 else ""
        return (
            f'<g opacity=".5">{said}<path d="{way}" fill="none" stroke="currentColor"/>'
            f'<path d="{head}"/></g>'
        )


def _box(node: pb.GraphNode, place: tuple[int, int]) -> str:
    x, y = place
    label, said = node.name, node.name
    if node.state:
        states = [word_of_state(node.state)]
        said += f": {states[0]}"
    else:
        states = [state for state, count in node.tasks.items() if count]
        done = sum(node.tasks[state] for state in states if state in DONE)
        label = f"{_shortened(node.name, 14)} {done:,}/{sum(node.tasks.values()):,}"
        said += ": " + ", ".join(f"{node.tasks[state]:,} {state}" for state in states)
    colour = next((COLOURS[state] for state in COLOURS if state in states), STILL)
    if any(state not in COLOURS for state in states) and colour == GOOD:
        colour = STILL  # some are done, and the others wait
    return (
        f'<g transform="translate({x},{y})"><title>{escape(said)}</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="4" style="fill:{PAGE}"/>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="4" fill="{colour}" fill-opacity=".25" '
        f'stroke="{colour}"/>'
        f'<text x="{WIDTH // 2}" y="15" text-anchor="middle">'
        f"{escape(_shortened(label, LETTERS_MAX))}</text></g>"
    )


def _shortened(text: str, letters_max: int) -> str:
    return text if len(text) <= letters_max else f"{text[: letters_max - 1]}…"
