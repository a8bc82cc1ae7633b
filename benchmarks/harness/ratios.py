"""Figures that compare: systems with each other, or two workloads of one system."""

from __future__ import annotations

from collections.abc import Iterable

from workloads import WORKLOADS

from harness.outcomes import Results


def figure_of(
    results: Results, system: str, workload_name: str, metric_name: str = ""
) -> float | None:
    """Return a figure by its names; None when it was not measured."""
    workload = WORKLOADS[workload_name]
    metric = next(metric for metric in workload.metrics if metric.name == metric_name)
    return results.figure(workload, metric, system)


def over_best(
    results: Results,
    system: str,
    peers: Iterable[str],
    workload_name: str,
    metric_name: str = "",
) -> float | None:
    """Return the figure of a system divided by that of its best peer.

    Where more is better a large ratio is good, else a small one.
    """
    workload = WORKLOADS[workload_name]
    metric = next(metric for metric in workload.metrics if metric.name == metric_name)
    own = results.figure(workload, metric, system)
    others = [results.figure(workload, metric, peer) for peer in peers if peer != system]
    known = [figure for figure in others if figure is not None]
    if own is None or not known:
        return None
    return own / (max(known) if metric.more_is_better else min(known))


def over_other(
    results: Results, system: str, workload_name: str, other_name: str, metric_name: str = ""
) -> float | None:
    """Return a figure of one workload divided by the same figure of another."""
    own = figure_of(results, system, workload_name, metric_name)
    other = figure_of(results, system, other_name, metric_name)
    return own / other if own is not None and other else None


def cost_growth(results: Results, system: str, many: str, few: str) -> float | None:
    """Return what a task costs in one workload, over what it costs in a smaller one."""
    rate_of_many = figure_of(results, system, many)
    rate_of_few = figure_of(results, system, few)
    if rate_of_many is None or rate_of_few is None:
        return None
    return rate_of_few / rate_of_many
