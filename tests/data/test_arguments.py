"""Calls arrive as they were made, with results in the places of their keys."""

from __future__ import annotations

import operator
import threading
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdistributed.data.arguments import KeyReference, pack_call, pack_neutral_call, unpack_call
from gdistributed.errors import SerializationError, UnpicklableArgument
from gdistributed.v1 import value_pb2 as pb

Pair = namedtuple("Pair", "left right")

keys = st.sampled_from(["a", "b", "c-1"])
RESULTS = {"a": 10, "b": "text", "c-1": (1, 2)}
leaves = st.integers() | st.text() | keys.map(KeyReference)
nested = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=10,
)


def resolved(value: object) -> object:
    """Put results in the places of references, in the plainest way."""
    if isinstance(value, KeyReference):
        return RESULTS[value.key]
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if isinstance(value, Pair):
        return Pair(*map(resolved, value))
    if isinstance(value, tuple):
        return tuple(resolved(item) for item in value)
    if isinstance(value, dict):
        return {name: resolved(item) for name, item in value.items()}
    return value


def mentioned(value: object) -> set[str]:
    if isinstance(value, KeyReference):
        return {value.key}
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return set().union(*map(mentioned, value))
    return set()


@given(st.lists(nested), st.dictionaries(st.text(min_size=1), nested))
def test_calls_arrive_with_results_in_their_places(
    args: list[object], kwargs: dict[str, object]
) -> None:
    data, dependencies = pack_call(args, kwargs)
    assert set(dependencies) == mentioned([args, kwargs])
    assert len(set(dependencies)) == len(dependencies)
    assert unpack_call(data, RESULTS) == (resolved(tuple(args)), resolved(kwargs))


def test_dependencies_are_in_the_order_of_their_mention() -> None:
    args = ([KeyReference("b"), KeyReference("a")], KeyReference("b"), {"x": KeyReference("c-1")})
    assert pack_call(args, {})[1] == ("b", "a", "c-1")


def test_references_inside_sets_and_objects_are_found() -> None:
    data, dependencies = pack_call(({KeyReference("a")}, operator.itemgetter), {})
    assert dependencies == ("a",)
    assert unpack_call(data, RESULTS) == (({10}, operator.itemgetter), {})


def test_references_beside_code_are_found() -> None:
    data, dependencies = pack_call((lambda x: x + 1, [1, [KeyReference("a")]]), {})
    (function, where), _ = unpack_call(data, RESULTS)
    assert dependencies == ("a",)
    assert function(where[1][0]) == 11


def test_an_array_beside_a_reference_arrives() -> None:
    data, _ = pack_call((np.arange(5000), KeyReference("a")), {})
    (array, result), _ = unpack_call(data, RESULTS)
    assert (array.sum(), result) == (12497500, 10)


@pytest.mark.parametrize(
    ("args", "kwargs", "place"),
    [
        ((1, threading.Lock()), {}, r"argument 1, of type _thread\.lock"),
        ((), {"thing": threading.Lock()}, "argument 'thing'"),
        ((KeyReference("a"), [threading.Lock()]), {}, "argument 1, of type list"),
    ],
)
def test_an_argument_that_cannot_be_sent_is_named(
    args: tuple[object, ...], kwargs: dict[str, object], place: str
) -> None:
    with pytest.raises(UnpicklableArgument, match=place):
        pack_call(args, kwargs)


def test_a_result_that_is_not_at_hand_is_named() -> None:
    data, _ = pack_call((KeyReference("gone"),), {})
    with pytest.raises(SerializationError, match="gone"):
        unpack_call(data, RESULTS)


def test_the_neutral_form_says_each_argument_for_itself() -> None:
    data, dependencies = pack_neutral_call(
        (1, KeyReference("a"), [2, {"deep": KeyReference("c-1")}]), {"name": b"bytes"}
    )
    message = pb.Arguments.FromString(data)
    codecs = [argument.literal.codec for argument in message.arguments]
    assert codecs == ["json", "", "json", "raw"]
    assert message.arguments[1].key == "a"
    assert list(message.arguments[2].literal.refs) == ["c-1"]
    assert dependencies == ("a", "c-1")
    assert unpack_call(data, RESULTS) == ((1, 10, [2, {"deep": (1, 2)}]), {"name": b"bytes"})


def test_a_dict_that_looks_like_a_reference_is_a_dict() -> None:
    data, dependencies = pack_neutral_call(({"$ref": "a"},), {})
    assert dependencies == ()
    assert unpack_call(data, RESULTS) == (({"$ref": "a"},), {})


def test_what_no_other_language_reads_is_named() -> None:
    with pytest.raises(UnpicklableArgument, match=r"argument 1.*object"):
        pack_neutral_call((1, object()), {})


@pytest.mark.parametrize(
    "message",
    [
        pb.Arguments(packed=pb.Payload(codec="python/pickle5", data=b"rubbish")),
        pb.Arguments(packed=pb.Payload(codec="json", data=b"[]")),
        pb.Arguments(arguments=[pb.Argument(name="x")]),
        pb.Arguments(arguments=[pb.Argument(literal=pb.Payload(codec="json", data=b"{"))]),
        pb.Arguments(
            arguments=[pb.Argument(literal=pb.Payload(codec="json", data=b"{", refs=["a"]))]
        ),
    ],
)
def test_rubbish_is_an_error_that_says_so(message: pb.Arguments) -> None:
    with pytest.raises(SerializationError):
        unpack_call(message.SerializeToString(), RESULTS)
