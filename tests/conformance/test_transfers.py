"""What the suite makes of the chunks that a worker sends: every fault in them is a violation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gdistributed.conformance.rule import Violation
from gdistributed.conformance.transfers import Answer, cut, put_together
from gdistributed.v1 import value_pb2, worker_pb2

PAYLOAD = value_pb2.Payload(codec="raw", data=bytes(range(250)))
Chunks = list[worker_pb2.DataChunk]


def chunks() -> Chunks:
    return list(cut(PAYLOAD, nbytes=100))


def test_what_was_cut_is_put_together() -> None:
    assert [len(chunk.data) for chunk in chunks()] == [100, 100, 50]
    assert put_together(chunks()) == PAYLOAD


def test_a_rest_is_put_together() -> None:
    first, *rest = chunks()
    rest[0].header.CopyFrom(first.header)
    assert put_together(rest, start=100).data == PAYLOAD.data[100:]


def no_header(sent: Chunks) -> None:
    sent[0].ClearField("header")


def two_headers(sent: Chunks) -> None:
    sent[1].header.CopyFrom(sent[0].header)


def no_fingerprint(sent: Chunks) -> None:
    sent[0].header.fingerprint = ""


def gap(sent: Chunks) -> None:
    del sent[1]


def end_too_early(sent: Chunks) -> None:
    del sent[2]


def wrong_checksum(sent: Chunks) -> None:
    sent[1].crc32 ^= 1


def compressed(sent: Chunks) -> None:
    sent[1].compression = "gzip"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (no_header, "the header of the value in its first chunk"),
        (two_headers, "one header"),
        (no_fingerprint, "a fingerprint"),
        (gap, "chunk 1 at the offset 100"),
        (end_too_early, "bytes up to the length that the header states: 250"),
        (wrong_checksum, "the checksum"),
        (compressed, "the compression ''"),
    ],
)
def test_a_fault_is_a_violation(fault: Callable[[Chunks], None], expected: str) -> None:
    sent = chunks()
    fault(sent)
    with pytest.raises(Violation) as raised:
        put_together(sent)
    assert expected in raised.value.expected


def test_of_what_did_not_come_there_is_no_value() -> None:
    answer = Answer()
    assert answer.outcome() == "nothing"
    answer.items[0] = worker_pb2.DataItem(missing=True)
    with pytest.raises(Violation, match="'missing' came"):
        answer.payload()
    with pytest.raises(Violation, match="missing came"):
        answer.pieces()
