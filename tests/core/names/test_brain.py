"""Events, variables and topics in virtual time, and all names together under random calls."""

from __future__ import annotations

from random import Random

import pytest

from gdistributed.core.names import topics
from gdistributed.core.names.audit import audit
from gdistributed.core.names.calls import Call
from gdistributed.errors import ConnectionLost, GDistributedError, InvariantBroken
from gdistributed.v1 import names_pb2 as pb
from tests.core.names.script import Script, leases, reason, word_of, words


def test_an_event_lets_all_go_who_wait() -> None:
    script = Script()
    calls = [script.wait_event("e") for _ in range(3)]
    late = script.wait_event("e", timeout=0)
    assert reason(late) == "EVENT_TIMEOUT"
    script.set_event("other")
    assert calls[0].answer is None
    script.set_event("e")
    assert all(call.answer == pb.WaitEventResponse() for call in calls)
    assert script.wait_event("e").answer is not None
    script.set_event("e", clear=True)
    assert script.wait_event("e").answer is None


def test_a_variable_is_waited_for_and_replaced() -> None:
    script = Script()
    early, hurried = script.get_variable("v"), script.get_variable("v", timeout=1)
    script.pass_time(1)
    assert reason(hurried) == "VARIABLE_UNSET"
    assert script.set_variable("v", "a", holder="h1") == ""
    assert word_of(early.answer.value) == "a"  # type: ignore[union-attr]
    assert script.set_variable("v", "b", holder="h2") == "h1"
    assert word_of(script.get_variable("v").answer.value) == "b"  # type: ignore[union-attr]
    assert script.set_variable("v", None) == "h2"
    assert script.get_variable("v").answer is None


def test_messages_are_numbered_kept_and_told() -> None:
    script = Script()
    assert script.publish("a", "t") == 0
    subscription = script.brain.subscribe(pb.SubscribeRequest(topic="t"))
    everything = script.brain.subscribe(pb.SubscribeRequest(topic="t", after=0))
    assert script.publish("b", "t", "u", request_id="1") == 2
    assert script.publish("b", "t", "u", request_id="1") == 2  # repeated: told once
    assert script.brain.topics.woken.keys() == {subscription, everything}
    assert [each.number for each in subscription.pending] == [2]
    assert [each.message.data for each in everything.pending] == [b"a", b"b"]
    kept = [(each.topic, each.number) for each in script.brain.topics.messages("")]
    assert kept == [("t", 1), ("t", 2), ("u", 1)]
    assert [each.number for each in script.brain.topics.messages("t", after=1)] == [2]
    script.brain.topics.unsubscribe(subscription)
    assert script.publish("c", "t") == 1


def test_who_reads_too_slowly_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "PENDING_MAX", 2)
    monkeypatch.setattr(topics, "KEPT_MESSAGES", 3)
    script = Script()
    subscription = script.brain.subscribe(pb.SubscribeRequest(topic="t"))
    for word in "abcde":
        script.publish(word, "t")
    assert subscription.is_slow
    assert [each.number for each in subscription.pending] == [1, 2]
    assert [each.number for each in script.brain.topics.messages("t")] == [3, 4, 5]


def test_old_messages_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "KEPT_NBYTES", 1000)
    script = Script()
    for _ in range(10):
        script.publish("x" * 300, "t")
    assert [each.number for each in script.brain.topics.messages("t")] == [8, 9, 10]


def test_a_center_that_ends_answers_all_who_wait() -> None:
    script = Script()
    script.acquire("x")
    calls = [script.acquire("x"), script.get("q"), script.wait_event("e"), script.get_variable("v")]
    script.brain.close(ConnectionLost("it ends"))
    assert [reason(call) for call in calls] == ["CONNECTION_LOST"] * 4


def test_the_audit_finds_a_planted_fault() -> None:
    script = Script()
    script.acquire("x")
    script.brain.semaphores.by_name["x"].limit = 0
    with pytest.raises(InvariantBroken, match="more leases than its limit"):
        audit(script.brain)


@pytest.mark.parametrize("seed", range(20))
def test_random_calls_leave_the_books_in_order(seed: int) -> None:
    script, random = Script(), Random(seed)
    calls: list[Call] = []
    put: list[str] = []
    for step in range(300):
        name = random.choice("ab")
        times = {"timeout": random.choice((None, 0, 1, 5))}
        match random.randrange(9):
            case 0 | 1:
                names = random.sample("abc", random.randint(1, 3))
                calls.append(script.acquire(*names, **times, lease=random.choice((1, 9)), limit=2))
            case 2 if calls:
                _release(script, random.choice(calls))
            case 3:
                put.append(str(step))
                script.put("q", str(step))
            case 4:
                calls.append(script.get("q", **times, at_least=random.randint(1, 3)))
            case 5 if script.brain.calls.waiting:
                script.give_up(random.choice(script.brain.calls.waiting))
            case 6:
                script.set_event(name, clear=random.random() < 0.5)
                calls.append(script.wait_event(name, **times))
            case 7:
                script.set_variable(name, random.choice(("x", None)))
                calls.append(script.get_variable(name, **times))
            case _:
                script.pass_time(random.random())
        audit(script.brain)
    while script.brain.calls.waiting:
        script.give_up(script.brain.calls.waiting[0])
    got = [word for call in calls if _has_values(call) for word in words(call)]
    put_last = script.put("q", "last")
    assert put_last.answer is not None
    rest = words(script.get("q", count=1000))
    assert sorted([*got, *rest]) == sorted([*put, "last"])
    script.pass_time(100)
    assert not script.brain.semaphores.leases


def _release(script: Script, call: Call) -> None:
    if isinstance(call.answer, pb.AcquireResponse):
        script.release(*leases(call))


def _has_values(call: Call) -> bool:
    is_answered = call.answer is not None and not isinstance(call.answer, GDistributedError)
    return is_answered and isinstance(call.answer, pb.GetQueueResponse)
