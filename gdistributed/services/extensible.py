"""The services by which users' code comes into a server: Extensible and Runner."""

from __future__ import annotations

from typing import Any

import grpc.aio

from gdistributed.errors import NotAllowed
from gdistributed.services.calling import Caller
from gdistributed.services.extending import Extended
from gdistributed.v1 import extensions_pb2 as pb
from gdistributed.v1 import extensions_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class ExtensibleService(extensions_pb2_grpc.ExtensibleServicer):
    """Installs what a scheduler passes on."""

    def __init__(self, extended: Extended) -> None:
        self._extended = extended

    async def Install(self, request: pb.InstallRequest, _: Context) -> pb.InstallResponse:
        """Install an extension."""
        return pb.InstallResponse(error=await self._extended.install(request.extension))

    async def Uninstall(self, request: pb.UninstallRequest, _: Context) -> pb.UninstallResponse:
        """Take an extension out."""
        return pb.UninstallResponse(error=await self._extended.uninstall(request.name))


class RunnerService(extensions_pb2_grpc.RunnerServicer):
    """Calls functions in the process of a server; of one without a caller, none."""

    def __init__(self, caller: Caller | None) -> None:
        self._caller = caller

    async def RunFunction(
        self, request: pb.RunFunctionRequest, _: Context
    ) -> pb.RunFunctionResponse:
        """Call a function at once."""
        if self._caller is None:
            raise not_allowed("runs no functions of users")
        return pb.RunFunctionResponse(**await self._caller.call(request))


def not_allowed(what: str) -> NotAllowed:
    """Say that a scheduler was not started so that it may do something, and how it can be."""
    return NotAllowed(
        f"this scheduler {what}: start it with `gd scheduler --allow-run`, or "
        f"LocalCluster(allow_run=True), if all who reach it may have its rights"
    )
