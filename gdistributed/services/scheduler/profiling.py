"""The scheduler looks at its own event loop, when it is asked to."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any, Final

import grpc
import grpc.aio

from gdistributed.observe.profiler import Profiler
from gdistributed.runtime.samples import depth_of_loop, functions_on_loop
from gdistributed.settings import PROFILE_INTERVAL_S
from gdistributed.v1 import profile_pb2, scheduler_pb2
from gdistributed.wire.status import StatusError

Context = grpc.aio.ServicerContext[Any, Any]

DURATION_S: Final = 2.0
DURATION_S_MAX: Final = 60.0


class SelfProfiling:
    """The rpc of the Scheduler service that profiles the scheduler."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def ProfileScheduler(
        self, request: scheduler_pb2.ProfileSchedulerRequest, _: Context
    ) -> scheduler_pb2.ProfileSchedulerResponse:
        """Take samples for a while."""
        has_duration = request.HasField("duration")
        duration_s = request.duration.ToNanoseconds() / 1e9 if has_duration else DURATION_S
        if not 0 < duration_s <= DURATION_S_MAX:
            raise StatusError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "BAD_DURATION",
                f"a scheduler is profiled for up to {DURATION_S_MAX:g} s, and {duration_s:g} s "
                f"are asked for",
            )
        async with self._turn:
            profile = await _profile_of_loop(duration_s)
        return scheduler_pb2.ProfileSchedulerResponse(profile=profile)


async def _profile_of_loop(duration_s: float) -> profile_pb2.Profile:
    look = partial(functions_on_loop, threading.get_ident(), await depth_of_loop())
    profiler = Profiler(lambda: [look()], lambda: True, PROFILE_INTERVAL_S)
    profiler.wake()
    try:
        await asyncio.sleep(duration_s)
    finally:
        profiler.close()
    return profiler.profile()
