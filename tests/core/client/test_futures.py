"""The states of a key, and who is woken."""

from __future__ import annotations

import itertools

import pytest

from gdistributed.core.client.futures import (
    CANCELLED,
    ERROR,
    FINISHED,
    LOST,
    PENDING,
    TRANSITIONS,
    Arrivals,
    Countdown,
    FutureRecord,
    FutureState,
    move,
)
from gdistributed.v1 import error_pb2


def record(state: FutureState = PENDING) -> FutureRecord:
    return FutureRecord("x", state)


def nothing() -> None:
    pass


@pytest.mark.parametrize(("start", "target"), list(itertools.product(FutureState, repeat=2)))
def test_a_record_moves_along_the_edges_and_no_others(
    start: FutureState, target: FutureState
) -> None:
    x = record(start)
    move(x, target, b"new")
    assert x.state is (target if (start, target) in TRANSITIONS else start)


def test_cancelled_is_the_end() -> None:
    assert not [edge for edge in TRANSITIONS if edge[0] is CANCELLED]


def test_finished_lost_and_finished_again() -> None:
    x = record()
    move(x, FINISHED, (1, 2))
    move(x, LOST)
    assert (x.outcome, x.is_settled) == (None, False)
    move(x, FINISHED, (3,))
    assert (x.outcome, x.is_settled) == ((3,), True)


def test_a_countdown_fires_once_at_the_last() -> None:
    x, y = record(), record()
    watch = Countdown(nothing, 2)
    x.watches, y.watches = [watch], [watch]
    assert move(x, FINISHED, b"1") == []
    assert move(y, ERROR, error_pb2.TaskError()) == [watch]
    assert watch.is_over
    assert not watch.settled(y)


def test_a_countdown_may_stop_at_an_error() -> None:
    x = record()
    watch = Countdown(nothing, 5, stops_at_error=True)
    x.watches = [watch]
    assert move(x, CANCELLED, error_pb2.TaskError()) == [watch]
    assert watch.is_over


def test_arrivals_keep_the_order() -> None:
    x, y = record(), record()
    watch = Arrivals(nothing)
    x.watches, y.watches = [watch], [watch]
    move(y, FINISHED, b"1")
    move(x, FINISHED, b"1")
    assert list(watch.arrived) == [y, x]


def test_a_settled_record_remembers_no_watches() -> None:
    x = record()
    x.watches = [Arrivals(nothing)]
    move(x, FINISHED, b"1")
    assert x.watches is None


def test_only_failures_have_an_error() -> None:
    x = record()
    assert x.error is None
    move(x, FINISHED, b"1")
    assert x.error is None
    error = error_pb2.TaskError(message="no")
    move(x, ERROR, error)
    assert x.error == error
