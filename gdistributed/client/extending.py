"""The client adds to the cluster's servers what users bring: files of code, and plugins."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from gdistributed.client.base import ClientBase
from gdistributed.data.codecs import encode
from gdistributed.data.failures import exception_from_failure
from gdistributed.plugins import CODE_SUFFIXES, NannyPlugin, SchedulerPlugin, WorkerPlugin
from gdistributed.settings import PYTHON
from gdistributed.v1 import extensions_pb2 as pb

ROLES: Final = {WorkerPlugin: "worker", NannyPlugin: "nanny", SchedulerPlugin: "scheduler"}


class Extending(ClientBase):
    """What is added is kept by the scheduler, for those that join later."""

    async def upload_file(self, filename: str | Path, load: bool = True) -> None:
        """Send a file of code to all workers, also to those that join later.

        Tasks can import it. If it was sent before, the new code takes the place of the old: tasks
        that begin from now on see it.

        Parameters
        ----------
        filename
            A file whose name ends in .py, .zip, .egg or .whl. Of an archive, what is inside it can
            be imported; compiled modules cannot.
        load
            Whether to import it at once, so that an error in it is raised here.

        Raises
        ------
        ValueError
            If the name ends otherwise, or the file is too large to be sent.
        FileNotFoundError
            If there is no such file.
        Exception
            Whatever importing it on a worker raises; then no worker that joins later gets it.

        Examples
        --------
        >>> client.upload_file("analysis.py")  # doctest: +SKIP
        """
        path = Path(filename)
        if path.suffix not in CODE_SUFFIXES:
            suffixes = ", ".join(CODE_SUFFIXES)
            raise ValueError(
                f"upload_file sends files that end in {suffixes}, and got {path.name!r}"
            )
        data = path.read_bytes()
        limit_nbytes = self.connection.settings.limits.message_nbytes
        if len(data) > limit_nbytes:
            raise ValueError(
                f"{path.name} has {len(data)} bytes, and a message no more than {limit_nbytes}: "
                f"install it on the workers instead"
            )
        file = pb.CodeFile(name=path.name, load=load, data=data)
        await self._add(pb.Extension(name=f"file:{path.name}", role="worker", file=file))

    async def register_plugin(
        self,
        plugin: WorkerPlugin | SchedulerPlugin | NannyPlugin,
        name: str | None = None,
    ) -> None:
        """Add a plugin to all servers of its kind, also to those that join later.

        Parameters
        ----------
        plugin
            An instance of a subclass of `WorkerPlugin`, `NannyPlugin` or `SchedulerPlugin`. A
            scheduler takes plugins only if it was started with ``--allow-run``.
        name
            Names it; one that is registered later under the same name takes its place. By default
            its own `name`, or the name of its class.

        Raises
        ------
        TypeError
            If it is no such instance.
        NotAllowed
            If it is for the scheduler, which was not started so that it may run code of users.
        Exception
            Whatever setting it up raises somewhere; then it is taken out everywhere.

        Examples
        --------
        >>> class Counter(WorkerPlugin):
        ...     def setup(self, worker):
        ...         worker.counter = 0
        >>> client.register_plugin(Counter())  # doctest: +SKIP
        """
        role = _role_of(plugin)
        name = name or plugin.name or type(plugin).__name__
        await self._add(pb.Extension(name=name, role=role, plugin=encode(plugin)))

    async def unregister_worker_plugin(self, name: str, nanny: bool = False) -> None:
        """Take a plugin out of all workers, or of their nannies.

        Parameters
        ----------
        name
            Its name.
        nanny
            Whether it is a `NannyPlugin`.

        Raises
        ------
        NotFound
            If there is none of this name.
        Exception
            Whatever tearing it down raises somewhere.

        Examples
        --------
        >>> client.unregister_worker_plugin("Counter")  # doctest: +SKIP
        """
        await self._remove("nanny" if nanny else "worker", name)

    async def unregister_scheduler_plugin(self, name: str) -> None:
        """Take a plugin out of the scheduler.

        Raises
        ------
        NotFound
            If there is none of this name.

        Examples
        --------
        >>> client.unregister_scheduler_plugin("Watcher")  # doctest: +SKIP
        """
        await self._remove("scheduler", name)

    async def _add(self, extension: pb.Extension) -> None:
        extension.runtime = PYTHON
        request = pb.AddExtensionRequest(extension=extension)
        doing = f"adding {extension.name!r}"
        answer = await self.connection.ask(
            self.connection.extensions.AddExtension, request, doing, timeout_s=None
        )
        _raise_first(answer.outcomes)

    async def _remove(self, role: str, name: str) -> None:
        request = pb.RemoveExtensionRequest(role=role, name=name)
        answer = await self.connection.ask(
            self.connection.extensions.RemoveExtension,
            request,
            f"removing {name!r}",
            timeout_s=None,
        )
        _raise_first(answer.outcomes)


def _role_of(plugin: object) -> str:
    for base, role in ROLES.items():
        if isinstance(plugin, base):
            return role
    what = f"the class {plugin.__name__}" if isinstance(plugin, type) else repr(plugin)
    raise TypeError(
        f"register_plugin takes an instance of a subclass of WorkerPlugin, NannyPlugin or "
        f"SchedulerPlugin, and got {what}"
    )


def _raise_first(outcomes: Iterable[pb.ExtensionOutcome]) -> None:
    """Raise what users' code raised on the first server, and say on how many it did."""
    failed = [outcome for outcome in outcomes if outcome.HasField("error")]
    if failed:
        error: Any = exception_from_failure(failed[0].error)
        where = ", ".join(outcome.address for outcome in failed if outcome.address)
        if len(failed) > 1:
            error.add_note(f"It failed on {len(failed)} servers: {where}.")
        raise error
