"""Ways around a cut between two workers that both live.

A result that could not be fetched from its holder is computed again, where it is needed if that may
be; else anywhere but at the holders that were of no use. Data that cannot be computed again stays,
and who needs it goes to its holder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gdistributed.core.scheduler.books import Books
    from gdistributed.core.scheduler.records import TaskRecord, WorkerRecord


@dataclass(slots=True)
class Detour:
    """Where a task had better run next.

    Attributes
    ----------
    best
        Where it is best to run it.
    avoided
        Where it was of no use to run it.
    """

    best: WorkerRecord
    avoided: dict[WorkerRecord, None] = field(default_factory=dict)


def note(books: Books, task: TaskRecord, best: WorkerRecord, avoided: WorkerRecord) -> None:
    """Have a task run on one worker, and not on another, if that may be."""
    detour = books.detours.setdefault(task, Detour(best))
    detour.best = best
    detour.avoided[avoided] = None
    detour.avoided.pop(best, None)


def worker_for(
    books: Books, task: TaskRecord, may_run: Callable[[WorkerRecord], bool]
) -> WorkerRecord | None:
    """Return where a task had better run; None when it makes no difference."""
    detour = books.detours.get(task)
    if detour is None or task.template is None:
        return None
    eligible = task.template.requirement.eligible
    if detour.best in eligible and may_run(detour.best):
        return detour.best
    return next(
        (each for each in eligible if each not in detour.avoided and may_run(each)),
        None,
    )


def worker_lost(books: Books, worker: WorkerRecord) -> None:
    """A worker is gone: it was not reached for that reason, and there is nothing to go around."""
    for task, detour in list(books.detours.items()):
        detour.avoided.pop(worker, None)
        if not detour.avoided or detour.best is worker:
            del books.detours[task]
