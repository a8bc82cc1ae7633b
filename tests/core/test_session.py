"""Numbers of messages, and peers that are refused."""

from __future__ import annotations

import pytest

from gdistributed.core.session import Session, check_software
from gdistributed.errors import CapabilityMissing, MalformedMessage, VersionMismatch
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import server_pb2


def message(sequence: int, acknowledged: int = 0) -> pb.FromClient:
    return pb.FromClient(sequence=sequence, acknowledged=acknowledged)


def test_messages_are_numbered_and_acknowledge_what_came() -> None:
    session = Session()
    assert session.admit(message(1))
    sent = pb.ToClient()
    session.number(sent)
    assert (sent.sequence, sent.acknowledged) == (1, 1)
    assert session.admit(message(2, acknowledged=1))
    assert session.acknowledged == 1


def test_a_message_that_came_before_is_skipped() -> None:
    session = Session()
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
        Session().admit(message(sequence, acknowledged))


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
