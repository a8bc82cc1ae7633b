"""The profiler of a worker: it looks at what runs tasks and actors, while there are any."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from gdistributed.observe.profile_tree import prefix_frame
from gdistributed.observe.profiler import Profiler, Stacks
from gdistributed.runtime.own_thread import in_own_thread
from gdistributed.runtime.samples import Watched
from gdistributed.v1 import worker_pb2
from gdistributed.wire.status import StatusError


class Profiling:
    """Takes samples of a worker's tasks and actors.

    Parameters
    ----------
    watched
        Where they run.
    has_calls
        Says whether there are tasks that a thread or coroutine runs or will run soon.
    interval_s
        How long to wait between two looks; 0 means never to look.
    """

    def __init__(self, watched: Watched, has_calls: Callable[[], bool], interval_s: float) -> None:
        def look() -> Stacks:
            return [[prefix_frame(kind), *below] for kind, below in watched.samples()]

        def is_busy() -> bool:
            return has_calls() or watched.actors.is_busy

        self.profiler = Profiler(look, is_busy, interval_s) if interval_s else None
        if self.profiler is not None:
            watched.actors.called = self.profiler.wake

    def wake(self) -> None:
        """Tasks are given to threads."""
        if self.profiler is not None:
            self.profiler.wake()

    def close(self) -> None:
        """End the thread that looks."""
        if self.profiler is not None:
            self.profiler.close()

    async def answer(self, request: worker_pb2.GetProfileRequest) -> worker_pb2.GetProfileResponse:
        """Return the samples that are wanted.

        Raises
        ------
        StatusError
            If they are to end before they begin.
        """
        start = _seconds(request.start) if request.HasField("start") else None
        stop = _seconds(request.stop) if request.HasField("stop") else None
        if start is not None and stop is not None and stop <= start:
            raise StatusError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "BAD_RANGE",
                f"stop is not after start: {start} to {stop}, in seconds since 1970",
            )
        if self.profiler is None:
            return worker_pb2.GetProfileResponse()
        prefix = prefix_frame(request.prefix) if request.prefix else None
        profile = await in_own_thread(self.profiler.profile, prefix, start, stop)
        return worker_pb2.GetProfileResponse(profile=profile)


def _seconds(timestamp: Timestamp) -> float:
    return timestamp.ToNanoseconds() / 1e9
