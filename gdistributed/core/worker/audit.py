"""Counts everything in the worker's books again and compares: for tests and the simulator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gdistributed.core.worker.records import (
    ABANDONED,
    EXECUTING,
    FETCHING,
    HELD,
    KNOWN,
    QUEUED,
    READY,
    WAITING,
    DataRecord,
    RunRecord,
)
from gdistributed.errors import InvariantBroken
from gdistributed.v1 import worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.worker.brain import WorkerBrain

RUNNING = worker_pb2.WORKER_STATUS_RUNNING


def audit(brain: WorkerBrain) -> None:
    """Compare the books with what they say about each other.

    Raises
    ------
    InvariantBroken
        Naming all differences.
    """
    found = [*_runs(brain), *_data(brain), *_peers(brain), *_idleness(brain)]
    if found:
        raise InvariantBroken("; ".join(found))


def _runs(brain: WorkerBrain) -> Iterator[str]:
    for key, run in brain.runs.items():
        if run.key != key or run.state not in (WAITING, READY, EXECUTING):
            yield f"run {key!r} is {run.state}"
        missing = [data for data in run.uses or () if data.state is not HELD]
        if run.waiting_on != len(missing) or (run.state is WAITING) != bool(missing):
            yield f"run {key!r} is {run.state} and waits on {run.waiting_on}, lacks {len(missing)}"
    for name, run in brain.abandoned.items():
        if name != (run.key, run.attempt) or run.state is not ABANDONED:
            yield f"abandoned run {name} is {run.state}"
    executing = [run for run in _all_runs(brain) if run.state in (EXECUTING, ABANDONED)]
    yield from _differ("executing", brain.executing_count, len(executing))
    yield from _differ("load", brain.load_ns, _load_ns(executing))
    ready = [run for run in brain.runs.values() if run.state is READY]
    yield from _differ("ready", brain.ready_count, len(ready))
    yield from _differ("heap", sum(run.state is READY for _, _, run in brain.ready), len(ready))


def _data(brain: WorkerBrain) -> Iterator[str]:
    users = Counter(id(data) for run in _all_runs(brain) for data in run.uses or ())
    for key, data in brain.data.items():
        yield from _differ(f"users of {key!r}", data.users, users[id(data)])
        if data.key != key or data.state is KNOWN:
            yield f"value {key!r} is {data.state}"
        is_idle = data.is_freed and not data.put if data.state is HELD else _is_idle(data)
        if not data.users and is_idle:
            yield f"value {key!r} is {data.state} and nobody wants it"
        if (data.peer is not None) != (data.state in (QUEUED, FETCHING)):
            yield f"value {key!r} is {data.state} with peer {data.peer}"
        for run in data.waiters or ():
            if run.state is not WAITING or data.state is HELD:
                yield f"run {run.key!r} is {run.state} and waits for {key!r}, which is {data.state}"
    held = [data for data in brain.data.values() if data.state is HELD]
    yield from _differ("held", brain.held_count, len(held))
    yield from _differ("held bytes", brain.held_nbytes, sum(data.nbytes for data in held))


def _peers(brain: WorkerBrain) -> Iterator[str]:
    fetching = [data for data in brain.data.values() if data.state is FETCHING]
    yield from _differ("fetching", brain.fetching_count, len(fetching))
    yield from _differ("fetching bytes", brain.fetching_nbytes, sum(d.nbytes for d in fetching))
    for peer in brain.peers.values():
        own = [data for data in brain.data.values() if data.peer is peer]
        yield from _differ(
            f"busy at {peer.number}", peer.busy_nbytes, sum(data.nbytes for data in own)
        )
        queued = [data for data in own if data.state is QUEUED]
        yield from _differ(f"queue at {peer.number}", len(peer.queue), len(queued))


def _idleness(brain: WorkerBrain) -> Iterator[str]:
    """A worker that has work and room must not rest."""
    if brain.ready_count and not brain.load_ns and brain.status == RUNNING:
        yield f"{brain.ready_count} runs are ready and none is on a thread"
    idle = [
        peer.number
        for peer in brain.peers.values()
        if peer.queue and not peer.calls and peer.rests_until <= brain.now
    ]
    if idle and not brain.fetching_count:
        yield f"values are queued at {idle} and none is fetched"


def _is_idle(data: DataRecord) -> bool:
    return not data.is_copied and data.state is not FETCHING


def _load_ns(executing: list[RunRecord]) -> int:
    return sum(run.cost_ns for run in executing if not run.has_seceded)


def _all_runs(brain: WorkerBrain) -> list[RunRecord]:
    return [*brain.runs.values(), *brain.abandoned.values()]


def _differ(what: str, booked: int, counted: int) -> Iterator[str]:
    if booked != counted:
        yield f"{what}: booked {booked}, counted {counted}"
