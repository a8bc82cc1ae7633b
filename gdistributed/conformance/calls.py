"""Calls to the server of the worker that is judged, as peers, clients and people make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import grpc.aio

from gdistributed.conformance.rule import Violation, expect
from gdistributed.conformance.transfers import Answer
from gdistributed.v1 import server_pb2_grpc, worker_pb2, worker_pb2_grpc
from gdistributed.wire.channel import open_channel
from gdistributed.wire.status import reason_of_call


class WorkerCalls:
    """The services of one worker, with every failure told as a Violation.

    Parameters
    ----------
    hello
        What the worker has said of itself.
    remaining_s
        Says how much time the rule has left.
    """

    def __init__(self, hello: worker_pb2.WorkerHello, remaining_s: Callable[[], float]) -> None:
        self._worker_id = hello.worker_id
        self._remaining_s = remaining_s
        self._channel = open_channel(hello.address)
        self._worker = worker_pb2_grpc.WorkerStub(self._channel)
        self._server = server_pb2_grpc.ServerStub(self._channel)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def get(self, keys: Sequence[str], **request: Any) -> Answer:  # noqa: ANN401
        """Ask the worker for values; `request` has further fields of GetDataRequest.

        Raises
        ------
        Violation
            If the call fails.
        """
        request.setdefault("worker_id", self._worker_id)
        answer = Answer()
        asked = worker_pb2.GetDataRequest(keys=keys, caller="conformance", **request)
        try:
            await answer.take(self._worker.GetData(asked, timeout=self._remaining_s()))
        except grpc.aio.AioRpcError as error:
            raise Violation("an answer of GetData", described(error)) from None
        return answer

    async def call(self, name: str, request: object) -> Any:  # noqa: ANN401
        """Call a method that answers with one message.

        Raises
        ------
        Violation
            If the call fails.
        """
        try:
            return await self._method(name)(request, timeout=self._remaining_s())
        except grpc.aio.AioRpcError as error:
            raise Violation(f"an answer of {name}", described(error)) from None

    async def refused(self, name: str, request: object, code: str, reason: str) -> None:
        """Make a call that is to be refused, with this code and reason.

        Raises
        ------
        Violation
            If it is answered, or fails in another way.
        """
        call = self._method(name)(request, timeout=self._remaining_s())
        try:
            if hasattr(call, "__aiter__"):
                async for _ in call:
                    pass
            else:
                await call
        except grpc.aio.AioRpcError as error:
            is_it = (error.code().name, reason_of_call(error)) == (code, reason)
            expect(is_it, f"the status {code} ({reason})", described(error))
        else:
            raise Violation(f"the status {code} ({reason})", "an answer")

    def _method(self, name: str) -> Any:  # noqa: ANN401
        stub = self._worker if hasattr(self._worker, name) else self._server
        return getattr(stub, name)


def described(error: grpc.aio.AioRpcError) -> str:
    """Say how a call failed, for people."""
    reason = reason_of_call(error)
    return f"{error.code().name}{f' ({reason})' if reason else ''}: {error.details()}"
