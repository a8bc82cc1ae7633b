"""The workloads, in the order of the table. They import nothing that only some system has."""

from __future__ import annotations

from typing import Final

from workloads import (
    array,
    chain,
    clients,
    collecting,
    exchanging,
    graph,
    importing,
    languages,
    latency,
    mapping,
    memory,
    moving,
    startup,
    submission,
    tree,
    workers,
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
    *importing.WORKLOADS,
    *clients.WORKLOADS,
    *workers.WORKLOADS,
    *moving.WORKLOADS,
    *collecting.WORKLOADS,
    *exchanging.WORKLOADS,
    *memory.WORKLOADS,
    *languages.WORKLOADS,
)
WORKLOADS: Final = {workload.name: workload for workload in _ALL}
