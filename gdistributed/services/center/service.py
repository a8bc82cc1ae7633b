"""The rpcs of the Center: no decisions, each calls the brain once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio

from gdistributed.core.center.brain import CenterBrain
from gdistributed.core.session import check_software
from gdistributed.services.alarm import Alarm
from gdistributed.v1 import center_pb2 as pb
from gdistributed.v1 import center_pb2_grpc
from gdistributed.wire.pages import page
from gdistributed.wire.software import own_software
from gdistributed.wire.status import StatusError

Context = grpc.aio.ServicerContext[Any, Any]
Result = TypeVar("Result")

KEYS_MAX = 10_000


class CenterService(center_pb2_grpc.CenterServicer):
    """Serves a brain; to be added to any server.

    Parameters
    ----------
    brain
        Who is in the cluster. It is changed through this service only.
    """

    def __init__(self, brain: CenterBrain) -> None:
        self.brain = brain
        self._news = asyncio.Event()
        self._revision = 0
        self._alarm = Alarm(self._on_time)

    @staticmethod
    def now() -> float:
        """The time that the brain is given."""
        return time.monotonic()

    def call(self, event: Callable[..., Result], *arguments: object) -> Result:
        """Tell the brain what happened, wake those who watch, and set the timer."""
        try:
            return event(*arguments)
        finally:
            if self.brain.history.revision != self._revision:
                self._revision = self.brain.history.revision
                self._news.set()
                self._news = asyncio.Event()
            self._alarm.set(self.brain.deadline)

    def _on_time(self) -> None:
        self.call(self.brain.on_time, self.now())

    def worker_left(self, worker_id: str, cause: str) -> None:
        """A scheduler in the same process knows that a worker is gone."""
        self.call(self.brain.deregister, worker_id, cause, self.now())

    def close(self) -> None:
        """Stop the timer."""
        self._alarm.set(None)

    # Members

    async def Register(self, request: pb.RegisterRequest, _: Context) -> pb.RegisterResponse:
        """Enter a member."""
        role = request.member.role or "member"
        check_software(request.member.software, own_software(), role, "center")
        lease_s = request.lease.ToNanoseconds() / 1e9
        response = self.call(self.brain.register, request.member, lease_s, self.now())
        response.software.CopyFrom(own_software())
        return response

    async def Heartbeat(self, request: pb.HeartbeatRequest, _: Context) -> pb.HeartbeatResponse:
        """Renew a lease."""
        return self.call(self.brain.heartbeat, request.id, self.now())

    async def Deregister(self, request: pb.DeregisterRequest, _: Context) -> pb.DeregisterResponse:
        """Remove a member."""
        self.call(self.brain.deregister, request.id, request.reason, self.now())
        return pb.DeregisterResponse()

    async def ListMembers(
        self, request: pb.ListMembersRequest, _: Context
    ) -> pb.ListMembersResponse:
        """List members by role and name."""
        found = self.brain.members_of(request.role)
        members, token = page(found, request.page_size, request.page_token)
        return pb.ListMembersResponse(
            members=members,
            next_page_token=token,
            revision=self.brain.history.revision,
            cluster_id=self.brain.cluster_id,
        )

    # Where data lies

    async def WhoHas(self, request: pb.WhoHasRequest, _: Context) -> pb.WhoHasResponse:
        """Say which workers hold keys."""
        keys = list(request.keys)
        truncated = False
        if not keys:
            keys = sorted(self.brain.locations.keys())
            keys, truncated = keys[:KEYS_MAX], len(keys) > KEYS_MAX
        return pb.WhoHasResponse(locations=self.brain.who_has(keys), truncated=truncated)

    async def HasWhat(self, request: pb.HasWhatRequest, _: Context) -> pb.HasWhatResponse:
        """Say which keys workers hold."""
        response = pb.HasWhatResponse()
        for worker in self.brain.workers(request.workers):
            keys = list(self.brain.locations.keys_of(worker.id))
            response.workers.add(
                address=worker.address,
                worker_id=worker.id,
                keys=keys[:KEYS_MAX],
                truncated=len(keys) > KEYS_MAX,
            )
        return response

    async def NCores(self, request: pb.NCoresRequest, _: Context) -> pb.NCoresResponse:
        """Say how many tasks each worker runs at once."""
        workers = self.brain.workers(request.workers)
        return pb.NCoresResponse(nthreads={each.address: each.nthreads for each in workers})

    async def ReportLocations(
        self, requests: AsyncIterator[pb.ReportLocationsRequest], _: Context
    ) -> pb.ReportLocationsResponse:
        """Take in what a scheduler in another process reports."""
        async for batch in requests:
            self.call(self.brain.report, batch)
        return pb.ReportLocationsResponse()

    # Datasets

    async def PublishDataset(
        self, request: pb.PublishDatasetRequest, _: Context
    ) -> pb.PublishDatasetResponse:
        """Give a name to a value."""
        self.call(self.brain.publish, request.dataset, request.override)
        return pb.PublishDatasetResponse()

    async def GetDataset(self, request: pb.GetDatasetRequest, _: Context) -> pb.GetDatasetResponse:
        """Return a dataset."""
        return pb.GetDatasetResponse(dataset=self.brain.dataset(request.name))

    async def ListDatasets(
        self, _request: pb.ListDatasetsRequest, _: Context
    ) -> pb.ListDatasetsResponse:
        """List the names."""
        return pb.ListDatasetsResponse(names=sorted(self.brain.datasets))

    async def UnpublishDataset(
        self, request: pb.UnpublishDatasetRequest, _: Context
    ) -> pb.UnpublishDatasetResponse:
        """Take a name away."""
        return pb.UnpublishDatasetResponse(keys=self.call(self.brain.unpublish, request.name))

    # Metadata

    async def SetMetadata(
        self, request: pb.SetMetadataRequest, _: Context
    ) -> pb.SetMetadataResponse:
        """Set a place in the tree of metadata."""
        self.brain.metadata.put(request.path, request.entries)
        return pb.SetMetadataResponse()

    async def GetMetadata(
        self, request: pb.GetMetadataRequest, _: Context
    ) -> pb.GetMetadataResponse:
        """Return what is at a place in the tree of metadata."""
        return pb.GetMetadataResponse(entries=self.brain.metadata.get(request.path))

    async def Watch(self, request: pb.WatchRequest, _: Context) -> AsyncIterator[pb.WatchResponse]:
        """Stream changes, from a revision on."""
        history, roles = self.brain.history, set(request.roles)
        revision = request.start_revision or history.revision + 1
        late = grpc.StatusCode.OUT_OF_RANGE, "REVISION_GONE"
        while True:
            news = self._news
            found = history.since(revision)
            if found is None:
                raise StatusError(*late, f"changes from revision {revision} on are gone")
            changes = list(found)
            if not changes:
                await news.wait()
            for change in changes:
                revision = change.revision + 1
                if not roles or _role_of(change) in roles:
                    yield change
            late = grpc.StatusCode.RESOURCE_EXHAUSTED, "SLOW_WATCHER"


def _role_of(change: pb.WatchResponse) -> str:
    kind = change.WhichOneof("change")
    if kind == "joined":
        return change.joined.role
    return change.left.member.role if kind == "left" else "dataset"
