"""A drawing of the tasks that are known: nodes and arrows, by task or by prefix.

Tasks are added one by one, so that whoever draws a large graph can do other things in between.
"""

from __future__ import annotations

from collections import Counter

from gdistributed.core.scheduler.records import TaskRecord
from gdistributed.core.scheduler.states import State
from gdistributed.core.scheduler.walking import reached


class Node:
    """A task, or all tasks of a prefix."""

    def __init__(self, index: int, name: str, prefix: str, task: TaskRecord | None) -> None:
        self.index = index
        self.name = name
        self.prefix = prefix
        self.task = task
        self.counts: Counter[State] = Counter()


class Drawing:
    """Nodes by name, and how many dependencies lead from one to another.

    Parameters
    ----------
    by_prefix
        Whether all tasks of a prefix are one node.
    """

    def __init__(self, by_prefix: bool) -> None:
        self.by_prefix = by_prefix
        self.tasks = 0
        self.nodes: dict[str, Node] = {}
        self.edges: Counter[tuple[int, int]] = Counter()

    def add(self, task: TaskRecord) -> None:
        """Add a task, and the arrows to it; what it needs is drawn with it."""
        self.tasks += 1
        needed = [self._node(each).index for each in task.dependencies]
        node = self._node(task)
        node.counts[task.state] += 1
        for index in needed:
            if index != node.index:
                self.edges[index, node.index] += 1

    def _node(self, task: TaskRecord) -> Node:
        name = (task.prefix or task.key) if self.by_prefix else task.key
        node = self.nodes.get(name)
        if node is None:
            only = None if self.by_prefix else task
            node = self.nodes[name] = Node(len(self.nodes), name, task.prefix, only)
        return node


def related(task: TaskRecord) -> list[TaskRecord]:
    """Return a task with all that it needs and all that needs it, what is needed first."""
    needed = reached([task], lambda each: each.dependencies)
    needing = reached([task], lambda each: each.dependents or ())
    return [*reversed(needed), *needing[1:]]
