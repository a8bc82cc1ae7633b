"""Handlers of bulk data, whose messages stay bytes (see `data.framing`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import grpc

REQUESTS: Final = "request_deserializer"
RESPONSES: Final = "response_serializer"


def adding_bytes(
    add: Callable[[Any, Any], None], kept: Mapping[str, Sequence[str]]
) -> Callable[[Any, Any], None]:
    """Return a function that adds a service as the generated one does, with some messages unread.

    Parameters
    ----------
    add
        The generated function ``add_...Servicer_to_server``.
    kept
        By the name of a call whether its REQUESTS, its RESPONSES or both stay bytes.
    """

    def add_service(service: object, server: Any) -> None:  # noqa: ANN401
        add(service, _KeepingBytes(server, kept))

    return add_service


async def again(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the messages of a call of which the first has been taken already."""
    yield first
    async for message in rest:
        yield message


class _KeepingBytes:
    """Stands for a gRPC server while the handlers of a service are added."""

    def __init__(self, server: Any, kept: Mapping[str, Sequence[str]]) -> None:  # noqa: ANN401
        self._server = server
        self._kept = kept

    def add_generic_rpc_handlers(self, _handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Wait for the same handlers by name, which come next."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        changed: dict[str, Any] = dict(handlers)
        for name, kinds in self._kept.items():
            changed[name] = changed[name]._replace(**dict.fromkeys(kinds))
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, changed),)
        )
