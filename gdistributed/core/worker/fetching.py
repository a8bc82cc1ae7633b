"""Which missing value is asked of whom, and when.

A value is queued at its least busy holder. All that is queued at a peer goes into one call, within
a bound on the bytes that are on their way. What a peer does not give is asked of the next holder;
when none is left the scheduler is told of all of them. A value that all its holders are giving to
others is asked for again after a while, or at once when the scheduler names a newer holder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gdistributed.core.worker.records import (
    CROWDED,
    FETCHING,
    KNOWN,
    MISSING,
    QUEUED,
    DataRecord,
    Fetch,
    PeerRecord,
)
from gdistributed.v1 import worker_pb2

if TYPE_CHECKING:
    from gdistributed.core.worker.brain import WorkerBrain


REST_S: Final = 0.05
REST_S_MAX: Final = 2.0
# A value that is crowded is asked for again after so long, if the scheduler says nothing before.
CROWD_S: Final = 1.0


def ask_for(brain: WorkerBrain, data: DataRecord) -> None:
    """Queue a value that is not here at its least busy holder."""
    peer = _least_busy_holder(brain, data)
    if peer is None and _is_crowded(brain, data):
        brain.move(data, CROWDED)
    elif peer is None:
        brain.move(data, MISSING)
        data.is_copied = False  # the scheduler hears that the copy has failed
        brain.release(data)
    else:
        data.peer = peer
        brain.move(data, QUEUED)


def take_stored(brain: WorkerBrain, fetch: Fetch, stored: worker_pb2.StoredData) -> None:
    """A value that a call was to bring is in the store now."""
    data = fetch.wanted.get(stored.key)
    if data is None:
        brain.note(stored.key, "came when it was no longer asked for")
        brain.drop_unless_held(stored.key)
        return
    brain.move(data, KNOWN)
    if brain.is_wanted(data):
        brain.hold(stored.key, stored.nbytes, stored.type)
        brain.mail_of_value().stored.append(stored)
    else:
        brain.to_drop.append(stored.key)
        brain.release(data)


def ask_elsewhere(brain: WorkerBrain, data: DataRecord, *, unreachable: bool) -> None:
    """A peer did not give a value: ask the next holder."""
    peer = data.peer
    if peer is None:
        raise brain.broken(data.key, "asked elsewhere, but it was asked of nobody")
    if data.refusals is None:
        data.refusals = []
    data.refusals.append(
        worker_pb2.MissingData(key=data.key, worker_id=peer.worker_id, unreachable=unreachable)
    )
    brain.move(data, KNOWN)
    if data.holders is not None:
        data.holders.pop(peer.number, None)
    if brain.is_wanted(data):
        ask_for(brain, data)
    else:
        brain.release(data)


def ask_later(brain: WorkerBrain, data: DataRecord) -> None:
    """A peer gives a value to others now: ask the next holder, or wait."""
    if data.peer is None:
        raise brain.broken(data.key, "crowded, but it was asked of nobody")
    if data.crowds is None:
        data.crowds = {}
    data.crowds[data.peer.number] = None
    brain.move(data, KNOWN)
    if brain.is_wanted(data):
        ask_for(brain, data)
    else:
        brain.release(data)


def take_located(brain: WorkerBrain, located: worker_pb2.Dependency) -> None:
    """The scheduler names newer holders of a value that was crowded."""
    data = brain.data.get(located.key)
    if data is None or data.holders is None:
        return
    data.holders.update(dict.fromkeys(located.holders))
    if data.state is CROWDED:
        for number in located.holders:
            (data.crowds or {}).pop(number, None)
        brain.move(data, KNOWN)
        ask_for(brain, data)


def ask_again(brain: WorkerBrain, data: DataRecord, rests: int) -> None:
    """A value was crowded a while ago."""
    if data.state is CROWDED and data.rests == rests:
        data.crowds = None
        brain.move(data, KNOWN)
        ask_for(brain, data)


def begin_fetches(brain: WorkerBrain) -> None:
    """Put calls to peers into the lane, as many as the bounds allow."""
    while brain.peers_to_ask:
        peer = next(iter(brain.peers_to_ask))
        is_ready = peer.rests_until <= brain.now
        if peer.queue and is_ready and peer.calls < brain.settings.fetch_calls:
            fetch = _next_call(brain, peer)
            if not fetch.wanted:
                return  # no room for more bytes
            peer.calls += 1
            brain.to_fetch.append(fetch)
        else:
            del brain.peers_to_ask[peer]  # until a call or its rest ends, or more is queued


def end_call(brain: WorkerBrain, fetch: Fetch) -> None:
    """A call to a peer is over."""
    fetch.peer.calls -= 1
    if fetch.peer.queue:
        brain.peers_to_ask[fetch.peer] = None


def rest(brain: WorkerBrain, fetch: Fetch) -> bool:
    """A peer has no room for transfers now: ask others, or the same one again after a while.

    Returns False when it has said so too often to be asked again.
    """
    peer = fetch.peer
    peer.refusals += 1
    if peer.refusals >= brain.settings.fetch_tries:
        peer.refusals = 0
        return False
    peer.rests_until = brain.now + min(REST_S * 2.0**peer.refusals, REST_S_MAX)
    brain.agenda.at(peer.rests_until, _end_rest, brain, peer)
    for data in list(fetch.wanted.values()):
        brain.move(data, KNOWN)
        if brain.is_wanted(data):
            ask_for(brain, data)
        else:
            brain.release(data)
    return True


def _end_rest(brain: WorkerBrain, peer: PeerRecord) -> None:
    if peer.queue:
        brain.peers_to_ask[peer] = None


def _least_busy_holder(brain: WorkerBrain, data: DataRecord) -> PeerRecord | None:
    best: PeerRecord | None = None
    crowds = data.crowds or ()
    for number in data.holders or ():
        peer = brain.peers.get(number) if number not in crowds else None
        if peer is not None and (best is None or _burden(brain, peer) < _burden(brain, best)):
            best = peer
    return best


def _is_crowded(brain: WorkerBrain, data: DataRecord) -> bool:
    """Say whether there are holders, which give it to others now."""
    holders = data.holders or {}
    return any(number in holders and number in brain.peers for number in data.crowds or ())


def _burden(brain: WorkerBrain, peer: PeerRecord) -> tuple[bool, int]:
    """Return what speaks against asking a peer: above all that it rests."""
    return peer.rests_until > brain.now, peer.busy_nbytes


def _next_call(brain: WorkerBrain, peer: PeerRecord) -> Fetch:
    fetch = Fetch(peer, {})
    for data in list(peer.queue):
        nbytes = brain.fetching_nbytes + data.nbytes
        is_full = len(fetch.wanted) >= brain.settings.fetch_keys
        if is_full or (brain.fetching_count and nbytes > brain.memory.fetch_nbytes):
            break
        fetch.wanted[data.key] = data
        data.fetch = fetch
        brain.move(data, FETCHING)
    return fetch
