"""The tree of metadata."""

from __future__ import annotations

import pytest

from gdistributed.core.center.metadata import Metadata
from gdistributed.errors import MalformedMessage, NotFound
from gdistributed.v1 import center_pb2, value_pb2


def entry(path: str, data: bytes) -> center_pb2.MetadataEntry:
    return center_pb2.MetadataEntry(
        path=path.split("/") if path else [], value=value_pb2.Payload(codec="raw", data=data)
    )


def found(metadata: Metadata, path: str) -> dict[str, bytes]:
    names = path.split("/") if path else []
    return {"/".join(each.path): each.value.data for each in metadata.get(names)}


def test_a_branch_and_its_leaves() -> None:
    metadata = Metadata()
    metadata.put(["a"], [entry("b/c", b"1"), entry("d", b"2")])
    metadata.put(["e"], [entry("", b"3")])
    assert found(metadata, "") == {"a/b/c": b"1", "a/d": b"2", "e": b"3"}
    assert found(metadata, "a") == {"b/c": b"1", "d": b"2"}
    assert found(metadata, "a/b/c") == {"": b"1"}


def test_what_is_put_replaces_what_was_there() -> None:
    metadata = Metadata()
    metadata.put(["a"], [entry("b", b"1"), entry("c", b"2")])
    metadata.put(["a"], [entry("", b"3")])
    assert found(metadata, "") == {"a": b"3"}
    metadata.put(["a", "b"], [entry("", b"4")])  # below what was a leaf
    assert found(metadata, "") == {"a/b": b"4"}


def test_nothing_takes_a_place_away_with_the_branches_that_get_empty() -> None:
    metadata = Metadata()
    metadata.put(["a", "b", "c"], [entry("", b"1")])
    metadata.put(["a", "d"], [entry("", b"2")])
    metadata.put(["a", "b", "c"], [])
    metadata.put(["no", "such", "place"], [])
    assert found(metadata, "") == {"a/d": b"2"}
    with pytest.raises(NotFound, match=r"'a/b'.*there is: d"):
        found(metadata, "a/b")


def test_where_there_is_nothing() -> None:
    metadata = Metadata()
    metadata.put(["leaf"], [entry("", b"1")])
    with pytest.raises(NotFound) as raised:
        found(metadata, "leaf/below")
    assert raised.value.reason == "UNKNOWN_METADATA"


@pytest.mark.parametrize("path", [[], [""], ["a", ""]])
def test_a_path_needs_names(path: list[str]) -> None:
    with pytest.raises(MalformedMessage) as raised:
        Metadata().put(path, [entry("", b"1")])
    assert raised.value.reason == "BAD_NAME"
