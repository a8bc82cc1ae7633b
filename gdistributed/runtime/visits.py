"""A function that is called on a worker at once: no task, but it may ask what tasks may ask."""

from __future__ import annotations

from gdistributed.runtime.calls import Place
from gdistributed.runtime.context import TaskContext


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
        place = self._place
        return TaskContext(
            key=self.key,
            attempt=0,
            worker_id=place.worker_id,
            worker_name=place.worker_name,
            scheduler_address=place.scheduler_address,
            worker=place.worker,
            loop=place.loop,
        )

    def secede(self) -> bool:
        """There is no thread to leave to others."""
        return False

    def rejoin(self) -> None:
        """There is nothing to wait for."""
