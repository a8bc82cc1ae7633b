"""Another worker, played: it holds values, and answers as a rule has told it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import grpc

from gdistributed.conformance.transfers import cut
from gdistributed.v1 import error_pb2, task_pb2, value_pb2, worker_pb2, worker_pb2_grpc
from gdistributed.wire.server import Server
from gdistributed.wire.status import StatusError

WHOLE_NBYTES: Final = 64 * 1024


class Peer(Server):
    """A worker that only gives.

    Parameters
    ----------
    number
        Of the peer on the streams of the suite.

    Attributes
    ----------
    values
        What it holds, by key; an error stands for a value that cannot be encoded.
    damaged
        Keys of values whose next chunk is to arrive damaged.
    busy_calls
        So many calls it will refuse with TOO_MANY_TRANSFERS.
    requests
        Those that it was asked, oldest first.
    """

    def __init__(self, number: int) -> None:
        super().__init__(role="worker")
        self.number = number
        self.values: dict[str, value_pb2.Payload | error_pb2.TaskError] = {}
        self.damaged: set[str] = set()
        self.busy_calls = 0
        self.requests: list[worker_pb2.GetDataRequest] = []
        # Of the other calls the stub says that they are not implemented.
        service = _PeerService(self)  # type: ignore[abstract]
        self.add_servicer(worker_pb2_grpc.add_WorkerServicer_to_server, service)

    def announcement(self) -> task_pb2.Peer:
        """Return how the scheduler announces it."""
        return task_pb2.Peer(
            number=self.number, worker_id=self.id, address=self.address, host="conformance"
        )

    def forget(self) -> None:
        """Begin anew, for the next rule."""
        self.values.clear()
        self.damaged.clear()
        self.busy_calls = 0
        self.requests.clear()


class _PeerService(worker_pb2_grpc.WorkerServicer):
    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def GetData(
        self, request: worker_pb2.GetDataRequest, _: object
    ) -> AsyncIterator[worker_pb2.GetDataResponse]:
        peer = self._peer
        peer.requests.append(request)
        if request.worker_id not in ("", peer.id):
            raise StatusError(
                grpc.StatusCode.FAILED_PRECONDITION, "WRONG_WORKER", f"this is worker {peer.id}"
            )
        if peer.busy_calls:
            peer.busy_calls -= 1
            raise StatusError(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_TRANSFERS", "ask again in a while"
            )
        for index, key in enumerate(request.keys):
            value = peer.values.get(key)
            if isinstance(value, value_pb2.Payload) and len(value.data) > WHOLE_NBYTES:
                for chunk in cut(value, index):
                    if key in peer.damaged:
                        peer.damaged.remove(key)
                        chunk.data = bytes(len(chunk.data))
                    yield worker_pb2.GetDataResponse(chunk=chunk)
                continue
            item = worker_pb2.DataItem(index=index)
            if value is None:
                item.missing = True
            elif isinstance(value, error_pb2.TaskError):
                item.error.CopyFrom(value)
            else:
                item.value.CopyFrom(value)
                item.nbytes = len(value.data)
            yield worker_pb2.GetDataResponse(items=[item])
