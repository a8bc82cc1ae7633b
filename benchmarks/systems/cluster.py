"""What each measured system offers: a workload is written once, against this."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

# What not every system has. A workload names what it needs, a system what it lacks.
GRAPHS = "graphs"
"""dask graphs and collections."""
SCHEDULER_PROCESS = "scheduler process"
"""A scheduler that can be a process of its own."""
TRANSFERS = "transfers"
"""Results stay with the worker that made them, and move when another one needs them."""
BY_SOCKET = "by socket"
"""Values between processes of one machine can be sent as they are between machines."""
SHARED_ARRAYS = "shared arrays"
"""A task can make its result in memory that other processes map."""
GO = "Go"
"""Workers in Go beside those in Python."""
MANY_CLIENTS = "many clients"
"""Clients of other processes can come to a cluster that runs."""
MANY_WORKERS = "many workers"
"""Workers can live in the process of the client, hundreds of them."""


class Cluster(Protocol):
    """A running cluster of two workers with one thread each, and a synchronous client of it."""

    def submit(self, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        """Start one task; futures among the arguments stand for their results."""

    def map(self, function: Callable[[Any], Any], items: Sequence[object]) -> list[Any]:
        """Start a task for each item, in the way a user of this system would."""

    def result(self, future: Any) -> Any:  # noqa: ANN401
        """Wait for one result."""

    def wait(self, futures: list[Any]) -> None:
        """Wait until many tasks are done, without their results."""

    def scatter(self, values: list[Any]) -> list[Any]:
        """Put values where tasks have them at hand; one future for each."""

    def gather(self, futures: list[Any]) -> list[Any]:
        """Wait for many results."""

    def get(self, graph: Mapping[Hashable, object], key: Hashable) -> Any:  # noqa: ANN401
        """Compute one key of a dask graph."""

    def begin(self, graph: Mapping[Hashable, object], key: Hashable) -> Any:  # noqa: ANN401
        """Begin to compute one key of a dask graph; `result` waits for it."""

    def knows(self, key: Hashable) -> bool:
        """Whether the scheduler knows a task."""

    def compute(self, collection: Any) -> Any:  # noqa: ANN401
        """Compute a dask collection."""

    def scheduler_process_id(self) -> int:
        """Process id of the scheduler."""

    def address(self) -> str:
        """Where other clients find the cluster."""

    def go_workers(
        self, count: int
    ) -> AbstractContextManager[tuple[Any, Callable[[str], Callable[..., Any]]]]:
        """Run workers in Go beside the others, of one thread each, called go-0, go-1 ...

        The system's own client, and what finds their functions by name.
        """


class System(Protocol):
    """A way to start a cluster.

    Attributes
    ----------
    imports
        The statement by which its users import what they begin with.
    """

    imports: ClassVar[str]

    def connect(self, address: str) -> AbstractContextManager[Cluster]:
        """Come to a cluster that runs as another client of it."""

    def with_workers(self, count: int) -> AbstractContextManager[Cluster]:
        """Start a cluster of so many workers, of one thread each, in this process."""

    def __call__(
        self, *, scheduler_alone: bool = False, by_socket: bool = False
    ) -> AbstractContextManager[Cluster]:
        """Start a cluster, and end it with the `with` block.

        Parameters
        ----------
        scheduler_alone
            The scheduler has to be a process of its own, whatever this system usually does.
        by_socket
            Values have to go from process to process as they go from machine to machine.
        """
