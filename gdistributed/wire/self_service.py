"""The service that every server answers: who it is, what it is made of, what it logged."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import grpc.aio
from google.protobuf import timestamp_pb2

from gdistributed.v1 import server_pb2, server_pb2_grpc
from gdistributed.wire.logs import log_ring
from gdistributed.wire.software import own_software, own_versions

if TYPE_CHECKING:
    from gdistributed.wire.server import Server

Context = grpc.aio.ServicerContext[Any, Any]

LINES = 100
LINES_MAX = 10_000


class SelfService(server_pb2_grpc.ServerServicer):
    """Answers for a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._started_at = timestamp_pb2.Timestamp()
        self._started_at.GetCurrentTime()
        log_ring()

    async def Identify(
        self, _request: server_pb2.IdentifyRequest, _: Context
    ) -> server_pb2.IdentifyResponse:
        """Say who answers at this address."""
        server = self._server
        return server_pb2.IdentifyResponse(
            role=server.role,
            id=server.id,
            name=server.name,
            addresses=server.addresses,
            software=own_software(server.capabilities),
            cluster_id=server.cluster_id,
            started_at=self._started_at,
            process_id=os.getpid(),
            host=socket.gethostname(),
            services=server.services,
        )

    async def GetVersions(
        self, _request: server_pb2.GetVersionsRequest, _: Context
    ) -> server_pb2.GetVersionsResponse:
        """List versions of the software."""
        return server_pb2.GetVersionsResponse(versions=own_versions())

    async def GetLogs(
        self, request: server_pb2.GetLogsRequest, _: Context
    ) -> server_pb2.GetLogsResponse:
        """Return the last lines of the log."""
        count = min(request.count or LINES, LINES_MAX)
        return server_pb2.GetLogsResponse(
            lines=log_ring().last(count, request.level, request.after)
        )
