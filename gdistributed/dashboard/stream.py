"""What happens in the cluster, live, to all who look: one poller, and a text for everybody.

The cluster is asked the same whether one person looks or fifty, at most five times a second
whatever it does, less often where the answers take long to make, and never while nobody looks.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from gdistributed.dashboard.gateway import ASKED_OF_SCHEDULER, CallFailed, Gateway, ask, to_json
from gdistributed.v1 import activity_pb2, scheduler_pb2

INTERVAL_S: Final = 0.2
WORKERS_INTERVAL_S: Final = 1.0
TROUBLE_INTERVAL_S: Final = 1.0
# Of one core, for all that is done here; where that is not enough, updates come less often.
SHARE_MAX: Final = 0.05
INTERVAL_S_MAX: Final = 5.0
TIMEOUT_S: Final = 5.0
WORKERS_MAX: Final = 500
RUNS_MAX: Final = 4000  # a fifth of a second of 20,000 a second; merged they are a few
MERGE_MS: Final = 20
PAST_MAX: Final = 20_000  # all that the scheduler keeps
PAST_MERGE_MS: Final = 100
RETRY: Final = "retry: 1000\n\n"  # a page whose connection broke comes back after a second

ACTIVITY, WORKERS, TROUBLE = "activity", "workers", "trouble"
Event = tuple[str, str]


class Viewer:
    """One open page: of each kind of event the newest that it has not been sent.

    A page that reads slowly misses some. Nothing piles up for it.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}
        self._news = asyncio.Event()
        self._over = False

    def tell(self, event: str, data: str) -> None:
        """Have an event sent, in place of one of its kind that still waits."""
        self._waiting.pop(event, None)  # so that they go in the order of their making
        self._waiting[event] = data
        self._news.set()

    def end(self) -> None:
        """Send what waits, and nothing more."""
        self._over = True
        self._news.set()

    async def messages(self) -> AsyncIterator[str]:
        """Yield events as a browser reads them, until the end."""
        yield RETRY
        while not self._over:
            await self._news.wait()
            self._news.clear()
            waiting, self._waiting = self._waiting, {}
            for event, data in waiting.items():
                yield f"event: {event}\ndata: {data}\n\n"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the cluster found.

    Attributes
    ----------
    events
        For those who have looked before.
    events_of_new
        For those who look for the first time: what is remembered of the past is in them.
    failed
        Whether the scheduler did not answer.
    cost_s
        How long a processor was busy with it.
    """

    events: list[Event]
    events_of_new: list[Event]
    failed: bool
    cost_s: float


class Poller:
    """Asks the scheduler for what is new. It blocks: it is called in threads, one at a time."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._last_run = self._last_transfer = 0
        self._scheduler = ("", 0)
        self._workers_due = 0.0

    def look(self, now: float, *, for_new: bool) -> Look:
        """Ask for what has happened since the last look.

        Parameters
        ----------
        now
            Of any clock that goes on, in seconds.
        for_new
            Whether somebody looks for the first time. What happens between the two answers that
            are needed then is told in his and in the next.
        """
        begun = time.thread_time()
        events: list[Event] = []
        events_of_new: list[Event] = []
        failed = False
        try:
            events.append((ACTIVITY, self._news()))
            if for_new:
                events_of_new.append((ACTIVITY, to_json(self._ask(PAST_MERGE_MS, 0, 0, PAST_MAX))))
            if for_new or now >= self._workers_due:
                self._workers_due = now + WORKERS_INTERVAL_S
                workers = (WORKERS, self._workers())
                events.append(workers)
                events_of_new.append(workers)
        except CallFailed as error:
            failed = True
            trouble = (TROUBLE, json.dumps({"message": self._in_words(error)}))
            events.append(trouble)
            events_of_new.append(trouble)
        return Look(events, events_of_new, failed, time.thread_time() - begun)

    def _news(self) -> str:
        answer = self._ask(MERGE_MS, self._last_run, self._last_transfer)
        scheduler = answer.summary.cluster_id, answer.summary.epoch
        if self._scheduler not in (scheduler, ("", 0)):  # another one, which counts anew
            answer = self._ask(MERGE_MS, 0, 0)
        self._scheduler = scheduler
        self._last_run, self._last_transfer = answer.last_run, answer.last_transfer
        return to_json(answer)

    def _workers(self) -> str:
        request = scheduler_pb2.ListWorkersRequest(page_size=WORKERS_MAX)
        answer = self._call("Scheduler/ListWorkers", request)
        for worker in answer.workers:
            worker.ClearField("software")
        return to_json(answer)

    def _ask(self, merge_ms: int, last_run: int, last_transfer: int, limit: int = RUNS_MAX) -> Any:  # noqa: ANN401
        request = activity_pb2.GetActivityRequest(
            last_run=last_run, last_transfer=last_transfer, limit=limit
        )
        request.merge.FromMilliseconds(merge_ms)
        return self._call("Activity/GetActivity", request)

    def _call(self, method: str, request: Message) -> Any:  # noqa: ANN401
        return ask(self._gateway.channel, ASKED_OF_SCHEDULER[method], request, TIMEOUT_S)

    def _in_words(self, error: CallFailed) -> str:
        who = f"The scheduler at {self._gateway.scheduler}"
        if error.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            return f"{who} does not answer. It is asked again every second."
        return f"{who} cannot say what happens: {error}"


class Live:
    """All who look, and the poller while there are any. It belongs to one event loop."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._viewers: dict[Viewer, None] = {}
        self._new: list[Viewer] = []
        self._polling: asyncio.Task[None] | None = None

    @property
    def is_polling(self) -> bool:
        """Whether the scheduler is being asked."""
        return self._polling is not None

    def enter(self) -> Viewer:
        """Let one more look, who is told the past first."""
        viewer = Viewer()
        self._viewers[viewer] = None
        self._new.append(viewer)
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget one who looks no more; after the last one nobody is asked."""
        self._viewers.pop(viewer, None)
        if not self._viewers and self._polling is not None:
            self._polling.cancel()
            self._polling = None

    def close(self) -> None:
        """End all streams."""
        for viewer in list(self._viewers):
            viewer.end()

    async def _poll(self) -> None:
        poller = Poller(self._gateway)
        while True:
            begun = time.monotonic()
            new, self._new = self._new, []
            look = await asyncio.to_thread(poller.look, begun, for_new=bool(new))
            for viewer in self._viewers:
                for event, data in look.events_of_new if viewer in new else look.events:
                    viewer.tell(event, data)
            if look.failed:
                self._new += new
            interval_s = TROUBLE_INTERVAL_S if look.failed else INTERVAL_S
            interval_s = min(max(interval_s, look.cost_s / SHARE_MAX), INTERVAL_S_MAX)
            await asyncio.sleep(begun + interval_s - time.monotonic())
