"""Open batches: one for each peer, closed when they have grown."""

from __future__ import annotations

from gdistributed.core.outbox import MESSAGE_OVERHEAD_NBYTES, Outbox


def test_mail_piles_up_in_one_batch_until_it_is_taken() -> None:
    outbox: Outbox[list[str]] = Outbox(list, 1000)
    outbox.to("p").append("a")
    outbox.to("p").append("b")
    outbox.to("q").append("c")
    assert outbox.fresh() == ["p", "q"]
    assert outbox.fresh() == []
    assert outbox.take("p") == ["a", "b"]
    assert outbox.take("p") is None
    outbox.to("p").append("d")
    assert outbox.fresh() == ["p"]


def test_a_batch_that_has_grown_is_closed_and_sent_first() -> None:
    outbox: Outbox[list[str]] = Outbox(list, 3 * MESSAGE_OVERHEAD_NBYTES)
    for word in "abcde":
        outbox.to("p").append(word)
    batches = []
    while (batch := outbox.take("p")) is not None:
        batches.append("".join(batch))
    assert batches == ["abc", "de"]


def test_one_large_message_has_a_batch_of_its_own() -> None:
    outbox: Outbox[list[str]] = Outbox(list, 1000)
    outbox.to("p").append("small")
    outbox.to("p", 10**6).append("large")
    outbox.to("p").append("small")
    assert [outbox.take("p") for _ in range(3)] == [["small"], ["large"], ["small"]]


def test_mail_for_a_peer_that_is_gone_is_forgotten() -> None:
    outbox: Outbox[list[str]] = Outbox(list, 10)
    outbox.to("p", 100).append("a")
    outbox.to("p", 100).append("b")
    outbox.drop("p")
    assert outbox.take("p") is None
    assert outbox.peers() == []
    assert outbox.fresh() == []
