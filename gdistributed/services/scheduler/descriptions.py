"""Records as people see them."""

from __future__ import annotations

from typing import Final

from google.protobuf import duration_pb2, timestamp_pb2

from gdistributed.core.scheduler.events import Event
from gdistributed.core.scheduler.records import ClientRecord, TaskRecord, WorkerRecord
from gdistributed.core.scheduler.states import State
from gdistributed.settings import NS
from gdistributed.v1 import scheduler_pb2, task_pb2

STATES: Final = {state: task_pb2.TaskState.Value(f"TASK_STATE_{state.name}") for state in State}


class WallClock:
    """Turns times of the brain's clock into those that people read.

    Parameters
    ----------
    zero_ns
        When the brain's clock stood at zero, in nanoseconds since 1970.
    """

    def __init__(self, zero_ns: int) -> None:
        self._zero_ns = zero_ns

    def at(self, then: float) -> timestamp_pb2.Timestamp:
        """Return a time as a timestamp."""
        stamp = timestamp_pb2.Timestamp()
        stamp.FromNanoseconds(self._zero_ns + int(then * NS))
        return stamp


def describe_task(task: TaskRecord, full: bool) -> scheduler_pb2.TaskDescription:
    """Describe a task, in the basic or the full view."""
    description = scheduler_pb2.TaskDescription(
        key=task.key,
        state=STATES[task.state],
        prefix=task.prefix,
        nbytes=task.nbytes if task.who_has else 0,
        type=task.type,
        processing_on=task.processing_on.address if task.processing_on is not None else "",
        holders=[worker.address for worker in task.who_has],
    )
    if full:
        _describe_the_rest(task, description)
    return description


def _describe_the_rest(task: TaskRecord, description: scheduler_pb2.TaskDescription) -> None:
    description.dependencies.extend(each.key for each in task.dependencies)
    description.dependents.extend(each.key for each in task.dependents or ())
    description.wanted_by.extend(client.name for client in task.wanted_by)
    description.waiting_on.extend(each.key for each in task.dependencies if not each.who_has)
    description.attempt = task.attempt
    if task.template is not None:
        description.retries = task.template.retries - task.failures
        description.priority = task.template.message.priority
    if task.error is not None:
        description.error.CopyFrom(task.error)


def describe_worker(worker: WorkerRecord, now: float) -> scheduler_pb2.WorkerDescription:
    """Describe a worker."""
    return scheduler_pb2.WorkerDescription(
        worker_id=worker.id,
        name=worker.name,
        address=worker.address,
        host=worker.host,
        process_id=worker.hello.process_id,
        nthreads=worker.nthreads,
        status=worker.status,  # type: ignore[arg-type]
        processing=len(worker.processing) + len(worker.seceded),
        held=len(worker.has),
        held_nbytes=worker.held_nbytes,
        memory_limit_nbytes=worker.memory_limit_nbytes,
        occupancy=duration(worker.occupancy_ns / 1e9),
        metrics=worker.metrics,
        resources=worker.hello.resources,
        runtimes=[offer.runtime for offer in worker.hello.runtimes],
        last_seen=duration(now - worker.last_seen),
        software=worker.hello.software,
        nanny_address=worker.hello.nanny_address,
        same_host=worker.hello.same_host,
        data_address=worker.hello.data_address,
    )


def describe_client(client: ClientRecord) -> scheduler_pb2.ClientDescription:
    """Describe a client or a holder."""
    return scheduler_pb2.ClientDescription(
        client_id=client.id,
        name=client.name,
        host=client.host,
        wanted=len(client.wants),
        connected=client.connected,
    )


def describe_event(revision: int, event: Event, clock: WallClock) -> scheduler_pb2.Event:
    """Describe an event; its time is told by the clock on the wall."""
    message = scheduler_pb2.Event(
        revision=revision,
        time=clock.at(event.now),
        kind=event.kind,
        subject=event.subject,
        via=event.path.via,
        to=event.target,
        worker=event.worker,
        detail=event.detail,
        prefix=event.prefix,
    )
    setattr(message, "from", event.origin)  # a word that Python keeps for itself
    return message


def duration(seconds: float) -> duration_pb2.Duration:
    """Make a duration."""
    message = duration_pb2.Duration()
    message.FromNanoseconds(int(seconds * 1e9))
    return message
