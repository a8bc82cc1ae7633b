"""The page of `make bench-scale`: its table, its targets, its plot."""

from __future__ import annotations

import math
from typing import Any, Final

Row = dict[str, Any]

WORKERS_RATIO_MAX: Final = 1.5
TASKS_RATIO_MAX: Final = 1.3
HELD_NBYTES_MAX: Final = 1000
LEFT_MAX: Final = 1.05
COLOURS: Final = ("#1f6feb", "#d9480f", "#2b8a3e")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 320, 60, 270, 30


def page(rows: list[Row], machine: str) -> tuple[str, bool]:
    """Return the page, and whether all targets were reached."""
    lines = [
        "# How the scheduler scales",
        "",
        "What a task costs the scheduler's brain, from its submission to its release, with",
        "more workers and more tasks. The brain is the real one; workers and the client are",
        "played in the same process and answer at once, so nothing else is measured: no gRPC,",
        "no tasks. Each cell is a process of its own, the median of its rounds after a warm-up.",
        "",
        f"Measured by `make bench-scale` with {machine}.",
        "",
        "| workers | tasks | µs a task | bytes a held task | allocated after release | resident |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['workers']:,} | {row['tasks']:,} | {row['microseconds']:.1f} "
        f"| {row['held_nbytes']:.0f} | {row['left']:.1%} of before | {row['resident']:.1%} |"
        for row in rows
    ]
    lines += ["", "![microseconds a task over the number of workers](scale.svg)", "", "## Targets"]
    targets = list(_targets(rows))
    lines += ["", *(f"- {'reached' if good else 'MISSED'}: {text}" for text, good in targets), ""]
    lines += [
        "A held task is measured by the memory of the whole process. Allocated is what Python",
        "objects take (tracemalloc), before and after 50,000 tasks; resident is the process",
        "before and after a whole round: the allocator gives memory back in large pieces only.",
        "Before means: after tasks were run and released, so that the bounded rings of events",
        "and stories are full.",
        "",
    ]
    return "\n".join(lines), all(good for _, good in targets)


def _targets(rows: list[Row]) -> list[tuple[str, bool]]:
    cost = {(row["tasks"], row["workers"]): row["microseconds"] for row in rows}
    tasks, workers = sorted({each for each, _ in cost}), sorted({each for _, each in cost})
    found = []
    for count in tasks:
        ratio = cost[count, workers[-1]] / cost[count, workers[0]]
        text = (
            f"{count:,} tasks: a task costs {ratio:.2f} times as much with {workers[-1]:,} workers "
            f"as with {workers[0]:,} (at most {WORKERS_RATIO_MAX})"
        )
        found.append((text, ratio <= WORKERS_RATIO_MAX))
    for count in workers:
        ratio = cost[tasks[-1], count] / cost[tasks[0], count]
        text = (
            f"{count:,} workers: a task costs {ratio:.2f} times as much among {tasks[-1]:,} as "
            f"among {tasks[0]:,} (at most {TASKS_RATIO_MAX})"
        )
        found.append((text, ratio <= TASKS_RATIO_MAX))
    held = max(row["held_nbytes"] for row in rows)
    found.append(
        (f"a held task takes {held:.0f} bytes at most (under {HELD_NBYTES_MAX})",
         held < HELD_NBYTES_MAX)
    )  # fmt: skip
    left = max(row["left"] for row in rows)
    found.append(
        (f"after release {left:.1%} of what was allocated before is, at most ({LEFT_MAX:.0%})",
         left <= LEFT_MAX)
    )  # fmt: skip
    return found


def plot(rows: list[Row]) -> str:
    """Draw microseconds a task over the number of workers, a line for each number of tasks."""
    most = max(row["microseconds"] for row in rows) * 1.2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18">microseconds of the scheduler a task</text>',
    ]
    for step in range(5):
        value = most * step / 4
        lines.append(
            f'<path d="M{LEFT} {_y(value, most):.1f}H{WIDTH - 20}" stroke="#ddd"/>'
            f'<text x="{LEFT - 8}" y="{_y(value, most) + 4:.1f}" text-anchor="end">'
            f"{value:.0f}</text>"
        )
    for workers in sorted({row["workers"] for row in rows}):
        lines.append(
            f'<text x="{_x(workers, rows):.1f}" y="{BOTTOM + 18}" text-anchor="middle">'
            f"{workers:,} workers</text>"
        )
    for index, tasks in enumerate(sorted({row["tasks"] for row in rows})):
        colour = COLOURS[index % len(COLOURS)]
        points = [
            (_x(row["workers"], rows), _y(row["microseconds"], most))
            for row in rows
            if row["tasks"] == tasks
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        lines.append(
            f'<text x="{WIDTH - 24}" y="{18 + 16 * index}" text-anchor="end" fill="{colour}">'
            f"{tasks:,} tasks</text>"
        )
    return "\n".join([*lines, "</svg>", ""])


def _x(workers: int, rows: list[Row]) -> float:
    places = sorted(math.log10(row["workers"]) for row in rows)
    span = places[-1] - places[0] or 1.0
    return LEFT + 50 + (math.log10(workers) - places[0]) / span * (WIDTH - LEFT - 130)


def _y(value: float, most: float) -> float:
    return BOTTOM - value / most * (BOTTOM - TOP)
