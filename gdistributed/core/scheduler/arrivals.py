"""What is on its way to a worker: results that tasks need which it was handed, and it lacks.

They come one after the other, so that what a further task needs comes after all of them. Without
that, each of many short tasks would seem to start sooner where nothing of what it needs lies, and
all that they need would be moved.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gdistributed.core.scheduler.records import TaskRecord


class Arrivals:
    """The results that one worker is to get.

    Attributes
    ----------
    needed_by
        The results, each with the tasks that need it.
    nbytes
        Size of all of these results, as it was when they were first needed.
    """

    __slots__ = ("_sizes", "nbytes", "needed_by")

    def __init__(self) -> None:
        self.nbytes = 0
        self.needed_by: dict[TaskRecord, dict[TaskRecord, None]] = {}
        self._sizes: dict[TaskRecord, int] = {}

    def begin(self, task: TaskRecord, held: Container[TaskRecord]) -> None:
        """Note that the worker was handed a task, and holds some results already.

        What is not computed yet, it computes itself; what the scheduler keeps comes with the task.
        """
        for result in task.dependencies:
            if result not in held and result.who_has and not result.value:
                tasks = self.needed_by.get(result)
                if tasks is None:
                    tasks = self.needed_by[result] = {}
                    self._sizes[result] = result.nbytes
                    self.nbytes += result.nbytes
                tasks[task] = None

    def came(self, result: TaskRecord) -> None:
        """Note that the worker holds a result."""
        if self.needed_by.pop(result, None) is not None:
            self.nbytes -= self._sizes.pop(result)

    def end(self, task: TaskRecord) -> None:
        """Note that a task is no longer on the worker, and needs nothing there."""
        for result in task.dependencies:
            tasks = self.needed_by.get(result)
            if tasks is not None:
                tasks.pop(task, None)
                if not tasks:
                    self.came(result)
