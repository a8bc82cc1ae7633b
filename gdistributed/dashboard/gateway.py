"""The protocol in JSON: what everybody may ask a cluster, asked by a page.

`POST /api/Scheduler/GetTask` with a JSON object is the call `Scheduler.GetTask` with the message of
these fields, and the answer is the message that came, as protobuf's own JSON has it. Calls are made
by blocking stubs, in threads: gRPC's asyncio layer wants one event loop a process, and the process
may be a scheduler's, which has one.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

import grpc
import grpc.aio
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.message import Message

from gdistributed.errors import NotFound, UsageError
from gdistributed.v1 import activity_pb2, scheduler_pb2, server_pb2, worker_pb2
from gdistributed.wire.channel import open_blocking_channel
from gdistributed.wire.hosts import told_by
from gdistributed.wire.status import reason_of_call

TIMEOUT_S: Final = 10.0
PAGE_SIZE: Final = 10_000

# What may be asked. Nothing here changes anything.
OF_SCHEDULER: Final = (
    (scheduler_pb2.DESCRIPTOR, "Scheduler", "GetSummary", "ListTasks", "GetTask", "ExplainTask"),
    (scheduler_pb2.DESCRIPTOR, "Scheduler", "ListWorkers", "ListClients", "GetTaskOutput"),
    (activity_pb2.DESCRIPTOR, "Activity", "GetActivity", "GetGraph"),
    (server_pb2.DESCRIPTOR, "Server", "Identify", "GetLogs"),
)
OF_WORKER: Final = (
    (worker_pb2.DESCRIPTOR, "Worker", "GetStatus", "GetCallStack", "ListData", "GetProfile"),
    (server_pb2.DESCRIPTOR, "Server", "Identify", "GetLogs"),
)


def methods_of(*offers: tuple[FileDescriptor | str, ...]) -> dict[str, MethodDescriptor]:
    """Return the methods of a list like `OF_WORKER`, by "SERVICE/METHOD"."""
    found: dict[str, MethodDescriptor] = {}
    for file, service, *names in offers:
        methods = cast("FileDescriptor", file).services_by_name[str(service)].methods_by_name
        found |= {f"{service}/{name}": methods[str(name)] for name in names}
    return found


ASKED_OF_SCHEDULER: Final = methods_of(*OF_SCHEDULER)
ASKED_OF_WORKER: Final = methods_of(*OF_WORKER)


class CallFailed(Exception):
    """A call failed, as its gRPC status says."""

    def __init__(self, code: grpc.StatusCode, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


def to_json(message: Message) -> str:
    """Return a message as JSON on one line, the fields named as in the `.proto`."""
    fields = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return json.dumps(fields, separators=(",", ":"))


def ask(
    channel: grpc.Channel, method: MethodDescriptor, request: Message, timeout_s: float = TIMEOUT_S
) -> Any:  # noqa: ANN401
    """Make a unary call, and wait for the answer.

    Raises
    ------
    CallFailed
        If it failed.
    """
    call = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
    try:
        return call(request, timeout=timeout_s)
    except grpc.RpcError as error:
        failed = cast("grpc.aio.AioRpcError", error)  # it has the same methods
        raise CallFailed(failed.code(), reason_of_call(failed), failed.details() or "") from error


class Gateway:
    """Asks the scheduler, and workers, what pages want to know.

    Parameters
    ----------
    scheduler
        Its address.
    """

    def __init__(self, scheduler: str) -> None:
        self.scheduler = scheduler
        self.channel = open_blocking_channel(scheduler)

    def answer(self, method: str, body: bytes, worker: str = "") -> str:
        """Return the answer to a call, as JSON.

        Parameters
        ----------
        method
            "SERVICE/METHOD".
        body
            The request as JSON; empty for a message without fields.
        worker
            Name of the worker to ask; empty for the scheduler.

        Raises
        ------
        NotFound
            If there is no such worker.
        UsageError
            If the body is not the request of the method.
        CallFailed
            If the call failed, or is not one that pages may make.
        """
        known = (ASKED_OF_WORKER if worker else ASKED_OF_SCHEDULER).get(method)
        if known is None:
            who = "worker" if worker else "scheduler"
            message = f"pages do not ask a {who} for {method}"
            raise CallFailed(grpc.StatusCode.UNIMPLEMENTED, "", message)
        request = message_factory.GetMessageClass(known.input_type)()
        try:
            fields = json.loads(body or b"{}")
            if not isinstance(fields, dict):
                raise UsageError("a request is a JSON object")
            json_format.ParseDict(fields, request)
        except (json_format.ParseError, ValueError) as error:
            raise UsageError(f"this is no {known.input_type.name}: {error}") from error
        if not worker:
            return to_json(ask(self.channel, known, request))
        with open_blocking_channel(self._address_of(worker)) as channel:
            return to_json(ask(channel, known, request))

    def _address_of(self, worker: str) -> str:
        request = scheduler_pb2.ListWorkersRequest(page_size=PAGE_SIZE)
        while True:
            listed = ask(self.channel, ASKED_OF_SCHEDULER["Scheduler/ListWorkers"], request)
            for each in listed.workers:
                if each.name == worker:
                    return told_by(each.address, self.scheduler)
            if not listed.next_page_token:
                raise NotFound(f"there is no worker {worker!r} now")
            request.page_token = listed.next_page_token

    def close(self) -> None:
        """End what is being asked, and ask no more."""
        self.channel.close()
