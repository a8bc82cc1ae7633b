"""`Client()` alone starts a cluster. Who knows how is told from above, by the front door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from gdistributed.errors import UsageError


@runtime_checkable
class Cluster(Protocol):
    """Something with a scheduler, like `LocalCluster`."""

    @property
    def scheduler_address(self) -> str:
        """Where clients connect."""

    def close(self) -> object:
        """End the cluster."""


Starter = Callable[[bool], Cluster]

_starters: list[Starter] = []


def set_starter(starter: Starter) -> None:
    """Say how to start a cluster on this machine.

    Parameters
    ----------
    starter
        Is called with whether the client is asynchronous, and returns a cluster.
    """
    _starters[:] = [starter]


def start_cluster(asynchronous: bool) -> Cluster:
    """Start a cluster on this machine.

    Raises
    ------
    UsageError
        If this process was not told how to.
    """
    if not _starters:
        raise UsageError("no address was given: name one, as in Client('127.0.0.1:8786')")
    return _starters[0](asynchronous)
