"""The measured systems. This table is read everywhere; an adapter only in its own environment."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from harness.places import GO_WORKER

from systems.cluster import (
    BY_SOCKET,
    GO,
    GRAPHS,
    MANY_CLIENTS,
    MANY_WORKERS,
    SCHEDULER_PROCESS,
    SHARED_ARRAYS,
    TRANSFERS,
    System,
)


@dataclass(frozen=True)
class SystemEntry:
    """One measured system.

    Attributes
    ----------
    name
        On the command line and over its column.
    environment
        Which of `requirements/*.txt` it runs in, perhaps with a commit: "gdistributed@main".
    adapter
        Where the class is that starts it, as "module:class".
    options
        What the class is made with.
    lacks
        What it has not: workloads that need it are not measured.
    distributions
        The packages whose versions are stated with the results.
    """

    name: str
    environment: str
    adapter: str
    options: Mapping[str, object] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    distributions: tuple[str, ...] = ()

    def load(self) -> System:
        """Import the adapter; possible only in the environment of this system."""
        module, _, name = self.adapter.partition(":")
        system: System = getattr(importlib.import_module(module), name)(**self.options)
        return system


OURS: Final = "gdistributed"

_DASK = ("distributed", "dask", "numpy", "tornado")
_ENTRIES = (
    SystemEntry(
        OURS,
        environment="gdistributed",
        adapter="systems.gdistributed_system:GdistributedSystem",
        lacks=frozenset() if GO_WORKER.exists() else frozenset({GO}),
        distributions=("gdistributed", "grpcio", "protobuf", "uvloop", "dask", "numpy"),
    ),
    SystemEntry(
        "dask",
        environment="dask",
        adapter="systems.dask_system:DaskSystem",
        lacks=frozenset({GO, MANY_WORKERS, SHARED_ARRAYS}),
        distributions=_DASK,
    ),
    SystemEntry(
        "dask-inf",
        environment="dask",
        adapter="systems.dask_system:DaskSystem",
        options={"worker_saturation": float("inf")},
        lacks=frozenset({GO, MANY_WORKERS, SHARED_ARRAYS}),
        distributions=_DASK,
    ),
    SystemEntry(
        "ray",
        environment="ray",
        adapter="systems.ray_system:RaySystem",
        lacks=frozenset(
            {
                BY_SOCKET,
                GO,
                GRAPHS,
                MANY_CLIENTS,
                MANY_WORKERS,
                SCHEDULER_PROCESS,
                SHARED_ARRAYS,
                TRANSFERS,
            }
        ),
        distributions=("ray", "numpy"),
    ),
)
SYSTEMS: Final = {entry.name: entry for entry in _ENTRIES}


def system_named(name: str) -> SystemEntry:
    """Return a system of the table, or gdistributed as it was at a commit: "gdistributed@main".

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    base, _, commit = name.partition("@")
    if commit and base == OURS:
        return replace(SYSTEMS[OURS], name=name, environment=name)
    return SYSTEMS[name]
