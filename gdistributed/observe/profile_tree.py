"""Profiles as trees, and a history of them in bounded memory.

A node is a function as it was called from its parent, with the number of samples that saw it there.
The history keeps trees by spans of time: of one second what is new, and of ever longer spans what
is older, so that a span is at most 1/64 of its age, or of a second. All spans together have a
bounded number of nodes: where it is reached, spans become longer still, and then what was seldom
seen is folded into its callers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gdistributed.errors import MalformedMessage
from gdistributed.v1 import profile_pb2

Frame = tuple[str, str, int]
"""A function: its name, its file, the line in which it begins."""

ROOT: Final[Frame] = ("", "", 0)
DEPTH_MAX: Final = 200
NODES_MAX: Final = 20_000
SPANS_PER_AGE: Final = 64


def prefix_frame(prefix: str) -> Frame:
    """Return the frame that stands for tasks of one kind, right below the root."""
    return prefix, "", 0


@dataclass(slots=True, eq=False)
class Node:
    """A function as it was called from its parent.

    Attributes
    ----------
    samples
        How many saw it, also inside of what it had called.
    children
        What it called, by frame.
    """

    samples: int = 0
    children: dict[Frame, Node] = field(default_factory=dict)

    def add(self, stack: Iterable[Frame], times: int = 1) -> int:
        """Count a stack, outermost first; return how many nodes are new."""
        created, node = 0, self
        self.samples += times
        for frame in stack:
            child = node.children.get(frame)
            if child is None:
                child = node.children[frame] = Node()
                created += 1
            child.samples += times
            node = child
        return created

    def merge(self, other: Node) -> int:
        """Add what another tree has counted; return how many nodes are new."""
        created, pairs = 0, [(self, other)]
        for into, source in pairs:
            into.samples += source.samples
            for frame, child in source.children.items():
                known = into.children.get(frame)
                if known is None:
                    known = into.children[frame] = Node()
                    created += 1
                pairs.append((known, child))
        return created

    def walk(self, frame: Frame = ROOT) -> Iterator[tuple[int, Frame, Node]]:
        """Yield all nodes, a parent before its children, with its parent's place in this order.

        The root is the first, and its own parent.
        """
        found: list[tuple[int, Frame, Node]] = [(0, frame, self)]
        for index, entry in enumerate(found):  # it grows meanwhile
            yield entry
            found.extend((index, below, child) for below, child in entry[2].children.items())

    def count(self) -> int:
        """Return how many nodes the tree has below its root."""
        return sum(1 for _ in self.walk()) - 1

    def fold(self, samples_min: int) -> None:
        """Take out what was seen less often: it counts as spent in its callers themselves."""
        for _, _, node in self.walk():
            children = node.children.items()
            node.children = {f: child for f, child in children if child.samples >= samples_min}

    def only(self, frame: Frame) -> Node:
        """Return a tree with one child of this one, or none if that is not there."""
        child = self.children.get(frame)
        return Node() if child is None else Node(child.samples, {frame: child})


@dataclass(slots=True, eq=False)
class Span:
    """What was seen from a time on, for so many seconds (a power of two)."""

    start: int
    seconds: int
    tree: Node

    @property
    def stop(self) -> int:
        """When it ends."""
        return self.start + self.seconds


class History:
    """Samples by time, what is older more coarsely.

    Times are seconds since 1970.

    Parameters
    ----------
    nodes_max
        All trees together have no more nodes after a look. 20,000 take about 8 MB.
    """

    def __init__(self, nodes_max: int = NODES_MAX) -> None:
        self._nodes_max = nodes_max
        self._nodes = 0
        self._spans: list[Span] = []

    @property
    def nodes(self) -> int:
        """How many nodes all trees have together, their roots left out."""
        return self._nodes

    def add(self, stacks: Iterable[Sequence[Frame]], now: float, times: int = 1) -> None:
        """Count the stacks of a look, so many times each, but for what is deeper than 200."""
        second = math.floor(now)
        if not self._spans or self._spans[-1].start < second:
            self._age(second)
            self._spans.append(Span(second, 1, Node()))
        tree = self._spans[-1].tree  # a clock that was set back counts as if it stood still
        for stack in stacks:
            self._nodes += tree.add(stack[:DEPTH_MAX], times)
        if self._nodes > self._nodes_max:
            self._shrink()

    def read(
        self, start: float | None = None, stop: float | None = None
    ) -> tuple[Node, float | None, float | None]:
        """Return the samples of a time, and which time they cover.

        Parameters
        ----------
        start, stop
            From when on, and until when; None means all.

        Returns
        -------
        One tree, and the ends of the first and last span that overlap with the time. None if there
        is no sample.
        """
        first, last = -math.inf if start is None else start, math.inf if stop is None else stop
        chosen = [each for each in self._spans if each.start < last and each.stop > first]
        tree = Node()
        for span in chosen:
            tree.merge(span.tree)
        if not chosen:
            return tree, None, None
        return tree, min(each.start for each in chosen), max(each.stop for each in chosen)

    def _age(self, now: int, spans_per_age: int = SPANS_PER_AGE) -> None:
        """Double the spans that are short for their age, and join those that become the same.

        A span begins at a multiple of its length: two of them lie one in the other, or apart.
        """
        joined: list[Span] = []
        for span in self._spans:
            while now - span.start > spans_per_age * span.seconds:
                span.seconds *= 2
                span.start -= span.start % span.seconds
            if joined and span.stop <= joined[-1].stop:
                self._nodes += joined[-1].tree.merge(span.tree) - span.tree.count()
            else:
                joined.append(span)
        self._spans = joined

    def _shrink(self) -> None:
        """Let go of details until a quarter of the room is free: of times, then of what is rare."""
        enough = self._nodes_max * 3 // 4
        spans_per_age, samples_min = SPANS_PER_AGE, 1
        while self._nodes > enough and spans_per_age > 1:
            spans_per_age //= 2
            self._age(self._spans[-1].start, spans_per_age)
        while self._nodes > enough:
            samples_min *= 2
            for span in self._spans:
                span.tree.fold(samples_min)
            self._nodes = sum(span.tree.count() for span in self._spans)


def message_of(
    tree: Node, interval_s: float, start: float | None, stop: float | None
) -> profile_pb2.Profile:
    """Return a tree as a message.

    Parameters
    ----------
    interval_s
        Seconds between two looks.
    start, stop
        Which time it covers, in seconds since 1970; None when there is no sample.
    """
    message = profile_pb2.Profile()
    message.interval.FromNanoseconds(round(interval_s * 1e9))
    if start is not None and stop is not None:
        message.start.FromNanoseconds(round(start * 1e9))
        message.stop.FromNanoseconds(round(stop * 1e9))
    numbers: dict[Frame, int] = {}
    for parent, frame, node in tree.walk():
        number = numbers.setdefault(frame, len(numbers))
        message.nodes.add(parent=parent, frame=number, samples=node.samples)
    for function, file, line in numbers:
        message.frames.add(function=function, file=file, line=line)
    return message


def tree_of(message: profile_pb2.Profile) -> Node:
    """Return a message as a tree.

    Raises
    ------
    MalformedMessage
        If a node has no frame, or stands before its parent.
    """
    frames = [(each.function, each.file, each.line) for each in message.frames]
    nodes: list[Node] = []
    for index, each in enumerate(message.nodes):
        if each.frame >= len(frames) or each.parent >= max(index, 1):
            raise MalformedMessage(f"node {index} of a profile has no frame, or no parent")
        node = Node(each.samples)
        if index:
            nodes[each.parent].children[frames[each.frame]] = node
        nodes.append(node)
    return nodes[0] if nodes else Node()
