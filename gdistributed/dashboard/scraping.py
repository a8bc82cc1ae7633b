"""The metrics of a cluster, for a Prometheus that comes by."""

from __future__ import annotations

import grpc

from gdistributed.dashboard.gateway import ASKED_OF_SCHEDULER, ask
from gdistributed.observe.metrics import WORKERS_MAX, exposition
from gdistributed.v1 import activity_pb2, scheduler_pb2


def metrics_of(channel: grpc.Channel, accept: str) -> tuple[str, bytes]:
    """Ask a scheduler, and return the content type and the text.

    Parameters
    ----------
    channel
        To the scheduler.
    accept
        What the reader accepts, as in the header of that name.

    Raises
    ------
    CallFailed
        If the scheduler does not answer.
    """
    about_tasks = activity_pb2.GetActivityRequest(limit=1)  # single runs are no metrics
    about_workers = scheduler_pb2.ListWorkersRequest(page_size=WORKERS_MAX)
    activity = ask(channel, ASKED_OF_SCHEDULER["Activity/GetActivity"], about_tasks)
    listed = ask(channel, ASKED_OF_SCHEDULER["Scheduler/ListWorkers"], about_workers)
    return exposition(activity, listed.workers, accept)
