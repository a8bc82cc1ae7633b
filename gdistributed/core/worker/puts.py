"""Values that clients and peers put here, and that nobody may want.

Whoever puts a value tells the scheduler of it, which claims it. Until then the scheduler knows of
no such value, or means an older one of the same key: what it frees is not this one. What is not
claimed in time goes, since its client has died too soon.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gdistributed.core.worker.records import HELD
from gdistributed.v1 import worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.worker.brain import WorkerBrain


def book_put(brain: WorkerBrain, stored: worker_pb2.StoredData, number: int) -> None:
    """Book a value that was put here; it stays claimed if it takes the place of one that was."""
    older = brain.data.get(stored.key)
    was_wanted = older is not None and older.state is HELD and not older.is_freed
    data = brain.hold(stored.key, stored.nbytes, stored.type)
    data.is_freed, data.put = not was_wanted, number
    brain.agenda.at(brain.now + brain.settings.unclaimed_s, _end_waiting, brain, stored.key, number)


def claim(brain: WorkerBrain, claims: Iterable[worker_pb2.ClaimedData]) -> None:
    """The scheduler has been told of values; it hears of those that are not here."""
    for claimed in claims:
        data = brain.data.get(claimed.key)
        if data is None or data.state is not HELD:
            brain.mail().dropped.append(claimed.key)
        elif not claimed.put or claimed.put == data.put:
            data.is_freed, data.put = False, 0


def _end_waiting(brain: WorkerBrain, key: str, number: int) -> None:
    data = brain.data.get(key)
    if data is not None and data.put == number:
        data.put = 0
        if data.is_freed:
            brain.note(key, "was put here, and nobody claimed it")
        brain.release(data)
