"""In which order the nodes of a graph should run: as dask.order says, asked about fewer nodes.

A node that is all that its only dependency is for runs right after it, wherever that stands. So
chains of such nodes are shown to dask.order as one node each. What only one chain is for, and of
which all that it is made of is for nothing else, is a tree: it runs right before that chain, and is
not shown to dask.order at all. Of a plain reduction there is one node left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from dask._task_spec import DataNode, GraphNode, Task, TaskRef
from dask.order import order

from gdistributed.client.keys import Key

# What no chain begins with: data, which does not run, and what is not in the graph.
_NO_LINK: Final = (DataNode, type(None))


def count_dependents(nodes: Mapping[Key, GraphNode], wanted: Iterable[Key]) -> dict[Key, int]:
    """Return how many nodes depend on each node that is needed for those that are wanted.

    Keys of which there is no node are counted too.
    """
    counts = dict.fromkeys(wanted, 0)
    stack = list(counts)
    while stack:
        node = nodes.get(stack.pop())
        if node is not None:
            for key in node.dependencies:
                if key in counts:
                    counts[key] += 1
                else:
                    counts[key] = 1
                    stack.append(key)
    return counts


def order_nodes(nodes: Mapping[Key, GraphNode], dependents: Mapping[Key, int]) -> list[Key]:
    """Return the keys of nodes in the order in which they should run.

    Parameters
    ----------
    nodes
        By their keys. What they need beside them does not matter.
    dependents
        How many of them depend on each key, those too that are not among them.

    Raises
    ------
    RuntimeError
        If there is a cycle.
    """
    followers = _followers(nodes, dependents)
    inner = set(followers.values())
    chains: dict[Key, list[Key]] = {}
    heads: dict[Key, GraphNode] = {}  # with what the chain needs, by the key that others need
    for first, node in nodes.items():
        if first in inner:
            continue
        last, chain = first, [first]
        while last in followers:
            last = followers[last]
            chain.append(last)
        chains[last] = chain
        heads[last] = node
    if sum(map(len, chains.values())) < len(nodes):  # none of a ring is its head
        raise RuntimeError("the graph has a cycle")
    branches = _take_trees(heads, dependents)
    for key in branches.keys() & heads.keys():
        heads[key] = _without_others(key, heads)
    places: dict[Key, int] = order(heads)
    return [
        key
        for last in sorted(heads, key=places.__getitem__)
        for each in _with_branches(last, branches)
        for key in chains[each]
    ]


def _followers(nodes: Mapping[Key, GraphNode], dependents: Mapping[Key, int]) -> dict[Key, Key]:
    """Return the nodes that are all that another one is for, and need nothing else, by that."""
    followers: dict[Key, Key] = {}
    for key, node in nodes.items():
        needed = node.dependencies
        if len(needed) == 1:
            (dependency,) = needed
            if dependents[dependency] == 1 and not isinstance(nodes.get(dependency), _NO_LINK):
                followers[dependency] = key
    return followers


def _take_trees(heads: dict[Key, GraphNode], dependents: Mapping[Key, int]) -> dict[Key, list[Key]]:
    """Take trees out of a graph, and return their branches by what each is for, in their order.

    What holds more results while it is made goes first (Sethi and Ullman, "The Generation of
    Optimal Code for Arithmetic Expressions", 1970).
    """
    users: dict[Key, Key] = {}
    left: dict[Key, int] = {}
    for key, node in heads.items():
        count = 0
        for each in node.dependencies:
            if each in heads:
                count += 1
                if dependents[each] == 1:
                    users[each] = key
        left[key] = count
    branches: dict[Key, list[Key]] = {}
    held: dict[Key, int] = {}
    whole = [key for key, count in left.items() if not count and key in users]
    for key in whole:  # grows while it is walked
        if isinstance(heads[key], DataNode):
            continue
        held[key] = 1
        if key in branches:
            own = branches[key]
            own.sort(key=held.__getitem__, reverse=True)
            held[key] = max([held[each] + place for place, each in enumerate(own)])
        del heads[key]
        user = users[key]
        branches.setdefault(user, []).append(key)
        left[user] -= 1
        if not left[user] and user in users:
            whole.append(user)
    for user in heads.keys() & branches.keys():
        branches[user].sort(key=held.__getitem__, reverse=True)
    return branches


def _without_others(key: Key, nodes: Mapping[Key, GraphNode]) -> GraphNode:
    """Return what stands for a node that needs of its dependencies only those among some nodes."""
    node = nodes[key]
    return Task(key, max, *(TaskRef(each) for each in node.dependencies if each in nodes))


def _with_branches(root: Key, branches: Mapping[Key, list[Key]]) -> list[Key]:
    """Return a root after its branches, each of them after its own."""
    found, stack = [], [root]
    while stack:
        key = stack.pop()
        found.append(key)
        stack += branches.get(key, ())
    found.reverse()
    return found
