"""Results for people: a table of plain text, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill
from typing import Any, Final

from systems import OURS, SystemEntry
from workloads.workload import Metric, Workload

from harness.numbers import shown
from harness.outcomes import DONE, NOT_OFFERED, Results
from harness.ratios import cost_growth, over_best
from harness.targets import TARGETS

COLUMN_WIDTH: Final = 9
LINE_WIDTH: Final = 100
GAP: Final = "  "


def text_report(results: Results, facts: dict[str, Any]) -> str:
    """Return everything a person wants to see of a run."""
    blocks = [
        _heading(results, facts),
        _table(results),
        _targets(results),
        *_failures(results),
    ]
    return "\n\n".join(blocks)


def _heading(results: Results, facts: dict[str, Any]) -> str:
    rounds = max((outcome.round for outcome in results.outcomes), default=0)
    kind = "quick, so small sizes; " if results.quick else ""
    lines = [
        f"gdistributed {facts['commit']} on {facts['processor']}, {facts['cpus']} CPUs",
        facts["time"],
        f"two workers of one thread; {kind}medians over {rounds} round{'s' * (rounds != 1)}",
    ]
    versions = {
        outcome.system: outcome.versions for outcome in results.outcomes if outcome.versions
    }
    for system in results.systems:
        found = versions.get(system.name, {})
        words = ", ".join(f"{name} {number}" for name, number in found.items())
        words = f"  {system.name:<13} {words or 'nothing was measured'}"
        lines.append(fill(words, LINE_WIDTH, subsequent_indent=" " * 16))
    return "\n".join(lines)


def _table(results: Results) -> str:
    rows = list(_rows(results))
    title_width = max(len(row[0]) for row in rows)
    names = rows[0][1:]
    widths = [max(COLUMN_WIDTH, len(name)) for name in names]
    lines = [
        GAP.join(
            [title.ljust(title_width)]
            + [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        ).rstrip()
        for title, *cells in rows
    ]
    rule = "-" * max(map(len, lines))
    note = "ratio: gdistributed over the best of the others; of ms, s and B less is better"
    return "\n".join([lines[0], rule, *lines[1:], rule, note])


def _rows(results: Results) -> Iterator[list[str]]:
    yield ["", *(system.name for system in results.systems), "ratio"]
    names = [system.name for system in results.systems]
    for workload in results.workloads:
        for metric in workload.metrics:
            title = workload.title.format(size=workload.size_for(results.quick))
            ratio = over_best(results, OURS, names, workload.name, metric.name)
            yield [
                f"{title} {metric.name}".rstrip() + f", {metric.unit}",
                *(_cell(results, workload, metric, system) for system in results.systems),
                _number(ratio),
            ]
    growth = [cost_growth(results, name, "map-50000", "map-1000") for name in names]
    if any(growth):
        yield ["cost of a task, most over fewest", *map(_number, growth), ""]


def _cell(results: Results, workload: Workload, metric: Metric, system: SystemEntry) -> str:
    figure = results.figure(workload, metric, system.name)
    if figure is not None:
        return shown(figure)
    state = results.state(workload, system)
    return "-" if state == NOT_OFFERED else state


def _number(figure: float | None) -> str:
    return "-" if figure is None else shown(figure)


def _targets(results: Results) -> str:
    title = "targets, meant for the full sizes" if results.quick else "targets"
    return "\n".join([title, *(target.as_line(results) for target in TARGETS)])


def _failures(results: Results) -> Iterator[str]:
    for outcome in results.outcomes:
        if outcome.state != DONE:
            words = outcome.last_words.replace("\n", "\n    ")
            yield (
                f"{outcome.workload} on {outcome.system}, round {outcome.round}: {outcome.state}"
                f" after {outcome.elapsed_s:.0f} s. Its last words:\n    {words}"
            )
