"""A client asks whether all that it said has been taken in."""

from __future__ import annotations

from gdistributed.core.client.brain import ClientBrain
from gdistributed.core.client.futures import Countdown
from gdistributed.settings import LimitSettings
from gdistributed.v1 import scheduler_pb2 as pb


def asked() -> tuple[ClientBrain, Countdown]:
    brain, watch = ClientBrain(LimitSettings()), Countdown(lambda: None, 1)
    brain.hold(["x"], "queue:q")
    brain.ask_whether_heard(watch)
    return brain, watch


def batches(brain: ClientBrain) -> list[pb.FromClient]:
    found = []
    while (batch := brain.take()) is not None:
        found.append(batch)
    return found


def test_the_question_comes_after_what_was_said() -> None:
    brain, watch = asked()
    first, second = batches(brain)
    assert [hold.holder for hold in first.hold] == ["queue:q"]
    (graph,) = second.graphs
    brain.on_scheduler(pb.ToClient(graphs_accepted=graph.number - 1))
    assert brain.fired == []
    brain.on_scheduler(pb.ToClient(graphs_accepted=graph.number))
    assert brain.fired == [watch]


def test_the_question_is_asked_again_in_a_new_session() -> None:
    brain, watch = asked()
    brain.session_began(batches(brain))
    said = batches(brain)
    assert [hold.holder for batch in said for hold in batch.hold] == ["queue:q"]
    (number,) = (graph.number for batch in said for graph in batch.graphs)
    brain.on_scheduler(pb.ToClient(graphs_accepted=number))
    assert brain.fired == [watch]


def test_who_asked_is_woken_when_there_will_be_no_answer() -> None:
    brain, watch = asked()
    brain.gave_up("CONNECTION_LOST", "it is gone")
    assert brain.fired == [watch]
