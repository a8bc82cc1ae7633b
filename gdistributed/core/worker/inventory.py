"""What a worker brings back from a session that is gone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gdistributed.core.worker.records import ABANDONED, ENDED, EXECUTING, HELD
from gdistributed.core.worker.seceding import tell_again
from gdistributed.v1 import task_pb2, worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.worker.brain import WorkerBrain

ITEM_NBYTES = 100


def take_inventory(brain: WorkerBrain, unacknowledged: Iterable[worker_pb2.FromWorker]) -> None:
    """Give up what has not begun, and write an inventory of the rest in place of all other mail.

    Reports that the scheduler may not have heard are in it; of results those only whose value is
    still held.
    """
    finished, erred = _reports(brain, unacknowledged)
    for run in list(brain.runs.values()):
        if run.state is not EXECUTING:
            brain.move(run, ENDED)
    for data in list(brain.data.values()):
        if data.put:
            data.is_freed = True  # unless it is claimed: what it took the place of does not count
        if data.state is not HELD:
            data.is_copied = False
            brain.release(data)
    for held in brain.data.values():
        if held.state is HELD and (held.put or not held.is_freed):
            brain.mail(len(held.key) + ITEM_NBYTES).inventory.held.add(
                key=held.key,
                nbytes=held.nbytes,
                type=held.type,
                attempt=held.attempt,
                put=held.put,
            )
    for run in brain.runs.values():
        brain.mail(len(run.key) + ITEM_NBYTES).inventory.running.add(
            key=run.key, attempt=run.attempt
        )
    for report in finished:
        data_or_none = brain.data.get(report.key)
        if data_or_none is not None and data_or_none.attempt == report.attempt:
            brain.mail(len(report.value) + ITEM_NBYTES).inventory.finished.append(report)
    for failure in erred:
        brain.mail(failure.ByteSize()).inventory.erred.append(failure)
    brain.mail().inventory.last = True
    tell_again(brain)


def drop_all(brain: WorkerBrain) -> None:
    """Nothing of what was handed over counts any more: only what threads still do goes on."""
    for run in list(brain.runs.values()):
        brain.move(run, ABANDONED if run.state is EXECUTING else ENDED)
    for data in list(brain.data.values()):
        data.is_freed = True
        data.is_copied = False
        data.put = 0
        brain.release(data)
    brain.take_mail()
    forget_numbers(brain)


def forget_numbers(brain: WorkerBrain) -> None:
    """Another scheduler will give its own numbers to templates and peers."""
    brain.functions, brain.templates, brain.peers, brain.timeouts_s = {}, {}, {}, {}


def _reports(
    brain: WorkerBrain, unacknowledged: Iterable[worker_pb2.FromWorker]
) -> tuple[list[task_pb2.TaskFinished], list[task_pb2.TaskErred]]:
    """Take all mail out of the outbox, and return the reports in it and in what was sent before."""
    batches = [*unacknowledged, *brain.take_mail()]
    finished = [report for batch in batches for report in batch.finished]
    finished += [report for batch in batches for report in batch.inventory.finished]
    erred = [report for batch in batches for report in batch.erred]
    erred += [report for batch in batches for report in batch.inventory.erred]
    return finished, erred
