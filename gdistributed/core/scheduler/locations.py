"""Where data lies, in the words in which a Center in another process is told."""

from __future__ import annotations

from collections.abc import Iterable

from gdistributed.core.scheduler.books import Books, Move
from gdistributed.v1 import center_pb2


def snapshot_of(books: Books, epoch: int) -> center_pb2.ReportLocationsRequest:
    """Tell of all that lies anywhere; what was told before is void."""
    batch = center_pb2.ReportLocationsRequest(epoch=epoch, snapshot=True)
    for task in books.tasks.values():
        for worker in task.who_has:
            batch.added.add(key=task.key, worker_id=worker.id, nbytes=task.nbytes)
    return batch


def changes_of(moved: Iterable[Move], epoch: int) -> center_pb2.ReportLocationsRequest:
    """Tell of changes; of several for one place only the last counts, as a batch has no order."""
    last = {(move.task.key, move.worker.id): move for move in moved}
    batch = center_pb2.ReportLocationsRequest(epoch=epoch)
    for (key, worker_id), move in last.items():
        lane = batch.added if move.added else batch.removed
        lane.add(key=key, worker_id=worker_id, nbytes=move.task.nbytes)
    return batch
