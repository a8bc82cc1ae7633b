"""The table of the worker's transitions, and one small function for each edge.

An edge does what surely follows: it keeps counts, and moves those that waited. It never chooses
what is fetched or run next; `fetching` and `brain` do that afterwards, on books that agree.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import TYPE_CHECKING, Any, Final

from gdistributed.core.worker.fetching import CROWD_S, ask_again
from gdistributed.core.worker.records import (
    ABANDONED,
    ARRIVING,
    COMING,
    CROWDED,
    ENDED,
    EXECUTING,
    FETCHING,
    GONE,
    HELD,
    KNOWN,
    MISSING,
    QUEUED,
    READY,
    RECEIVED,
    WAITING,
    DataRecord,
    RunRecord,
    State,
)
from gdistributed.settings import NS
from gdistributed.v1 import error_pb2, task_pb2

if TYPE_CHECKING:
    from gdistributed.core.worker.brain import WorkerBrain


def received_to_waiting(brain: WorkerBrain, run: RunRecord) -> None:
    """Some of its values are not here."""
    for data in run.uses or ():
        if data.state is not HELD:
            if data.waiters is None:
                data.waiters = {}
            data.waiters[run] = None
            run.waiting_on += 1


def received_to_ready(brain: WorkerBrain, run: RunRecord) -> None:
    """All that it needs came with it or is here."""
    _line_up(brain, run)


def waiting_to_ready(brain: WorkerBrain, run: RunRecord) -> None:
    """The last of its values has come."""
    if not run.follows:
        run.fetch_ns = int((brain.now - run.ready_at) * NS)
    run.ready_at = brain.now
    _line_up(brain, run)


def waiting_to_ended(brain: WorkerBrain, run: RunRecord) -> None:
    """Cancelled, given back, replaced by a newer attempt, or one of its values is broken."""
    for data in run.uses or ():
        if data.waiters is not None:
            data.waiters.pop(run, None)
    _report_error(brain, run)
    _forget_run(brain, run)


def ready_to_executing(brain: WorkerBrain, run: RunRecord) -> None:
    """A thread will take it. Short runs are not announced: their report comes soon."""
    brain.ready_count -= 1
    brain.load_ns += run.cost_ns
    brain.executing_count += 1
    brain.to_run.append(run)
    if brain.timeouts_s and (timeout_s := brain.timeouts_s.get(run.task.template)) is not None:
        brain.agenda.at(brain.now + timeout_s, _time_out, brain, run, timeout_s)
    if run.cost_ns >= brain.slot_ns:
        brain.mail().started.add(key=run.key, attempt=run.attempt)


def ready_to_ended(brain: WorkerBrain, run: RunRecord) -> None:
    """Cancelled, given back, or replaced by a newer attempt; it stays in the heap as a husk."""
    brain.ready_count -= 1
    _report_error(brain, run)
    _forget_run(brain, run)


def executing_to_abandoned(brain: WorkerBrain, run: RunRecord) -> None:
    """Nobody wants the result, but a thread cannot be stopped."""
    brain.to_cancel.append(run)
    brain.abandoned[run.key, run.attempt] = run
    if brain.runs.get(run.key) is run:
        del brain.runs[run.key]


def executing_to_ended(brain: WorkerBrain, run: RunRecord) -> None:
    """The runtime is done with it."""
    _leave_thread(brain, run)
    _forget_run(brain, run)


def abandoned_to_ended(brain: WorkerBrain, run: RunRecord) -> None:
    """The runtime is done with it, and nobody hears of it."""
    _leave_thread(brain, run)
    del brain.abandoned[run.key, run.attempt]
    _let_go(brain, run)


def known_to_queued(brain: WorkerBrain, data: DataRecord) -> None:
    """A holder was chosen, which will be asked when its turn comes."""
    if data.peer is None:
        raise brain.broken(data.key, "queued without a peer")
    data.peer.queue[data] = None
    data.peer.busy_nbytes += data.nbytes
    brain.peers_to_ask[data.peer] = None


def known_to_held(brain: WorkerBrain, data: DataRecord) -> None:
    """A result was stored, or a value was put here."""
    _take_in(brain, data)


def known_to_arriving(brain: WorkerBrain, data: DataRecord) -> None:
    """It rode along with a task, and is large enough to be kept for others."""


def known_to_coming(brain: WorkerBrain, data: DataRecord) -> None:
    """A run that was handed over before computes it."""


def known_to_missing(brain: WorkerBrain, data: DataRecord) -> None:
    """There is nobody left to ask: tell the scheduler what they answered."""
    mail = brain.mail()
    if data.refusals:
        mail.missing.extend(data.refusals)
    else:
        mail.dropped.append(data.key)  # perhaps the scheduler believes that it is here
        mail.missing.add(key=data.key)
    data.refusals = None


def known_to_crowded(brain: WorkerBrain, data: DataRecord) -> None:
    """All of its holders give it to others now: tell the scheduler, which names newer ones."""
    data.rests += 1
    asked = [brain.peers[each].worker_id for each in data.crowds or () if each in brain.peers]
    brain.mail().crowded.add(key=data.key, worker_ids=asked)
    brain.agenda.at(brain.now + CROWD_S, ask_again, brain, data, data.rests)


def known_to_gone(brain: WorkerBrain, data: DataRecord) -> None:
    """It was named, and nobody needs it."""
    del brain.data[data.key]


def queued_to_fetching(brain: WorkerBrain, data: DataRecord) -> None:
    """It is asked for now."""
    brain.fetching_count += 1
    brain.fetching_nbytes += data.nbytes
    if data.peer is not None:
        del data.peer.queue[data]


def queued_to_known(brain: WorkerBrain, data: DataRecord) -> None:
    """It is not asked for, after all: it came otherwise, or nobody needs it."""
    if data.peer is not None:
        del data.peer.queue[data]
        data.peer.busy_nbytes -= data.nbytes
        data.peer = None


def fetching_to_known(brain: WorkerBrain, data: DataRecord) -> None:
    """The call for it has come to its end, one way or the other."""
    brain.fetching_count -= 1
    brain.fetching_nbytes -= data.nbytes
    if data.peer is not None:
        data.peer.busy_nbytes -= data.nbytes
        data.peer = None
    if data.fetch is not None:
        data.fetch.wanted.pop(data.key, None)
        data.fetch = None


def arriving_to_known(brain: WorkerBrain, data: DataRecord) -> None:
    """It was stored, or cannot be."""


def coming_to_known(brain: WorkerBrain, data: DataRecord) -> None:
    """It was computed, or is to be had elsewhere, or nobody needs it."""


def crowded_to_known(brain: WorkerBrain, data: DataRecord) -> None:
    """A while is over, or there is a newer holder, or it came otherwise, or nobody needs it."""


def missing_to_known(brain: WorkerBrain, data: DataRecord) -> None:
    """There are holders again, or it came otherwise, or nobody needs it."""


def held_to_gone(brain: WorkerBrain, data: DataRecord) -> None:
    """Freed or deleted, and not in use; or the store has lost it."""
    brain.held_count -= 1
    brain.held_nbytes -= data.nbytes
    brain.to_drop.append(data.key)
    del brain.data[data.key]


TRANSITIONS: Final[dict[tuple[State, State], Callable[[WorkerBrain, Any], None]]] = {
    (RECEIVED, WAITING): received_to_waiting,
    (RECEIVED, READY): received_to_ready,
    (WAITING, READY): waiting_to_ready,
    (WAITING, ENDED): waiting_to_ended,
    (READY, EXECUTING): ready_to_executing,
    (READY, ENDED): ready_to_ended,
    (EXECUTING, ABANDONED): executing_to_abandoned,
    (EXECUTING, ENDED): executing_to_ended,
    (ABANDONED, ENDED): abandoned_to_ended,
    (KNOWN, QUEUED): known_to_queued,
    (KNOWN, HELD): known_to_held,
    (KNOWN, ARRIVING): known_to_arriving,
    (KNOWN, COMING): known_to_coming,
    (KNOWN, CROWDED): known_to_crowded,
    (KNOWN, MISSING): known_to_missing,
    (KNOWN, GONE): known_to_gone,
    (QUEUED, FETCHING): queued_to_fetching,
    (QUEUED, KNOWN): queued_to_known,
    (FETCHING, KNOWN): fetching_to_known,
    (ARRIVING, KNOWN): arriving_to_known,
    (COMING, KNOWN): coming_to_known,
    (CROWDED, KNOWN): crowded_to_known,
    (MISSING, KNOWN): missing_to_known,
    (HELD, GONE): held_to_gone,
}


def _line_up(brain: WorkerBrain, run: RunRecord) -> None:
    brain.arrivals += 1
    brain.ready_count += 1
    heappush(brain.ready, (run.task.rank, brain.arrivals, run))


def _take_in(brain: WorkerBrain, data: DataRecord) -> None:
    brain.held_count += 1
    brain.held_nbytes += data.nbytes
    data.holders = data.refusals = data.crowds = None
    waiters, data.waiters = data.waiters, None
    for run in waiters or ():
        run.waiting_on -= 1
        if not run.waiting_on:
            brain.move(run, READY)


def _time_out(brain: WorkerBrain, run: RunRecord, timeout_s: float) -> None:
    """A run has taken as long as it may: it has failed, whatever its thread still does."""
    if run.state is not EXECUTING:
        return
    run.error = error_pb2.TaskError(
        type="gdistributed.errors.TaskTimeout",
        message=f"the task {run.key!r} ran for longer than its timeout of {timeout_s:g} s",
        runtime="gdistributed",
        kind=error_pb2.TASK_ERROR_KIND_TIMEOUT,
        reason="TASK_TIMEOUT",
        key=run.key,
        retryable=True,
        counts=True,
    )
    _report_error(brain, run)
    brain.move(run, ABANDONED)


def _leave_thread(brain: WorkerBrain, run: RunRecord) -> None:
    if not run.has_seceded:
        brain.load_ns -= run.cost_ns
    brain.executing_count -= 1


def _report_error(brain: WorkerBrain, run: RunRecord) -> None:
    if run.error is not None:
        run.error.attempt = run.attempt
        brain.mail().erred.append(
            task_pb2.TaskErred(key=run.key, attempt=run.attempt, error=run.error)
        )


def _forget_run(brain: WorkerBrain, run: RunRecord) -> None:
    if brain.runs.get(run.key) is run:
        del brain.runs[run.key]
    _let_go(brain, run)


def _let_go(brain: WorkerBrain, run: RunRecord) -> None:
    """Give up the values that a run used; those that nobody wants any more go."""
    for data in run.uses or ():
        data.users -= 1
        if not data.users:
            brain.release(data)
    run.uses = None
