"""Locks and semaphores in virtual time: order, limits, leases that run out."""

from __future__ import annotations

import pytest

from gdistributed.errors import LimitDiffers, MalformedMessage
from tests.core.names.script import Script, leases, reason


def test_a_lock_is_handed_on_in_the_order_of_those_who_came() -> None:
    script = Script()
    first, *others = [script.acquire("x") for _ in range(4)]
    for before, after in zip([first, *others], others, strict=False):
        assert after.answer is None
        assert script.release(*leases(before)) == leases(before)
        assert len(leases(after)) == 1
    assert script.brain.calls.answered == others
    script.release(*leases(others[-1]))
    assert script.brain.semaphores.by_name == {}


def test_a_lease_runs_out_unless_it_is_renewed() -> None:
    script = Script()
    first, second = script.acquire("x", lease=10), script.acquire("x")
    for _ in range(5):
        script.pass_time(9)
        assert script.renew(*leases(first)) == []
    script.pass_time(9.9)
    assert second.answer is None
    script.pass_time(0.2)
    assert leases(second)
    assert script.renew(*leases(first), *leases(second)) == leases(first)
    assert script.release(*leases(first)) == []
    script.pass_time(30)  # as long as a lease lasts for those who do not say
    assert script.brain.semaphores.by_name == {}


def test_a_semaphore_has_as_many_leases_as_its_limit() -> None:
    script = Script()
    held = [script.acquire("x", limit=3) for _ in range(3)]
    late = script.acquire("x", limit=3, timeout=5)
    known = script.brain.describe_semaphore("x", script.now)
    assert (known.limit, len(known.leases), known.waiting) == (3, 3, 1)
    script.pass_time(5)
    assert reason(late) == "ACQUIRE_TIMEOUT"
    with pytest.raises(LimitDiffers, match="3 leases, and not 2"):
        script.acquire("x", limit=2)
    for call in held:
        script.release(*leases(call))
    assert leases(script.acquire("x", limit=2))


def test_several_names_are_taken_together_or_not_at_all() -> None:
    script = Script()
    x = script.acquire("x")
    both = script.acquire("x", "y")
    y = script.acquire("y")  # nobody holds it: those who want both wait with empty hands
    script.release(*leases(x))
    assert both.answer is None
    script.release(*leases(y))
    assert len(leases(both)) == 2
    assert script.acquire("y", timeout=0).answer is not None


def test_some_of_several_names() -> None:
    script = Script()
    x = script.acquire("x")
    two = script.acquire("x", "y", "z", at_least=2)
    assert two.answer is not None
    assert list(two.answer.names) == ["y", "z"]  # type: ignore[union-attr]
    one = script.acquire("x", "y", at_least=1)
    assert one.answer is None
    script.release(*leases(x))
    assert list(one.answer.names) == ["x"]  # type: ignore[union-attr]
    assert script.brain.semaphores.by_name.keys() == {"x", "y", "z"}


def test_several_leases_of_one_name() -> None:
    script = Script()
    three = script.acquire("x", limit=4, count=3)
    two = script.acquire("x", limit=4, count=2)
    one = script.acquire("x", limit=4)  # is not made to wait for what is of no use to others
    assert (len(leases(three)), two.answer, len(leases(one))) == (3, None, 1)
    script.release(*leases(three)[:2])
    assert len(leases(two)) == 2


def test_what_can_never_be_is_refused() -> None:
    script = Script()
    for names, fields in (((), {}), (("",), {}), (("x",), {"count": 2}), (("x",), {"at_least": 2})):
        with pytest.raises(MalformedMessage):
            script.acquire(*names, **fields)  # type: ignore[arg-type]


def test_a_caller_that_goes_leaves_its_place_and_what_it_was_given() -> None:
    script = Script()
    first, second, third = (script.acquire("x") for _ in range(3))
    script.give_up(second)
    script.release(*leases(first))
    assert leases(third)
    script.give_up(third)  # it was given the lock, and did not live to hear of it
    assert script.brain.semaphores.by_name == {}


def test_a_call_that_is_repeated_keeps_its_place_and_is_answered_once() -> None:
    script = Script()
    first = script.acquire("x", request_id="1")
    assert script.acquire("x", request_id="1") is first
    second = script.acquire("x", request_id="2")
    third = script.acquire("x", request_id="3")
    assert script.acquire("x", request_id="2") is second
    script.release(*leases(first))
    assert (bool(second.answer), third.answer) == (True, None)
    assert script.acquire("x", request_id="2") is second
    script.renew(*leases(second))
    script.pass_time(61)
    assert script.brain.calls.known("2") is None


def test_an_operator_frees_a_lock() -> None:
    script = Script()
    first = script.acquire("x")
    assert script.release(names=("x", "unknown")) == leases(first)
    assert leases(script.acquire("x"))
