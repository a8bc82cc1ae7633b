"""In which order the nodes of a graph should run: as dask.order says, asked about fewer nodes.

A node that is all that its only dependency is for runs right after it, wherever that stands. So
chains of such nodes are shown to dask.order as one node each, which takes it half the time where
every second node is one of these.
"""

from __future__ import annotations

from collections.abc import Mapping

from dask._task_spec import DataNode, GraphNode
from dask.order import order

from gdistributed.client.keys import Key


def count_dependents(nodes: Mapping[Key, GraphNode]) -> dict[Key, int]:
    """Return how many nodes depend on each."""
    counts = dict.fromkeys(nodes, 0)
    for node in nodes.values():
        for key in node.dependencies:
            if key in counts:
                counts[key] += 1
    return counts


def order_nodes(nodes: Mapping[Key, GraphNode], dependents: Mapping[Key, int]) -> list[Key]:
    """Return the keys of nodes in the order in which they should run.

    Parameters
    ----------
    nodes
        By their keys. What they need beside them does not matter.
    dependents
        How many of them depend on each.

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
        chain = [first]
        while chain[-1] in followers:
            chain.append(followers[chain[-1]])
        chains[chain[-1]] = chain
        heads[chain[-1]] = node
    if sum(map(len, chains.values())) < len(nodes):  # none of a ring is its head
        raise RuntimeError("the graph has a cycle")
    places: dict[Key, int] = order(heads)
    return [key for last in sorted(heads, key=places.__getitem__) for key in chains[last]]


def _followers(nodes: Mapping[Key, GraphNode], dependents: Mapping[Key, int]) -> dict[Key, Key]:
    """Return the nodes that are all that another one is for, and need nothing else, by that."""
    followers: dict[Key, Key] = {}
    for key, node in nodes.items():
        if len(node.dependencies) == 1:
            (dependency,) = node.dependencies
            if dependents.get(dependency) == 1 and not isinstance(nodes[dependency], DataNode):
                followers[dependency] = key
    return followers
