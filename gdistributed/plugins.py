"""What users may add to the servers of a cluster: subclass one, and `client.register_plugin` it.

All methods are optional. `setup`, `teardown`, `start` and `close` may be coroutine functions, which
run on the server's event loop; plain ones run in a thread, where they may block. The others are
called on the event loop, after things have settled, and must not block.
"""

from __future__ import annotations

from typing import Any, Final

CODE_SUFFIXES: Final = (".py", ".zip", ".egg", ".whl")  # of files that `client.upload_file` sends


class WorkerPlugin:
    """Code that lives on all workers, also on those that join later.

    Attributes
    ----------
    name
        Names the plugin; one that is registered later under the same name takes its place. By
        default the name of the class.

    Examples
    --------
    >>> class Scratch(WorkerPlugin):
    ...     def setup(self, worker):
    ...         worker.scratch = {}
    >>> client.register_plugin(Scratch())  # doctest: +SKIP
    """

    name: str = ""

    def setup(self, worker: Any) -> Any:  # noqa: ANN401
        """The plugin was registered, or the worker starts: it has no tasks yet."""

    def teardown(self, worker: Any) -> Any:  # noqa: ANN401
        """The worker ends, or the plugin is taken out."""

    def transition(self, key: str, start: str, finish: str, **kwargs: Any) -> None:  # noqa: ANN401
        """A task or a value has gone from one state to another on this worker.

        Parameters
        ----------
        key
            Its key.
        start, finish
            Of a task: "received", "waiting", "ready", "executing", "abandoned", "ended"; of a
            value: "known", "queued", "fetching", "arriving", "missing", "held", "gone".
        **kwargs
            Nothing now: room for more.
        """


class NannyPlugin:
    """Code that lives in the nannies of all workers.

    Attributes
    ----------
    name
        As of a `WorkerPlugin`.
    restart
        Whether each nanny starts its worker's process anew when the plugin has been set up, so that
        for instance environment variables take effect.

    Examples
    --------
    >>> class Variables(NannyPlugin):
    ...     def setup(self, nanny):
    ...         os.environ["OMP_NUM_THREADS"] = "1"
    >>> client.register_plugin(Variables())  # doctest: +SKIP
    """

    name: str = ""
    restart: bool = False

    def setup(self, nanny: Any) -> Any:  # noqa: ANN401
        """The plugin was registered, or the first worker of the nanny has joined the cluster."""

    def teardown(self, nanny: Any) -> Any:  # noqa: ANN401
        """The nanny ends, or the plugin is taken out."""


class SchedulerPlugin:
    """Code that lives in the scheduler, which must have been started with ``--allow-run``.

    Attributes
    ----------
    name
        As of a `WorkerPlugin`.

    Examples
    --------
    >>> class Counter(SchedulerPlugin):
    ...     joined = 0
    ...     def add_worker(self, scheduler=None, worker=None, **kwargs):
    ...         self.joined += 1
    >>> client.register_plugin(Counter())  # doctest: +SKIP
    """

    name: str = ""

    def start(self, scheduler: Any) -> Any:  # noqa: ANN401
        """The plugin was registered."""

    def close(self) -> Any:  # noqa: ANN401
        """The scheduler ends, or the plugin is taken out."""

    def transition(self, key: str, start: str, finish: str, **kwargs: Any) -> None:  # noqa: ANN401
        """A task has gone from one state to another.

        Parameters
        ----------
        key
            Key of the task.
        start, finish
            "released", "waiting", "queued", "no_worker", "processing", "memory", "erred" or
            "forgotten".
        **kwargs
            ``worker``: name of the worker that has to do with it, or empty.
        """

    def add_worker(self, scheduler: Any, worker: str) -> None:  # noqa: ANN401
        """A worker has joined, with this address."""

    def remove_worker(self, scheduler: Any, worker: str) -> None:  # noqa: ANN401
        """The worker of this address has left."""

    def add_client(self, scheduler: Any, client: str) -> None:  # noqa: ANN401
        """A client has joined, with this name."""

    def remove_client(self, scheduler: Any, client: str) -> None:  # noqa: ANN401
        """The client of this name has left."""
