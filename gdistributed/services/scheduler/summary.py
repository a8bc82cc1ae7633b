"""The counts of a cluster."""

from __future__ import annotations

from gdistributed.services.scheduler.descriptions import duration
from gdistributed.services.scheduler.shell import Shell
from gdistributed.v1 import scheduler_pb2 as pb


def summarise(shell: Shell, summary: pb.GetSummaryResponse) -> pb.GetSummaryResponse:
    """Add to the facts of the server what is counted: tasks by state, workers, memory."""
    brain = shell.brain
    books = brain.books
    workers = books.workers.values()
    counted = pb.GetSummaryResponse(
        tasks={str(state): count for state, count in books.counts().items()},
        workers=len(workers),
        nthreads=books.nthreads,
        clients=len(shell.client_links),
        held_nbytes=sum(worker.held_nbytes for worker in workers),
        memory_limit_nbytes=sum(worker.memory_limit_nbytes for worker in workers),
        uptime=duration(shell.uptime_s),
        revision=brain.events.last,
    )
    summary.MergeFrom(counted)
    return summary
