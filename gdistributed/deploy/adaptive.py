"""How many workers a cluster has while it adapts to its tasks."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio

from gdistributed.errors import ClusterError, UsageError
from gdistributed.settings import NS
from gdistributed.v1 import scheduler_pb2, scheduler_pb2_grpc
from gdistributed.wire.channel import open_channel
from gdistributed.wire.status import error_from_call

logger = logging.getLogger("gdistributed.adaptive")

ANSWER_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class AdaptiveOptions:
    """How a cluster adapts.

    Attributes
    ----------
    minimum, maximum
        Bounds of the number of workers.
    interval_s
        Between two looks.
    wait_count
        So many looks in a row have to find fewer workers enough before any leaves.
    target_duration_s
        In so many seconds all that can run is to be done, if the maximum allows it.
    nthreads
        Of each worker that would be started.

    Raises
    ------
    UsageError
        If they make no sense.
    """

    minimum: int
    maximum: int
    interval_s: float
    wait_count: int
    target_duration_s: float
    nthreads: int

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= self.maximum:
            raise UsageError(
                f"a cluster of at least {self.minimum} and at most {self.maximum} workers"
                " makes no sense"
            )
        if self.interval_s <= 0 or self.wait_count < 1 or self.target_duration_s <= 0:
            raise UsageError(
                "interval and target_duration are more than 0 seconds, and wait_count is at"
                f" least 1: got {self.interval_s:g}, {self.target_duration_s:g} and"
                f" {self.wait_count}"
            )


class Patience:
    """Turns recommendations into a number of workers: more at once, fewer when that has lasted.

    Parameters
    ----------
    options
        The bounds, and for how many looks it has to last.
    """

    def __init__(self, options: AdaptiveOptions) -> None:
        self._options = options
        self._fewer: deque[int] = deque(maxlen=options.wait_count)

    def decide(self, present: int, recommended: int) -> int:
        """Return how many workers to have, where so many are there and so many are worth having."""
        wanted = min(max(recommended, self._options.minimum), self._options.maximum)
        if wanted >= present:
            self._fewer.clear()
            return wanted
        self._fewer.append(wanted)
        is_time = len(self._fewer) == self._options.wait_count
        return max(self._fewer) if is_time else min(present, self._options.maximum)


async def adapt(
    scheduler_address: str,
    options: AdaptiveOptions,
    living: Callable[[], list[str]],
    change: Callable[[list[str], int], Awaitable[None]],
) -> None:
    """Have as many workers as are worth having, until cancelled.

    Parameters
    ----------
    scheduler_address
        Whom to ask.
    options
        How to adapt.
    living
        Gives the names of the workers that the cluster has.
    change
        Has workers leave, by name, and starts so many new ones.
    """
    patience = Patience(options)
    request = scheduler_pb2.RecommendWorkersRequest(nthreads=options.nthreads)
    request.target_duration.FromNanoseconds(int(options.target_duration_s * NS))
    async with open_channel(scheduler_address) as channel:
        scheduler: Any = scheduler_pb2_grpc.SchedulerStub(channel)
        is_troubled = False
        while True:
            try:
                answer = await scheduler.RecommendWorkers(request, timeout=ANSWER_TIMEOUT_S)
                there = living()
                surplus = len(there) - patience.decide(len(there), answer.workers)
                leaving = [name for name in answer.removable if name in there][: max(surplus, 0)]
                if leaving or surplus < 0:
                    await change(leaving, max(-surplus, 0))
                is_troubled = False
            except (grpc.aio.AioRpcError, ClusterError) as error:
                if not is_troubled:
                    cause = _in_words(error, scheduler_address)
                    logger.warning("no workers are added or removed", extra={"cause": cause})
                is_troubled = True
            await asyncio.sleep(options.interval_s)


def _in_words(error: grpc.aio.AioRpcError | ClusterError, scheduler_address: str) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return str(error_from_call(error, scheduler_address, "asking the scheduler"))
    return str(error)
