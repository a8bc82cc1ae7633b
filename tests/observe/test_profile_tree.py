"""Profiles as trees: counting, time that ages, bounded memory, messages."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from gdistributed.errors import MalformedMessage
from gdistributed.observe.profile_tree import (
    DEPTH_MAX,
    Frame,
    History,
    Node,
    message_of,
    prefix_frame,
    tree_of,
)
from gdistributed.v1 import profile_pb2

DAY = 1_700_000_000  # a second like any other


def frames(names: str) -> list[Frame]:
    return [(name, "mill.py", ord(name)) for name in names]


def tree(*stacks: str) -> Node:
    made = Node()
    for stack in stacks:
        made.add(frames(stack))
    return made


def counts(node: Node) -> dict[str, int]:
    """Return the samples of all nodes by their paths, as in {"ab": 2}."""
    paths: list[str] = []
    found: dict[str, int] = {}
    for parent, (name, _, _), each in node.walk():
        paths.append((paths[parent] if paths else "") + name)
        found[paths[-1]] = each.samples
    return found


def seconds(history: History, of: Iterable[int]) -> None:
    """Count one sample in each of these seconds, of a function that is named for it."""
    for second in of:
        history.add([[(f"f{second}", "", 0)]], second)


def test_a_node_counts_what_passed_through_it() -> None:
    assert counts(tree("ab", "ac", "ab", "a", "")) == {"": 5, "a": 4, "ab": 2, "ac": 1}


def test_recursion_is_a_path() -> None:
    assert counts(tree("aaa", "aa")) == {"": 2, "a": 2, "aa": 2, "aaa": 1}


def test_trees_merge_and_the_second_stays_as_it_was() -> None:
    first, second = tree("ab", "c"), tree("ab", "ad")
    first.merge(second)
    first.merge(second)
    assert counts(first) == {"": 6, "a": 5, "ab": 3, "ad": 2, "c": 1}
    assert counts(second) == {"": 2, "a": 2, "ab": 1, "ad": 1}


def test_one_child_can_be_chosen() -> None:
    whole = tree("ab", "c")
    assert counts(whole.only(frames("a")[0])) == {"": 1, "a": 1, "ab": 1}
    assert counts(whole.only(prefix_frame("unknown"))) == {"": 0}


def test_what_is_rare_folds_into_its_caller() -> None:
    whole = tree("ab", "ab", "ac", "d")
    whole.fold(2)
    assert counts(whole) == {"": 4, "a": 3, "ab": 2}


def test_a_time_can_be_chosen() -> None:
    history = History()
    seconds(history, range(DAY, DAY + 10))
    chosen, start, stop = history.read(DAY + 2.5, DAY + 5)
    assert list(chosen.children) == [(f"f{DAY + n}", "", 0) for n in (2, 3, 4)]
    assert (start, stop) == (DAY + 2, DAY + 5)
    nothing, start, stop = history.read(DAY + 10, None)
    assert (nothing.samples, start, stop) == (0, None, None)
    everything, start, stop = history.read()
    assert (everything.samples, start, stop) == (10, DAY, DAY + 10)


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    history = History()
    seconds(history, [DAY, DAY - 3600, DAY + 1])
    assert history.read()[0].samples == 3


def test_old_times_are_coarse_and_new_ones_exact() -> None:
    history = History()
    end = DAY + 4_000
    seconds(history, range(DAY, end))
    for age in (1, 30, 64, 100, 1_000, 3_000):
        chosen, start, stop = history.read(end - age, end - age + 1)
        assert start is not None
        assert stop is not None
        assert start <= end - age < stop
        assert stop - start <= max(1, age / 32)
        assert chosen.samples == stop - start
    assert history.read()[0].samples == 4_000


def test_after_a_long_pause_spans_do_not_grow_over_what_is_new() -> None:
    history = History()
    seconds(history, [DAY, DAY + 1, DAY + 100_000, DAY + 100_001])
    chosen, start, _ = history.read(DAY + 100_000)
    assert (chosen.samples, start) == (2, DAY + 100_000)


def test_memory_is_bounded_whatever_comes() -> None:
    history, chance = History(nodes_max=500), random.Random(3)
    for number in range(3_000):
        stack = [(f"f{chance.randrange(40)}", "mill.py", 1) for _ in range(chance.randrange(12))]
        history.add([frames("a"), [*frames("a"), *stack]], DAY + number / 7)
        assert history.nodes <= 500
    whole = history.read()[0]
    assert whole.samples == 6_000
    assert whole.children[frames("a")[0]].samples == 6_000
    assert whole.count() <= 500


def test_what_is_seen_all_the_time_survives_where_room_is_scarce() -> None:
    history = History(nodes_max=50)
    for number in range(2_000):
        history.add([frames("ab"), [(f"rare{number}", "", 0)]], DAY + number / 100)
    found = counts(history.read()[0])
    assert (found[""], found["ab"]) == (4_000, 2_000)


def test_stacks_are_cut_where_they_are_too_deep() -> None:
    history = History()
    history.add([frames("a") * 1_000], DAY)
    assert history.nodes == DEPTH_MAX


def test_a_message_says_the_same() -> None:
    whole = tree("abc", "abd", "e", "")
    message = message_of(whole, 0.01, DAY, DAY + 1.5)
    again = tree_of(profile_pb2.Profile.FromString(message.SerializeToString()))
    assert counts(again) == counts(whole)
    assert [each.parent for each in message.nodes] == [0, 0, 0, 1, 3, 3]
    assert len(message.frames) == 6
    assert message.interval.ToMilliseconds() == 10
    assert (message.start.seconds, message.stop.ToMilliseconds()) == (DAY, DAY * 1000 + 1500)


def test_an_empty_profile_has_a_root_and_no_time() -> None:
    message = message_of(Node(), 0.01, None, None)
    assert [each.samples for each in message.nodes] == [0]
    assert not message.HasField("start")
    assert counts(tree_of(profile_pb2.Profile())) == {"": 0}


@pytest.mark.parametrize(
    ("parent", "frame"), [(1, 0), (2, 0), (7, 0), (0, 1)], ids=["self", "later", "none", "frame"]
)
def test_a_tree_that_is_none_is_refused(parent: int, frame: int) -> None:
    message = profile_pb2.Profile(frames=[profile_pb2.ProfileFrame()])
    message.nodes.add(samples=1)
    message.nodes.add(parent=parent, frame=frame, samples=1)
    message.nodes.add(samples=1)
    with pytest.raises(MalformedMessage, match="node 1"):
        tree_of(message)
