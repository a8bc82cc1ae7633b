"""The page of the rules: it is fresh, and each rule quotes the protocol to the letter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto

from docs.generate_conformance import page
from docs.generate_protocol import FIELDS, VALUES, Entry, File, read_files
from gdistributed.conformance.rule import Rule
from gdistributed.conformance.rules import RULES
from tests.tools import ROOT


def parts(file: File) -> Iterator[tuple[str, str]]:
    """Yield each part that a rule may quote, with all its comments."""
    yield from file.calls()
    for entry in file.services():
        yield entry.name, entry.comment
    for entry in [*file.messages(), *file.enums()]:
        yield entry.name, " ".join([entry.comment, *comments_inside(file, entry)])


def comments_inside(file: File, entry: Entry) -> Iterator[str]:
    match entry.definition:
        case DescriptorProto(field=members):
            kind = FIELDS
        case EnumDescriptorProto(value=members):
            kind = VALUES
    for index in range(len(members)):
        yield file.comment(*entry.address, kind, index)


COMMENTS = {name: " ".join(text.split()) for file in read_files() for name, text in parts(file)}


def test_the_page_is_fresh() -> None:
    assert (ROOT / "docs/conformance.md").read_text() == page(), "run `make docs`"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_quotes_the_protocol(rule: Rule) -> None:
    assert rule.sentence in COMMENTS[rule.part]


def test_names_are_unique_and_each_rule_says_what_it_checks() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert [rule.name for rule in RULES if not rule.checks.endswith(".")] == []
