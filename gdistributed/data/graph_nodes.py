"""How a node of a dask graph travels: as an argument of a function that all workers have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

RUN_NODE: Final = "gdistributed.data.graph_nodes.run_node"


def run_node(
    node: Callable[[Mapping[object, object]], object], values: dict[object, object]
) -> object:
    """Run a node of a dask graph.

    Parameters
    ----------
    node
        A `dask._task_spec.GraphNode`: called with the values of its dependencies, it computes.
    values
        Those values, by dask's keys.
    """
    return node(values)
