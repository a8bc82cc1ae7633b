"""A function that is called on a worker at once: no task, but it may ask what tasks may ask."""

from __future__ import annotations

from gdistributed.runtime.calls import Place
from gdistributed.runtime.context import TaskContext
from gdistributed.v1 import task_pb2


class Visit:
    """What stands in the place of a task while such a function runs. It holds none of the threads.

    Parameters
    ----------
    place
        The worker.
    """

    key = ""

    def __init__(self, place: Place) -> None:
        self._place = place

    def context(self) -> TaskContext:
        """Say where it runs."""
        return self._place.context(self.key)

    def secede(self) -> bool:
        """There is no thread to leave to others."""
        return False

    def rejoin(self) -> None:
        """There is nothing to wait for."""

    def said(self, stream: task_pb2.OutputStream.ValueType, text: str) -> None:
        """What is printed goes where the worker's own lines go, and nowhere else."""
