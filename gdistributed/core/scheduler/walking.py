"""Walks from task to task."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gdistributed.core.scheduler.records import TaskRecord


def reached(
    starts: Iterable[TaskRecord], next_ones: Callable[[TaskRecord], Iterable[TaskRecord]]
) -> list[TaskRecord]:
    """Return what is reached from tasks, each once: these first, nearer ones before others."""
    found = dict.fromkeys(starts)
    tasks = list(found)
    for task in tasks:  # grows while it is walked
        for other in next_ones(task):
            if other not in found:
                found[other] = None
                tasks.append(other)
    return tasks
