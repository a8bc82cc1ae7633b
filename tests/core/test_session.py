"""Numbers of messages, what is said again after a break, and peers that are refused."""

from __future__ import annotations

import pytest

from gdistributed.core.session import ACKNOWLEDGE_AFTER, Session, Sessions, check_software
from gdistributed.errors import CapabilityMissing, MalformedMessage, VersionMismatch
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import server_pb2


def message(sequence: int, acknowledged: int = 0) -> pb.FromClient:
    return pb.FromClient(sequence=sequence, acknowledged=acknowledged)


def new_session(resend_nbytes: int = 1000) -> Session[pb.ToClient]:
    return Session(pb.ToClient, "s/1", resend_nbytes)


def say(session: Session[pb.ToClient], *words: str) -> list[pb.ToClient]:
    """Write batches that say that keys are lost."""
    mail = [pb.ToClient(lost=[word]) for word in words]
    return written(session, mail)


def written(session: Session[pb.ToClient], mail: list[pb.ToClient]) -> list[pb.ToClient]:
    sent = []
    while (batch := session.next(lambda: mail.pop(0) if mail else None)) is not None:
        sent.append(batch)
    return sent


def test_messages_are_numbered_and_acknowledge_what_came() -> None:
    session = new_session()
    assert session.admit(message(1))
    (sent,) = say(session, "x")
    assert (sent.sequence, sent.acknowledged) == (1, 1)
    assert session.admit(message(2, acknowledged=1))
    assert session.acknowledged == 1
    assert session.unacknowledged() == []


def test_a_message_that_came_before_is_skipped() -> None:
    session = new_session()
    assert session.admit(message(1))
    assert not session.admit(message(1))
    assert session.received == 1


@pytest.mark.parametrize(
    ("sequence", "acknowledged", "complaint"),
    [(3, 0, "those between are missing"), (1, 1, "only 0 messages were sent")],
)
def test_numbers_that_do_not_fit_are_refused(
    sequence: int, acknowledged: int, complaint: str
) -> None:
    with pytest.raises(MalformedMessage, match=complaint):
        new_session().admit(message(sequence, acknowledged))


def test_what_was_not_received_is_said_again_in_order_and_first() -> None:
    session = new_session()
    say(session, "a", "b", "c")
    session.admit(message(1, acknowledged=1))
    session.resume(received=2)
    assert [batch.lost[0] for batch in session.unacknowledged()] == ["c"]
    again = say(session, "d")
    assert [(batch.sequence, batch.lost[0]) for batch in again] == [(3, "c"), (4, "d")]
    assert again[0].acknowledged == 1


def test_a_session_that_breaks_while_it_says_things_again_says_all_of_them_again() -> None:
    session = new_session()
    say(session, "a", "b")
    session.resume(received=0)
    first = session.next(lambda: None)
    assert first is not None
    assert first.lost == ["a"]
    session.resume(received=0)
    assert [batch.lost[0] for batch in say(session)] == ["a", "b"]


@pytest.mark.parametrize("received", [0, 4])
def test_a_session_cannot_resume_where_messages_are_gone_or_never_were(received: int) -> None:
    session = new_session()
    say(session, "a", "b", "c")
    session.admit(message(1, acknowledged=1))
    assert not session.can_resume(received)
    with pytest.raises(MalformedMessage, match="cannot go on"):
        session.resume(received)


def test_a_bare_acknowledgement_is_sent_after_many_messages_and_calls_for_none() -> None:
    session, peer = new_session(), Session(pb.FromClient)
    for number in range(1, ACKNOWLEDGE_AFTER + 1):
        assert not session.should_write
        session.admit(message(number))
    assert session.should_write
    (bare,) = written(session, [])
    assert bare.acknowledged == ACKNOWLEDGE_AFTER
    assert not session.should_write
    peer.sent = ACKNOWLEDGE_AFTER
    assert peer.admit(bare)
    assert peer.next(lambda: None) is None


def test_what_is_not_acknowledged_is_bounded() -> None:
    session = new_session(resend_nbytes=5)
    first, second, third = ("first " * 9, "second " * 9, "third " * 9)
    mail = [pb.ToClient(lost=[word]) for word in (first, second, third)]
    assert [batch.lost[0] for batch in written(session, mail)] == [first]
    assert not session.should_write
    session.admit(message(1, acknowledged=1))
    assert session.should_write
    assert [batch.lost[0] for batch in written(session, mail)] == [second]


def test_only_the_last_session_of_a_peer_is_resumed() -> None:
    sessions = Sessions(pb.ToClient)
    first = sessions.begin("c", "s/1")
    assert sessions.resume("c", server_pb2.Resume(session_id="s/1")) is first
    second = sessions.begin("c", "s/2")
    assert sessions.resume("c", server_pb2.Resume(session_id="s/1")) is None
    assert sessions.resume("c", server_pb2.Resume(session_id="s/2", received=1)) is None
    assert sessions.resume("c", server_pb2.Resume(session_id="s/2")) is second
    sessions.end("c")
    assert sessions.resume("c", server_pb2.Resume(session_id="s/2")) is None


@pytest.mark.parametrize(("major", "upgrade"), [(0, "worker"), (2, "scheduler")])
def test_another_major_version_is_refused_and_the_older_side_named(
    major: int, upgrade: str
) -> None:
    peer = server_pb2.Software(protocol_major=major, name="theirs", version="7")
    own = server_pb2.Software(protocol_major=1, name="ours", version="8")
    with pytest.raises(VersionMismatch, match=f"upgrade the {upgrade}$") as caught:
        check_software(peer, own, "worker", "scheduler")
    assert f"{major}.0 (theirs 7)" in str(caught.value)
    assert "1.0 (ours 8)" in str(caught.value)


def test_a_capability_that_is_required_must_be_there() -> None:
    peer = server_pb2.Software(protocol_major=1, required=["relay", "time travel"])
    own = server_pb2.Software(protocol_major=1, capabilities=["relay"])
    with pytest.raises(CapabilityMissing, match="time travel"):
        check_software(peer, own, "client", "scheduler")


def test_a_message_that_is_sent_again_acknowledges_what_came_meanwhile() -> None:
    ours, theirs = new_session(resend_nbytes=1), new_session()
    [held] = written(ours, [pb.ToClient(lost=["y" * 50]), pb.ToClient(lost=["z"])])
    [said] = written(theirs, [pb.ToClient(lost=["x"])])
    assert ours.admit(pb.ToClient.FromString(said.SerializeToString()))
    assert theirs.admit(held)
    theirs.resume(0)
    [again] = written(theirs, [])
    assert not ours.admit(again)
    assert ours.unacknowledged() == []
    assert ours.should_write  # what was held back


def test_a_large_message_is_acknowledged_at_once_and_an_acknowledgement_is_not() -> None:
    ours, theirs = new_session(resend_nbytes=100), new_session(resend_nbytes=100)
    [said] = written(ours, [pb.ToClient(lost=["x" * 60])])
    theirs.admit(said)
    assert theirs.should_write
    [answer] = written(theirs, [])
    ours.admit(answer)
    assert ours.unacknowledged() == []
    assert not ours.should_write
