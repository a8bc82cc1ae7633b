"""What people and tools ask of the scheduler: plain calls that read the books.

They change nothing except by the same events as streams do, and take no decisions.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import grpc.aio

from gdistributed.core.scheduler import orders
from gdistributed.core.scheduler.events import Line, one_by_one
from gdistributed.core.scheduler.explaining import explain
from gdistributed.core.scheduler.recommending import TARGET_S, recommend
from gdistributed.core.scheduler.records import TaskRecord
from gdistributed.core.scheduler.states import ERRED, FORGOTTEN, MEMORY
from gdistributed.data.transfer import fetch_each
from gdistributed.services.scheduler import plain
from gdistributed.services.scheduler.console import CONSOLE_ID
from gdistributed.services.scheduler.descriptions import (
    STATES,
    describe_client,
    describe_event,
    describe_task,
    describe_worker,
)
from gdistributed.services.scheduler.known import known_task
from gdistributed.services.scheduler.shell import Shell
from gdistributed.services.scheduler.summary import summarise
from gdistributed.settings import NS
from gdistributed.v1 import scheduler_pb2 as pb
from gdistributed.v1 import value_pb2, worker_pb2
from gdistributed.wire.channel import Channels
from gdistributed.wire.pages import page
from gdistributed.wire.status import StatusError

Context = grpc.aio.ServicerContext[Any, Any]

RESULT_TIMEOUT_S = 30.0
KEEP_S = 600.0
# So long at least lies between two messages to one who watches.
PAUSE_S = 0.05


class Queries:
    """The unary rpcs of the Scheduler service, and WatchEvents.

    Parameters
    ----------
    shell
        Runs the brain.
    channels
        To fetch results that the scheduler does not keep.
    summary
        Gives the facts of the server for a summary.
    """

    def __init__(
        self,
        shell: Shell,
        channels: Channels,
        summary: Callable[[], pb.GetSummaryResponse],
    ) -> None:
        self._shell = shell
        self._channels = channels
        self._summary = summary

    # Tasks

    async def Submit(self, request: pb.SubmitRequest, _: Context) -> pb.SubmitResponse:
        """Enter tasks written by hand."""
        shell = self._shell
        batch, keys = plain.graph_of(request.tasks)
        graph_id = f"submit:{uuid.uuid4().hex}"
        keep_s = request.keep.ToNanoseconds() / 1e9 if request.HasField("keep") else KEEP_S
        shell.call(orders.submit, shell.brain, batch, graph_id, shell.now() + keep_s)
        return pb.SubmitResponse(graph_id=graph_id, keys=keys)

    async def GetResult(self, request: pb.GetResultRequest, _: Context) -> pb.GetResultResponse:
        """Wait for a task and return what became of it."""
        known_task(self._shell, request.key)
        timeout_s = (
            request.timeout.ToNanoseconds() / 1e9
            if request.HasField("timeout")
            else RESULT_TIMEOUT_S
        )
        settled = await self._shell.console.settled(request.key, timeout_s)
        task = known_task(self._shell, request.key)
        if not settled or task.state not in (MEMORY, ERRED):
            raise StatusError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                "RESULT_TIMEOUT",
                f"the task {task.key!r} was not done within {timeout_s:g} s; it is {task.state}: "
                f"{explain(self._shell.brain.books, task)}",
            )
        response = pb.GetResultResponse(
            state=STATES[task.state], type=task.type, nbytes=task.nbytes
        )
        if task.error is not None:
            response.error.CopyFrom(task.error)
            return response
        payload = await self._payload(task)
        value = plain.plain_value(payload)
        if value is not None:
            response.json.CopyFrom(value)
        else:
            response.payload.CopyFrom(payload)
        return response

    async def _payload(self, task: TaskRecord) -> value_pb2.Payload:
        """Return a result in a plain codec if its holder can make one, else as it is kept."""
        kept = value_pb2.Payload.FromString(task.value)
        if task.value and kept.codec in plain.PLAIN_CODECS:
            return kept
        for worker in task.who_has:
            channel = self._channels.get(worker.data_address, bulk=True)
            found = fetch_each(channel, worker.id, [task.key], accept_codecs=plain.PLAIN_CODECS)
            async for [(_, incoming)] in found:
                if incoming.header is not None:
                    codec = incoming.header.codec
                    return value_pb2.Payload(codec=codec, data=bytes(incoming.data))
        if task.value:
            return kept
        holders = ", ".join(worker.address for worker in task.who_has)
        raise StatusError(
            grpc.StatusCode.FAILED_PRECONDITION,
            "TOO_LARGE",
            f"the result of {task.key!r} ({task.nbytes} bytes, {task.type}) cannot be shown as "
            f"JSON; fetch it with Worker.GetData from {holders}",
        )

    async def GetTask(self, request: pb.GetTaskRequest, _: Context) -> pb.GetTaskResponse:
        """Describe a task in full."""
        task = known_task(self._shell, request.key)
        return pb.GetTaskResponse(task=describe_task(task, full=True))

    async def ListTasks(self, request: pb.ListTasksRequest, _: Context) -> pb.ListTasksResponse:
        """List tasks in the order in which they came, filtered."""
        states = set(request.states)
        found = (
            task
            for task in self._shell.brain.books.tasks.values()
            if (not states or STATES[task.state] in states)
            and (not request.prefix or task.prefix == request.prefix)
            and request.key_contains in task.key
        )
        tasks, token = page(found, request.page_size, request.page_token)
        full = request.view == pb.TASK_VIEW_FULL
        return pb.ListTasksResponse(
            tasks=[describe_task(task, full) for task in tasks],
            next_page_token=token,
            revision=self._shell.brain.events.last,
        )

    async def CancelTasks(
        self, request: pb.CancelTasksRequest, _: Context
    ) -> pb.CancelTasksResponse:
        """Cancel tasks for all who want them."""
        brain = self._shell.brain
        unknown = [key for key in request.keys if key not in brain.books.tasks]
        reason = request.reason or "cancelled by an operator"
        cancelled = self._shell.call(orders.cancel, brain, request.keys, reason)
        return pb.CancelTasksResponse(cancelled=cancelled, unknown=unknown)

    async def ReleaseTasks(
        self, request: pb.ReleaseTasksRequest, _: Context
    ) -> pb.ReleaseTasksResponse:
        """Give up what Submit holds."""
        names = [name for name in request.graph_ids if name.startswith("submit:")]
        self._shell.call(orders.end_holders, self._shell.brain, names)
        return pb.ReleaseTasksResponse()

    async def RetryTasks(self, request: pb.RetryTasksRequest, _: Context) -> pb.RetryTasksResponse:
        """Run erred tasks again."""
        retried = self._shell.call(orders.retry, self._shell.brain, request.keys)
        return pb.RetryTasksResponse(retried=retried)

    async def ExplainTask(
        self, request: pb.ExplainTaskRequest, _: Context
    ) -> pb.ExplainTaskResponse:
        """Say why a task is not running, or what became of it."""
        brain, clock = self._shell.brain, self._shell.wall_clock()
        story = [
            pb.StoryLine(
                time=clock.at(event.now),
                text=f"{state} on {event.worker}" if event.worker else state,
            )
            for event in brain.events.of(request.key)
            for state in event.path.states[1:]
        ]
        task = brain.books.tasks.get(request.key)
        if task is None and story:
            explanation = "It is forgotten: nobody asked for it any more."
            state = STATES[FORGOTTEN]
        else:
            task = known_task(self._shell, request.key)
            explanation, state = explain(brain.books, task), STATES[task.state]
        return pb.ExplainTaskResponse(state=state, explanation=explanation, story=story)

    async def GetTaskOutput(
        self, request: pb.GetTaskOutputRequest, _: Context
    ) -> pb.GetTaskOutputResponse:
        """Return what is kept of what a task has printed and logged."""
        output = self._shell.brain.output.of(request.key)
        if not output:
            known_task(self._shell, request.key)
        return pb.GetTaskOutputResponse(output=output)

    # The cluster

    async def ListWorkers(
        self, request: pb.ListWorkersRequest, _: Context
    ) -> pb.ListWorkersResponse:
        """List workers in the order in which they came."""
        brain, now = self._shell.brain, self._shell.now()
        workers, token = page(brain.books.workers.values(), request.page_size, request.page_token)
        return pb.ListWorkersResponse(
            workers=[describe_worker(worker, now) for worker in workers],
            next_page_token=token,
            revision=brain.events.last,
        )

    async def ListClients(
        self, request: pb.ListClientsRequest, _: Context
    ) -> pb.ListClientsResponse:
        """List clients and holders in the order in which they came."""
        found = (
            client for client in self._shell.brain.books.clients.values() if client.id != CONSOLE_ID
        )
        clients, token = page(found, request.page_size, request.page_token)
        return pb.ListClientsResponse(
            clients=[describe_client(client) for client in clients], next_page_token=token
        )

    async def ListFunctions(
        self, request: pb.ListFunctionsRequest, _: Context
    ) -> pb.ListFunctionsResponse:
        """List the functions that workers offer by name."""
        offers: dict[tuple[str, str], worker_pb2.FunctionOffer] = {}
        counts: dict[tuple[str, str], int] = {}
        for worker in self._shell.brain.books.workers.values():
            for runtime in worker.hello.runtimes:
                for offer in runtime.functions:
                    offers.setdefault((runtime.runtime, offer.name), offer)
                    name = (runtime.runtime, offer.name)
                    counts[name] = counts.get(name, 0) + 1
        wanted = sorted(name for name in offers if request.runtime in ("", name[0]))
        names, token = page(wanted, request.page_size, request.page_token)
        return pb.ListFunctionsResponse(
            functions=[
                pb.FunctionDescription(runtime=name[0], offer=offers[name], workers=counts[name])
                for name in names
            ],
            next_page_token=token,
        )

    async def GetSummary(self, _request: pb.GetSummaryRequest, _: Context) -> pb.GetSummaryResponse:
        """Count tasks by state, workers, and memory."""
        return summarise(self._shell, self._summary())

    async def RecommendWorkers(
        self, request: pb.RecommendWorkersRequest, _: Context
    ) -> pb.RecommendWorkersResponse:
        """Say how many workers are worth having, and which could leave."""
        target_s = TARGET_S
        if request.HasField("target_duration"):
            target_s = request.target_duration.ToNanoseconds() / NS
        if target_s <= 0:
            raise StatusError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "BAD_DURATION",
                f"work cannot be done in {target_s:g} s",
            )
        found = recommend(self._shell.brain, self._shell.now(), target_s, request.nthreads)
        return pb.RecommendWorkersResponse(
            workers=found.workers,
            present=found.present,
            removable=[worker.name for worker in found.removable],
        )

    async def WatchEvents(
        self, request: pb.WatchEventsRequest, _: Context
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        """Stream events, from a revision on."""
        shell, kept = self._shell, self._shell.brain.events
        revision = request.start_revision or kept.last + 1
        left = request.limit or float("inf")
        late = grpc.StatusCode.OUT_OF_RANGE, "REVISION_GONE"
        while left > 0:
            if revision < kept.first:
                raise StatusError(*late, f"events from revision {revision} on are gone")
            lines = kept.since(revision)
            if not lines:
                await shell.news()
                continue
            clock = shell.wall_clock()
            events = [
                describe_event(number, event, clock)
                for number, event in one_by_one(_watched(lines, request))
                if not request.key or event.subject == request.key
            ]
            events = events[: int(min(left, len(events)))]
            left -= len(events)
            revision = kept.last + 1
            if events:
                yield pb.WatchEventsResponse(events=events)
                await asyncio.sleep(PAUSE_S)  # what happens meanwhile goes out together
            late = grpc.StatusCode.RESOURCE_EXHAUSTED, "SLOW_WATCHER"


def _watched(lines: list[Line], request: pb.WatchEventsRequest) -> Iterator[Line]:
    """Yield what has to do with what is watched; which keys are is left to the caller."""
    for line in lines:
        _, _, _, kind, _, _, prefix, _ = line
        if (not request.kinds or kind in request.kinds) and request.prefix in ("", prefix):
            yield line
