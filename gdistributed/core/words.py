"""Numbers of the protocol as the words that people and programs read."""

from __future__ import annotations

from gdistributed.v1 import task_pb2, worker_pb2


def word_of_status(status: worker_pb2.WorkerStatus.ValueType) -> str:
    """Return what a worker's status is called.

    Examples
    --------
    >>> word_of_status(worker_pb2.WORKER_STATUS_PAUSED)
    'paused'
    """
    return worker_pb2.WorkerStatus.Name(status).removeprefix("WORKER_STATUS_").lower()


def word_of_state(state: task_pb2.TaskState.ValueType) -> str:
    """Return what a task's state is called.

    Examples
    --------
    >>> word_of_state(task_pb2.TASK_STATE_NO_WORKER)
    'no_worker'
    """
    return task_pb2.TaskState.Name(state).removeprefix("TASK_STATE_").lower()
