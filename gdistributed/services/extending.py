"""What users have added to one server: plugins, and files of code."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio

from gdistributed.data.codecs import decode
from gdistributed.services.calling import carry_out, failure_at
from gdistributed.services.code_files import CodeFiles
from gdistributed.settings import PYTHON
from gdistributed.v1 import error_pb2, extensions_pb2, extensions_pb2_grpc
from gdistributed.wire.server import Server
from gdistributed.wire.status import error_from_call

logger = logging.getLogger("gdistributed.server")

CAPABILITY: Final = "extensions"
SCHEDULER: Final = "scheduler"


class Installed(NamedTuple):
    """One extension: its id, and its plugin unless it is a file."""

    id: str
    plugin: Any = None


class Extended:
    """The extensions of one server.

    Parameters
    ----------
    server
        Is given to plugins.
    changed
        Is called when plugins have come or gone, or modules have been replaced.
    installed
        Is awaited after a plugin has been set up.
    local_directory
        Where to keep files of code.

    Attributes
    ----------
    plugins
        The plugins by name.
    revision
        Of the scheduler's list that was installed last.
    """

    def __init__(
        self,
        server: Server,
        changed: Callable[[], None] = lambda: None,
        installed: Callable[[Any], Awaitable[None]] | None = None,
        local_directory: str | Path | None = None,
    ) -> None:
        self.plugins: dict[str, Any] = {}
        self.revision = 0
        self._server = server
        self._changed = changed
        self._after = installed
        self._files = CodeFiles(local_directory)
        self._installed: dict[str, Installed] = {}
        self._changing = asyncio.Lock()

    async def install(self, extension: extensions_pb2.Extension) -> error_pb2.TaskError | None:
        """Install an extension, unless it is installed already; return what users' code raised."""
        async with self._changing:
            return await self._install(extension)

    async def uninstall(self, name: str) -> error_pb2.TaskError | None:
        """Take an extension out, if it is there; return what users' code raised."""
        async with self._changing:
            return await self._uninstall(name)

    async def catch_up(self, channel: grpc.aio.Channel) -> None:
        """Install what the scheduler's list has, and take out what it has no longer.

        What cannot be installed is logged and left out: the server works without it.

        Raises
        ------
        GDistributedError
            If the list cannot be had.
        """
        async with self._changing:
            known = [each.id for each in self._installed.values()]
            request = extensions_pb2.ListExtensionsRequest(role=self._server.role, known=known)
            revision, listed = await _list(channel, request)
            for name in self._installed.keys() - {extension.name for extension in listed}:
                self._log(name, await self._uninstall(name))
            for extension in listed:
                self._log(extension.name, await self._install(extension))
            self.revision = revision

    async def close(self) -> None:
        """Take all plugins out, and delete the files."""
        async with self._changing:
            for name in list(self._installed):
                self._log(name, await self._uninstall(name))
            self._files.close()  # here: when the interpreter ends there are no more threads

    async def _install(self, extension: extensions_pb2.Extension) -> error_pb2.TaskError | None:
        before = self._installed.get(extension.name)
        is_same = before is not None and before.id == extension.id
        if is_same or extension.runtime not in ("", PYTHON):
            return None
        self._log(extension.name, await self._uninstall(extension.name))
        try:
            if extension.HasField("file"):
                await carry_out(self._files.add, extension.file)
                self._installed[extension.name] = Installed(extension.id)
            else:
                await self._set_up(extension)
        except Exception as error:
            return failure_at(self._server, error)
        finally:
            self._changed()
        logger.info("extension installed", extra={"extension": extension.name})
        return None

    async def _set_up(self, extension: extensions_pb2.Extension) -> None:
        plugin: Any = await asyncio.to_thread(decode, extension.plugin)
        begin = plugin.start if self._server.role == SCHEDULER else plugin.setup
        await carry_out(begin, self._server)
        self._installed[extension.name] = Installed(extension.id, plugin)
        self.plugins[extension.name] = plugin
        if self._after is not None:
            await self._after(plugin)

    async def _uninstall(self, name: str) -> error_pb2.TaskError | None:
        installed = self._installed.pop(name, None)
        if installed is None or installed.plugin is None:
            return None
        plugin = self.plugins.pop(name)
        self._changed()
        try:
            if self._server.role == SCHEDULER:
                await carry_out(plugin.close)
            else:
                await carry_out(plugin.teardown, self._server)
        except Exception as error:
            return failure_at(self._server, error)
        return None

    def _log(self, name: str, failure: error_pb2.TaskError | None) -> None:
        if failure is not None:
            fields = {"extension": name, "type": failure.type, "cause": failure.message}
            logger.error("the code of an extension raised", extra=fields)


async def _list(
    channel: grpc.aio.Channel, request: extensions_pb2.ListExtensionsRequest
) -> tuple[int, list[extensions_pb2.Extension]]:
    """Return the revision and the extensions that a scheduler has; none of one without them."""
    stub: extensions_pb2_grpc.ExtensionsAsyncStub = extensions_pb2_grpc.ExtensionsStub(channel)
    revision, extensions = 0, []
    try:
        async for message in stub.ListExtensions(request):
            if message.HasField("extension"):
                extensions.append(message.extension)
            else:
                revision = message.revision
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise error_from_call(error, doing="listing the extensions") from None
    return revision, extensions


def overriding(plugins: Iterable[Any], method: str, base: type) -> list[Any]:
    """Return the plugins that have a method of their own in the place of their base's."""
    return [
        plugin
        for plugin in plugins
        if getattr(type(plugin), method, None) not in (None, getattr(base, method))
    ]
