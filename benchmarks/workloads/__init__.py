"""The workloads, in the order of the table. They import nothing that only some system has."""

from __future__ import annotations

from typing import Final

from workloads import (
    array,
    chain,
    collecting,
    exchanging,
    graph,
    languages,
    latency,
    mapping,
    memory,
    moving,
    startup,
    submission,
    tree,
)
from workloads.workload import Workload

_ALL: Final[tuple[Workload, ...]] = (
    *mapping.WORKLOADS,
    *latency.WORKLOADS,
    *chain.WORKLOADS,
    *tree.WORKLOADS,
    *graph.WORKLOADS,
    *submission.WORKLOADS,
    *array.WORKLOADS,
    *startup.WORKLOADS,
    *moving.WORKLOADS,
    *collecting.WORKLOADS,
    *exchanging.WORKLOADS,
    *memory.WORKLOADS,
    *languages.WORKLOADS,
)
WORKLOADS: Final = {workload.name: workload for workload in _ALL}
