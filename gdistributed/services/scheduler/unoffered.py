"""The rpcs of capabilities that this scheduler does not announce: each says so."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
import grpc.aio

from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.wire.status import StatusError

Context = grpc.aio.ServicerContext[Any, Any]


class Unoffered:
    """Rpcs that end with UNIMPLEMENTED, as the protocol says of a server without a capability."""

    async def Synchronize(self, _request: pb.SynchronizeRequest, _: Context) -> NoReturn:
        """A worker's life in one call."""
        raise _lacking("synchronize")


def _lacking(capability: str) -> StatusError:
    return StatusError(
        grpc.StatusCode.UNIMPLEMENTED,
        "CAPABILITY_MISSING",
        f"this scheduler does not offer the capability {capability!r}; its welcome and "
        f"Server.Identify list those that it does",
    )
