"""Queues in virtual time."""

from __future__ import annotations

import pytest

from gdistributed.errors import MalformedMessage
from tests.core.names.script import Script, reason, words


def test_values_come_out_in_the_order_in_which_they_went_in() -> None:
    script = Script()
    for word in "abc":
        script.put("q", word)
    assert words(script.get("q")) == ["a"]
    assert words(script.get("q", count=5)) == ["b", "c"]
    assert script.brain.queues.by_name == {}


def test_those_who_wait_for_values_are_served_in_order() -> None:
    script = Script()
    first, second = script.get("q"), script.get("q", timeout=3)
    script.put("q", "a")
    script.pass_time(2)
    assert (words(first), second.answer) == (["a"], None)
    script.pass_time(1)
    assert reason(second) == "QUEUE_EMPTY"


def test_those_who_wait_for_room_are_served_in_order() -> None:
    script = Script()
    script.put("q", "a", max_size=1)
    second, third = (script.put("q", word, max_size=1) for word in "bc")
    hurried = script.put("q", "d", max_size=1, timeout=1)
    assert second.answer is None
    assert words(script.get("q")) == ["a"]
    assert (bool(second.answer), third.answer) == (True, None)
    script.pass_time(1)
    assert reason(hurried) == "QUEUE_FULL"
    assert [words(script.get("q")) for _ in range(2)] == [["b"], ["c"]]


def test_several_values_may_be_more_than_fit_in() -> None:
    script = Script()
    three = script.get("q", at_least=3, count=3)
    later = script.get("q")
    for word in "abcd":
        script.put("q", word, max_size=1)
    assert (words(three), words(later)) == (["a", "b", "c"], ["d"])


def test_what_was_gathered_in_vain_is_put_back() -> None:
    script = Script()
    three = script.get("q", at_least=3, timeout=1)
    later = script.get("q")
    script.put("q", "a")
    script.put("q", "b")
    script.pass_time(1)
    assert (reason(three), words(later)) == ("QUEUE_EMPTY", ["a"])
    assert words(script.get("q")) == ["b"]


def test_a_value_that_nobody_got_is_put_back_in_front() -> None:
    script = Script()
    getter = script.get("q", request_id="1")
    script.put("q", "a")
    script.put("q", "b")
    assert words(getter) == ["a"]
    script.give_up(getter)
    assert words(script.get("q", request_id="1")) == ["a"]


def test_a_put_that_is_repeated_puts_once() -> None:
    script = Script()
    first = script.put("q", "a", request_id="1")
    script.give_up(first)  # its answer was lost on the way
    assert script.put("q", "a", request_id="1") is first
    assert words(script.get("q", count=9)) == ["a"]


def test_the_size_is_told_without_a_wait() -> None:
    script = Script()
    assert script.get("q", peek=True).answer.size == 0  # type: ignore[union-attr]
    script.put("q", "a")
    assert script.get("q", peek=True).answer.size == 1  # type: ignore[union-attr]


def test_a_queue_needs_a_name() -> None:
    with pytest.raises(MalformedMessage):
        Script().get("")
