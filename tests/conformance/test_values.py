"""Values as the suite says and reads them, and commands as it runs them."""

from __future__ import annotations

import pytest

from gdistributed.conformance.process import words_of
from gdistributed.conformance.rule import Violation, expect_equal
from gdistributed.conformance.values import payload_of, value_in, value_in_bytes
from gdistributed.v1 import value_pb2


@pytest.mark.parametrize("value", [None, b"\x00\xff", "ü", 1, 1.5, True, [1, {"a": None}]])
def test_values_come_back(value: object) -> None:
    assert value_in_bytes(payload_of(value).SerializeToString()) == value


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (value_pb2.Payload(codec="json", data=b"{"), "bytes in the codec 'json'"),
        (value_pb2.Payload(codec="text", data=b"\xff"), "bytes in the codec 'text'"),
        (value_pb2.Payload(codec="python/pickle5"), "a value in one of the codecs null, raw"),
    ],
)
def test_what_cannot_be_read_is_a_violation(payload: value_pb2.Payload, expected: str) -> None:
    with pytest.raises(Violation) as raised:
        value_in(payload)
    assert expected in raised.value.expected


def test_bytes_that_are_no_payload_are_a_violation() -> None:
    with pytest.raises(Violation, match="a serialised Payload"):
        value_in_bytes(b"\xff")


@pytest.mark.parametrize(("came", "wanted"), [(1.0, 1), (True, 1), ("a", "b"), ([1], [1, 2])])
def test_what_differs_in_value_or_type_is_a_violation(came: object, wanted: object) -> None:
    with pytest.raises(Violation):
        expect_equal(came, wanted, "the value")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("worker", ["worker", "h:1"]),
        ("worker {address} --name 'a b'", ["worker", "h:1", "--name", "a b"]),
        ("worker --scheduler={address}", ["worker", "--scheduler=h:1"]),
    ],
)
def test_the_address_has_its_place_in_a_command(command: str, words: list[str]) -> None:
    assert words_of(command, "h:1") == words
