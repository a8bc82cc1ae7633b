"""Rounds: each workload on each system in turn, so that a noisy minute hits all systems alike."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from systems import SystemEntry
from workloads.workload import Workload

from harness.machine import available_mib
from harness.numbers import shown
from harness.outcomes import DONE, Outcome, Results
from harness.processes import measured


def run_rounds(
    results: Results, rounds: int, pythons: Mapping[str, Path], patience_s: float
) -> None:
    """Measure, and add what comes of it to the results as it comes.

    Parameters
    ----------
    results
        What systems and workloads to measure, and where outcomes go.
    rounds
        How often.
    pythons
        The interpreter of each environment.
    patience_s
        A system that has spent more than this on a workload is not asked for it again.
    """
    spent_s: defaultdict[tuple[str, str], float] = defaultdict(float)
    for round_number in range(1, rounds + 1):
        for workload in results.workloads:
            if not _has_room(workload, results.quick):
                continue
            for system in _in_turn(results.systems, round_number):
                cell = (workload.name, system.name)
                if workload.needs & system.lacks or spent_s[cell] > patience_s:
                    continue
                outcome = measured(
                    system,
                    workload,
                    workload.size_for(results.quick),
                    round_number,
                    pythons[system.environment],
                )
                spent_s[cell] += outcome.elapsed_s
                results.outcomes.append(outcome)
                _tell(outcome, workload, rounds)


def _has_room(workload: Workload, quick: bool) -> bool:
    """Say whether this machine has memory enough for a workload."""
    needed_mib = workload.memory_mib(workload.size_for(quick))
    has_room = needed_mib <= available_mib()
    if not has_room:
        print(f"{workload.name}: needs {needed_mib:,} MiB of memory", file=sys.stderr, flush=True)
    return has_room


def _in_turn(systems: list[SystemEntry], round_number: int) -> list[SystemEntry]:
    """Let another system begin in each round."""
    first = (round_number - 1) % len(systems)
    return systems[first:] + systems[:first]


def _tell(outcome: Outcome, workload: Workload, rounds: int) -> None:
    if outcome.state == DONE:
        figures = (
            f"{metric.name} {shown(metric.summarise(outcome.samples))} {metric.unit}".strip()
            for metric in workload.metrics
        )
        words = ", ".join(figures)
    else:
        words = outcome.state
    print(
        f"round {outcome.round}/{rounds}  {workload.name:<17} {outcome.system:<13} {words}",
        file=sys.stderr,
        flush=True,
    )
