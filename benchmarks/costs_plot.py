"""Draws what a task costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

COLOURS: Final = {"client": "#1f6feb", "scheduler": "#d9480f", "workers": "#2b8a3e"}
SYSTEM: Final = ", system"


@dataclass
class Bar:
    """One figure: microseconds by part, and under what it stands."""

    label: str
    parts: dict[str, float]


def plot(
    by_tasks: list[Bar], by_dependencies: list[Bar], by_workers: list[Bar], path: Path
) -> None:
    """Draw the three side by side, as stacked bars, and write them as SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "gdistributed", "font.size": 9, "svg.fonttype": "none"}
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
    draw(axes[0], by_tasks, "tasks of a map")
    draw(axes[1], by_dependencies, "dependencies of a task")
    draw(axes[2], by_workers, "workers (scheduler alone)")
    axes[0].set_ylabel("µs of processor time a task")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    figure.savefig(path, metadata={"Date": None})


def draw(axis: Any, bars: list[Bar], title: str) -> None:  # noqa: ANN401
    """Draw a stack for each figure; the system's part of a role is paler."""
    places = range(len(bars))
    below = [0.0] * len(bars)
    for part in bars[0].parts:
        heights = [bar.parts[part] for bar in bars]
        colour = COLOURS[part.removesuffix(SYSTEM)]
        pale = 0.45 if part.endswith(SYSTEM) else 1.0
        axis.bar(places, heights, bottom=below, color=colour, alpha=pale, label=part)
        below = [low + height for low, height in zip(below, heights, strict=True)]
    axis.set_xticks(list(places), [bar.label for bar in bars])
    axis.set_xlabel(title)
    axis.spines[["top", "right"]].set_visible(False)
