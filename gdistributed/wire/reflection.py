"""What a gRPC server offers, learned by asking it: services, methods, and their messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection_pb2 as pb

from gdistributed.errors import CapabilityMissing

# The two versions of the reflection service have the same messages.
PATHS: Final = (
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)
REFLECTION: Final = "grpc.reflection."


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a service.

    Attributes
    ----------
    path
        As gRPC names it: "/package.Service/Method".
    request, response
        Classes of the messages.
    streams_in, streams_out
        Whether the caller and the server send many messages.
    """

    path: str
    request: type[Message]
    response: type[Message]
    streams_in: bool
    streams_out: bool

    @property
    def name(self) -> str:
        """The name without its service."""
        return self.path.rpartition("/")[2]

    def callable_of(self, channel: grpc.aio.Channel) -> Any:  # noqa: ANN401
        """Return what calls the method on a channel."""
        makers = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
            (True, True): channel.stream_stream,
        }
        return makers[self.streams_in, self.streams_out](
            self.path,
            request_serializer=self.request.SerializeToString,
            response_deserializer=self.response.FromString,
        )


async def learn(channel: grpc.aio.Channel, timeout_s: float) -> dict[str, dict[str, Method]]:
    """Return the methods of each service of a server, by full name of the service and by name.

    Raises
    ------
    CapabilityMissing
        If the server does not offer reflection.
    grpc.aio.AioRpcError
        If the conversation fails.
    """
    for path in PATHS:
        try:
            return await _learn_by(path, channel, timeout_s)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                raise
    raise CapabilityMissing(
        "the server does not offer reflection, so its services cannot be learned: call it by "
        "generated stubs"
    )


async def _learn_by(
    path: str, channel: grpc.aio.Channel, timeout_s: float
) -> dict[str, dict[str, Method]]:
    call = channel.stream_stream(
        path,
        request_serializer=pb.ServerReflectionRequest.SerializeToString,
        response_deserializer=pb.ServerReflectionResponse.FromString,
    )(timeout=timeout_s)
    conversation = _Conversation(call)
    try:
        names = await conversation.services()
        files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
        for name in names:
            await conversation.collect(
                pb.ServerReflectionRequest(file_containing_symbol=name), files
            )
        await call.done_writing()
    finally:
        call.cancel()
    pool = descriptor_pool.DescriptorPool()
    for file in _dependencies_first(files):
        pool.AddSerializedFile(file.SerializeToString())
    return {
        name: {each.name: _method(each) for each in pool.FindServiceByName(name).methods}
        for name in names
    }


class _Conversation:
    """One exchange with a reflection service: a question, an answer, in turn."""

    def __init__(self, call: Any) -> None:  # noqa: ANN401
        self._call = call

    async def services(self) -> list[str]:
        answer = await self._ask(pb.ServerReflectionRequest(list_services=""))
        names = (service.name for service in answer.list_services_response.service)
        return [name for name in names if not name.startswith(REFLECTION)]

    async def collect(
        self,
        question: pb.ServerReflectionRequest,
        files: dict[str, descriptor_pb2.FileDescriptorProto],
    ) -> None:
        """Add the files of an answer, and all that they import."""
        answer = await self._ask(question)
        for text in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(text)
            files.setdefault(file.name, file)
        imported = {name for file in files.values() for name in file.dependency}
        for name in sorted(imported - files.keys()):
            if name not in files:
                await self.collect(pb.ServerReflectionRequest(file_by_filename=name), files)

    async def _ask(self, question: pb.ServerReflectionRequest) -> pb.ServerReflectionResponse:
        await self._call.write(question)
        answer = await self._call.read()
        if answer is grpc.aio.EOF:
            code = await self._call.code()
            raise grpc.aio.AioRpcError(
                code, await self._call.initial_metadata(), await self._call.trailing_metadata()
            )
        if answer.HasField("error_response"):
            raise CapabilityMissing(f"reflection failed: {answer.error_response.error_message}")
        return answer  # type: ignore[no-any-return]


def _dependencies_first(
    files: dict[str, descriptor_pb2.FileDescriptorProto],
) -> Iterable[descriptor_pb2.FileDescriptorProto]:
    placed: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def place(name: str) -> None:
        if name not in placed and name in files:
            for dependency in files[name].dependency:
                place(dependency)
            placed[name] = files[name]

    for name in files:
        place(name)
    return placed.values()


def _method(descriptor: MethodDescriptor) -> Method:
    return Method(
        path=f"/{descriptor.containing_service.full_name}/{descriptor.name}",
        request=message_factory.GetMessageClass(descriptor.input_type),
        response=message_factory.GetMessageClass(descriptor.output_type),
        streams_in=descriptor.client_streaming,
        streams_out=descriptor.server_streaming,
    )


async def iterate(items: object) -> AsyncIterator[object]:
    """Yield from an asynchronous iterable, or from a plain one."""
    if hasattr(items, "__aiter__"):
        async for item in items:
            yield item
    else:
        for item in items if isinstance(items, Iterable) else (items,):
            yield item
