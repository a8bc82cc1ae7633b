"""The Center service of a scheduler whose Center is in another process: every call is passed on.

So workers and clients may be given either address.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import grpc.aio

from gdistributed.v1 import center_pb2 as pb
from gdistributed.v1 import center_pb2_grpc
from gdistributed.wire.status import error_from_call

Context = grpc.aio.ServicerContext[Any, Any]
Request = TypeVar("Request")
Response = TypeVar("Response")


async def pass_on(call: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    """Make the same call there; an error of it is raised here."""
    try:
        return await call(request)
    except grpc.aio.AioRpcError as error:
        raise error_from_call(error, doing="asking the center") from None


class CenterElsewhere(center_pb2_grpc.CenterServicer):
    """Passes calls on to the Center that a channel leads to."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._center = center_pb2_grpc.CenterStub(channel)

    async def Register(self, request: pb.RegisterRequest, _: Context) -> pb.RegisterResponse:
        """Enter a member."""
        return await pass_on(self._center.Register, request)

    async def Heartbeat(self, request: pb.HeartbeatRequest, _: Context) -> pb.HeartbeatResponse:
        """Renew a lease."""
        return await pass_on(self._center.Heartbeat, request)

    async def Deregister(self, request: pb.DeregisterRequest, _: Context) -> pb.DeregisterResponse:
        """Remove a member."""
        return await pass_on(self._center.Deregister, request)

    async def ListMembers(
        self, request: pb.ListMembersRequest, _: Context
    ) -> pb.ListMembersResponse:
        """List members."""
        return await pass_on(self._center.ListMembers, request)

    async def WhoHas(self, request: pb.WhoHasRequest, _: Context) -> pb.WhoHasResponse:
        """Say which workers hold keys."""
        return await pass_on(self._center.WhoHas, request)

    async def HasWhat(self, request: pb.HasWhatRequest, _: Context) -> pb.HasWhatResponse:
        """Say which keys workers hold."""
        return await pass_on(self._center.HasWhat, request)

    async def NCores(self, request: pb.NCoresRequest, _: Context) -> pb.NCoresResponse:
        """Say how many tasks each worker runs at once."""
        return await pass_on(self._center.NCores, request)

    async def ReportLocations(
        self, requests: AsyncIterator[pb.ReportLocationsRequest], _: Context
    ) -> pb.ReportLocationsResponse:
        """Take in where data lies."""
        return await pass_on(self._center.ReportLocations, requests)

    async def PublishDataset(
        self, request: pb.PublishDatasetRequest, _: Context
    ) -> pb.PublishDatasetResponse:
        """Give a name to a value."""
        return await pass_on(self._center.PublishDataset, request)

    async def GetDataset(self, request: pb.GetDatasetRequest, _: Context) -> pb.GetDatasetResponse:
        """Return a dataset."""
        return await pass_on(self._center.GetDataset, request)

    async def ListDatasets(
        self, request: pb.ListDatasetsRequest, _: Context
    ) -> pb.ListDatasetsResponse:
        """List the names."""
        return await pass_on(self._center.ListDatasets, request)

    async def UnpublishDataset(
        self, request: pb.UnpublishDatasetRequest, _: Context
    ) -> pb.UnpublishDatasetResponse:
        """Take a name away."""
        return await pass_on(self._center.UnpublishDataset, request)

    async def SetMetadata(
        self, request: pb.SetMetadataRequest, _: Context
    ) -> pb.SetMetadataResponse:
        """Set a place in the tree of metadata."""
        return await pass_on(self._center.SetMetadata, request)

    async def GetMetadata(
        self, request: pb.GetMetadataRequest, _: Context
    ) -> pb.GetMetadataResponse:
        """Return what is at a place in the tree of metadata."""
        return await pass_on(self._center.GetMetadata, request)

    async def Watch(self, request: pb.WatchRequest, _: Context) -> AsyncIterator[pb.WatchResponse]:
        """Stream changes."""
        try:
            async for change in self._center.Watch(request):
                yield change
        except grpc.aio.AioRpcError as error:
            raise error_from_call(error, doing="watching the center") from None
