"""The tasks of a worker that calls by Synchronize, written down as it reads them."""

from __future__ import annotations

import time
from typing import Final

from gdistributed.core.worker.records import RunRecord
from gdistributed.core.worker.synchronizing import Attempt, check_size
from gdistributed.data.arguments import unpack_call
from gdistributed.errors import SerializationError
from gdistributed.services.scheduler.plain import plain_argument
from gdistributed.services.stand_in.values import HeldValues
from gdistributed.settings import MIB
from gdistributed.v1 import scheduler_pb2, task_pb2

# An answer stays below the 4 MiB that most gRPC clients take.
ANSWER_NBYTES: Final = 3 * MIB


class WrittenTasks:
    """Tasks with their arguments, from when a thread of the worker is theirs until they end.

    Parameters
    ----------
    values
        Has the results that arguments refer to, and counts what the tasks take.
    nbytes_max
        Bound on one task.
    """

    def __init__(self, values: HeldValues, nbytes_max: int) -> None:
        self._values = values
        self._nbytes_max = nbytes_max
        self._tasks: dict[Attempt, scheduler_pb2.SynchronizedTask] = {}
        self._told_at: dict[Attempt, float] = {}

    def write(
        self, run: RunRecord, template: task_pb2.TaskTemplate, function: task_pb2.Function | None
    ) -> None:
        """Write a task down.

        Raises
        ------
        SerializationError
            If its arguments cannot be read, or cannot be said in plain codecs.
        ValueTooLarge
            If it is too large with them.
        """
        if template.actor:
            raise SerializationError("actors are instances of Python classes, and live in Python")
        results = {each.key: self._values.of_dependency(each) for each in run.task.dependencies}
        args, kwargs = unpack_call(run.task.arguments, results)
        named = [("", value) for value in args] + list(kwargs.items())
        task = scheduler_pb2.SynchronizedTask(
            key=run.key,
            attempt=run.attempt,
            function=function,
            plain_arguments=[plain_argument(name, value) for name, value in named],
        )
        nbytes = task.ByteSize()
        check_size(f"the task {run.key!r} takes with its arguments", nbytes, self._nbytes_max)
        self._tasks[run.key, run.attempt] = task
        self._values.count(nbytes)

    def forget(self, run: RunRecord) -> None:
        """A task has ended, or is given up."""
        task = self._tasks.pop((run.key, run.attempt), None)
        if task is not None:
            self._values.count(-task.ByteSize())
        self._told_at.pop((run.key, run.attempt), None)

    def was_told(self, run: RunRecord) -> bool:
        """Say whether the worker may know of a task."""
        return (run.key, run.attempt) in self._told_at

    def run_ns(self, run: RunRecord) -> int:
        """Return how long ago the worker was first told of a task; 0 if it was not."""
        told_at = self._told_at.get((run.key, run.attempt))
        return int((time.monotonic() - told_at) * 1e9) if told_at is not None else 0

    def tell(
        self, names: dict[Attempt, RunRecord], running: dict[Attempt, None]
    ) -> list[scheduler_pb2.SynchronizedTask]:
        """Return the tasks of these runs, as many as fit into an answer, but one at least.

        Of those that the worker runs already only the names are said.
        """
        told: list[scheduler_pb2.SynchronizedTask] = []
        left_nbytes = ANSWER_NBYTES
        for key, attempt in names:
            if (key, attempt) in running:
                told.append(scheduler_pb2.SynchronizedTask(key=key, attempt=attempt))
                continue
            task = self._tasks[key, attempt]
            if task.ByteSize() <= left_nbytes or left_nbytes == ANSWER_NBYTES:
                left_nbytes -= task.ByteSize()
                told.append(task)
                self._told_at.setdefault((key, attempt), time.monotonic())
        return told
