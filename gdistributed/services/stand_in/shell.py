"""What stands in the cluster for a worker that calls by Synchronize: all of it but the running.

The brain is that of any worker. It gets the scheduler's mail without a stream, and what it would
give to threads is given to whoever calls. Values stay encoded; they are read only in codecs for
which nobody's code has to run.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from gdistributed.core.worker.brain import WorkerBrain
from gdistributed.core.worker.records import Fetch, RunRecord
from gdistributed.core.worker.seceding import abandoned_count
from gdistributed.core.worker.synchronizing import (
    SAFE_CODECS,
    Attempt,
    check_codec,
    check_size,
    check_task,
    end_stopped,
    failure_of,
    failure_said,
    is_news,
    to_be_run,
)
from gdistributed.data.chunks import Incoming
from gdistributed.data.codecs import encode_parts
from gdistributed.data.failures import ErrorElsewhere, failure_from_exception
from gdistributed.data.shared_memory import Lending
from gdistributed.data.transfer import fetch_each, value_of
from gdistributed.errors import (
    GDistributedError,
    InvariantBroken,
    PeerBusy,
    SerializationError,
    ValueTooLarge,
)
from gdistributed.services.alarm import Alarm
from gdistributed.services.jobs import Jobs
from gdistributed.services.scheduler.shell import Shell
from gdistributed.services.stand_in.tasks import WrittenTasks
from gdistributed.services.stand_in.values import (
    HeldValues,
    Ledger,
    encoded_of_outcome,
    encoded_of_payload,
)
from gdistributed.settings import WorkerSettings
from gdistributed.v1 import error_pb2, scheduler_pb2, task_pb2, value_pb2, worker_pb2
from gdistributed.wire.channel import Channels

logger = logging.getLogger("gdistributed.scheduler")

Result = TypeVar("Result")

CLOSING: Final = worker_pb2.WORKER_STATUS_CLOSING
Unfit = (SerializationError, ValueTooLarge)


class StandIn:
    """One worker, as the scheduler and its peers see it.

    Parameters
    ----------
    hello
        Of the worker, with what the scheduler has filled in.
    shell
        Runs the scheduler's brain.
    channels
        Lead to peers.
    ledger
        Counts what all stand-ins hold.
    left
        Is called when the worker is no longer in the cluster.

    Attributes
    ----------
    brain
        The worker's brain.
    calls
        How many calls of the worker are under way.
    goodbye
        Why the worker is to stop; empty while it is not.
    is_gone
        Whether it is no longer in the cluster.
    codecs
        Empty: a result travels in the codec in which it is held, unless its reader wants another.
    sent_nbytes, received_nbytes
        In values, to and from peers and clients.
    """

    def __init__(
        self,
        hello: worker_pb2.WorkerHello,
        shell: Shell,
        channels: Channels,
        ledger: Ledger,
        left: Callable[[StandIn], None],
    ) -> None:
        self.id: Final = hello.worker_id
        self.name: Final = hello.name or hello.address
        bounds = self._bounds = shell.brain.settings
        # Nothing is given ahead: no more runs begin than the worker has threads.
        settings = WorkerSettings(ahead_s=0.0, limits=bounds.limits)
        self.brain: Final = WorkerBrain(hello.nthreads, settings, ledger.nbytes_max)
        self.calls = 0
        self.goodbye = ""
        self.is_gone = False
        self.codecs: Mapping[str, Sequence[str]] = {}
        self.sent_nbytes = self.received_nbytes = 0
        self._shell = shell
        self._channels = channels
        self._ledger = ledger
        self._left = left
        read = [set(offer.decodes) for offer in hello.runtimes]
        self._decodes = [codec for codec in SAFE_CODECS if all(codec in each for each in read)]
        self._values = HeldValues(ledger)
        self._tasks = WrittenTasks(self._values, bounds.synchronize_nbytes)
        self._news = asyncio.Event()
        self._beaten_at = 0.0
        self._lease: asyncio.TimerHandle | None = None
        self._alarm = Alarm(lambda: self.call(self.brain.on_time))
        self._jobs = Jobs(logger)
        self._is_woken = False

    @staticmethod
    def now() -> float:
        """The time that brains are given: seconds of a monotonic clock."""
        return time.monotonic()

    def call(self, event: Callable[..., Result], *arguments: object, **named: object) -> Result:
        """Tell the brain what happened, with the time, and do what it wants.

        A broken invariant is logged with all that is known, and ends what stands for the worker.
        """
        try:
            return event(*arguments, now=self.now(), **named)
        except InvariantBroken:
            logger.exception("an invariant is broken, which is a bug: please report it")
            self._leave("an invariant of what stands for it is broken", died=True)
            raise
        finally:
            self._empty_lanes()

    # ---- The worker

    @contextmanager
    def called(self, lease_s: float) -> Iterator[None]:
        """The worker lives while a call is under way, and for so long after the last of them."""
        self.calls += 1
        self._end_lease()
        try:
            yield
        finally:
            self.calls -= 1
            if not self.calls and not self.is_gone:
                cause = f"it has not called for {lease_s:g} s"
                loop = asyncio.get_running_loop()
                self._lease = loop.call_later(lease_s, self._leave, cause, True)

    def _end_lease(self) -> None:
        if self._lease is not None:
            self._lease.cancel()
            self._lease = None

    def _leave(self, cause: str, died: bool) -> None:
        lost = self._shell.brain.worker_lost
        self._shell.call(lambda now: lost(self.id, cause, now, died=died))

    def take_word(
        self, request: scheduler_pb2.SynchronizeRequest, running: dict[Attempt, None]
    ) -> None:
        """Take in what the worker says of itself and of its tasks."""
        if request.status == CLOSING:
            self.brain.is_draining = True
        runs = to_be_run(self.brain)
        for outcome in request.outcomes:
            run = runs.pop((outcome.key, outcome.attempt), None)
            if run is not None:
                self._take_outcome(run, outcome)
            else:
                fields = {"worker": self.name, "task": outcome.key, "attempt": outcome.attempt}
                logger.info("an outcome for which nobody waits is ignored", extra=fields)
        self.call(end_stopped, self.brain, running)
        self._beat()

    async def wait_for_news(self, running: dict[Attempt, None], wait_s: float) -> None:
        """Wait until there is anything to tell a worker that runs these, but no longer."""
        until = self.now() + wait_s
        heartbeat_s = self._bounds.limits.heartbeat_s
        while not self._has_news(running) and (left_s := until - self.now()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, heartbeat_s)):
                    await self._news.wait()
            if not self.is_gone and self.now() - self._beaten_at >= heartbeat_s:
                self._beat()

    def _has_news(self, running: dict[Attempt, None]) -> bool:
        return bool(self.goodbye) or self.is_gone or is_news(self.brain, running)

    def tasks_for(self, running: dict[Attempt, None]) -> list[scheduler_pb2.SynchronizedTask]:
        """Return what a worker that runs these should run now."""
        return self._tasks.tell(to_be_run(self.brain), running)

    def _beat(self) -> None:
        """Say for the worker that it lives, and how it is."""
        brain = self.brain
        self._beaten_at = self.now()
        self.call(brain.memory_measured, self._ledger.nbytes)
        metrics = worker_pb2.WorkerMetrics(
            managed_nbytes=brain.held_nbytes,
            executing=brain.executing_count,
            abandoned=abandoned_count(brain),
            ready=brain.ready_count,
            fetching=brain.fetching_count,
            sent_nbytes=self.sent_nbytes,
            received_nbytes=self.received_nbytes,
            sending_nbytes=brain.serving.sending_nbytes,
            served_calls=brain.serving.count,
        )
        heartbeat = worker_pb2.Heartbeat(status=brain.status, metrics=metrics)
        brain.mail().heartbeat.CopyFrom(heartbeat)
        self._empty_lanes()

    # ---- The scheduler, which takes this for the link of a stream

    def wake(self) -> None:
        """There is mail: take it when the scheduler's brain is done with what it is at."""
        if not self._is_woken:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._take_mail)

    def finish(self) -> None:
        """The last mail is there."""
        self.wake()

    def end(self, _error: Exception) -> None:
        """The scheduler has given the worker up, or a stream goes by its id."""
        if self.is_gone:
            return
        self.is_gone = True
        self._end_lease()
        self._alarm.set(None)
        self._jobs.cancel()
        self._values.close()
        self._news.set()
        self._left(self)

    def _take_mail(self) -> None:
        self._is_woken = False
        while not self.is_gone:
            batch = self._shell.brain.workers.take(self.id)
            if batch is None:
                break
            refused = self._take_out_unfit(batch)
            self.call(self.brain.on_scheduler, batch)
            if refused:
                self.brain.mail().erred.extend(refused)
                self._empty_lanes()
            if batch.HasField("goodbye") and not self.is_gone:
                self.goodbye = batch.goodbye.reason or "goodbye"
                self._leave(self.goodbye, died=False)

    def _take_out_unfit(self, batch: worker_pb2.ToWorker) -> list[task_pb2.TaskErred]:
        """Take tasks out of a batch that the worker cannot be given; return why not."""
        fit: list[worker_pb2.RunTask] = []
        refused: list[task_pb2.TaskErred] = []
        for task in batch.run:
            try:
                check_task(task, self._bounds.synchronize_nbytes)
                fit.append(task)
            except Unfit as error:
                refused.append(self._erred(task.key, task.attempt, failure_of(error)))
        if refused:
            del batch.run[:]
            batch.run.extend(fit)
        return refused

    # ---- Lanes

    def _empty_lanes(self) -> None:
        if self.is_gone:
            return
        brain = self.brain
        dropped, brain.to_drop = brain.to_drop, []
        for key in dropped:
            self._values.drop(key)
        riding, brain.to_store = brain.to_store, []
        for key, data in riding:
            self._keep_riding(key, value_pb2.Payload.FromString(data))
        cancelled, brain.to_cancel = brain.to_cancel, []
        for run in cancelled:
            self._tasks.forget(run)
        withdrawn, brain.to_withdraw = brain.to_withdraw, []
        for run in withdrawn:
            self._withdraw(run)
        fetches, brain.to_fetch = brain.to_fetch, []
        for fetch in fetches:
            self._jobs.begin(self._fetch(fetch))
        runs, brain.to_run = brain.to_run, []
        for run in runs:
            self._write(run)
        for batch in brain.take_mail():
            self._shell.call(self._shell.brain.on_worker, self.id, batch)
        if not self.is_gone:
            self._alarm.set(brain.deadline)
            self._news.set()
            self._news = asyncio.Event()

    # ---- Runs

    def _write(self, run: RunRecord) -> None:
        """Write a task down for the worker; if that cannot be, it errs."""
        template = self.brain.templates[run.task.template]
        try:
            self._tasks.write(run, template, self.brain.functions.get(template.function_id))
        except Unfit as error:
            self._report(run, failure_of(error))

    def _withdraw(self, run: RunRecord) -> None:
        taken_back = not self._tasks.was_told(run)
        if taken_back:
            self._tasks.forget(run)
        self.call(self.brain.run_withdrawn, run, taken_back=taken_back)

    def _take_outcome(self, run: RunRecord, outcome: scheduler_pb2.PlainOutcome) -> None:
        template = self.brain.templates[run.task.template]
        if outcome.WhichOneof("outcome") == "error":
            function = self.brain.functions.get(template.function_id)
            runtime = function.runtime if function is not None else ""
            self._report(run, failure_said(outcome.error, runtime))
            return
        bounds = self._bounds
        try:
            encoded = encoded_of_outcome(outcome, template.result_codecs)
            what = f"the result of {run.key!r} takes"
            check_size(what, encoded.nbytes, bounds.synchronize_nbytes)
            stored = self._values.keep(run.key, encoded)
        except Unfit as error:
            self._report(run, failure_of(error))
            return
        is_small = encoded.nbytes <= bounds.limits.inline_nbytes
        report = task_pb2.TaskFinished(
            key=run.key,
            attempt=run.attempt,
            nbytes=stored.nbytes,
            type=stored.type,
            run_ns=self._tasks.run_ns(run),
            value=encoded.serialise() if is_small else b"",
        )
        self._tasks.forget(run)
        self.call(self.brain.tasks_ended, [report], [])

    def _report(self, run: RunRecord, failure: error_pb2.TaskError) -> None:
        report = self._erred(run.key, run.attempt, failure)
        report.run_ns = self._tasks.run_ns(run)
        self._tasks.forget(run)
        self.call(self.brain.tasks_ended, [], [report])

    def _erred(self, key: str, attempt: int, failure: error_pb2.TaskError) -> task_pb2.TaskErred:
        error = failure_from_exception(
            ErrorElsewhere(failure),
            key=key,
            attempt=attempt,
            worker_id=self.id,
            worker_name=self.name,
        )
        return task_pb2.TaskErred(key=key, attempt=attempt, error=error)

    # ---- Values

    def _keep_riding(self, key: str, payload: value_pb2.Payload) -> None:
        try:
            stored = self._values.keep(key, encoded_of_payload(payload))
        except Unfit as error:
            self.call(self.brain.value_broken, key, failure_of(error))
        else:
            self.call(self.brain.value_stored, stored)

    async def _fetch(self, fetch: Fetch) -> None:
        """Make a call to a peer, and tell the brain of each value as it comes."""
        peer, brain = fetch.peer, self.brain
        unreachable = is_busy = False
        try:
            values = fetch_each(
                self._channels.get(peer.address, bulk=True),
                peer.worker_id,
                list(fetch.wanted),
                caller=self.id,
                accept_codecs=self._decodes,
                silence_s=brain.settings.fetch_silence_s,
            )
            async for arrived in values:
                for key, incoming in arrived:
                    await self._take_in(fetch, key, incoming)
        except PeerBusy:
            is_busy = True
        except GDistributedError as error:
            unreachable = True
            fields = {"worker": self.name, "address": peer.address, "cause": str(error)}
            logger.warning("a peer does not give data", extra=fields)
        finally:
            self.call(brain.fetch_ended, fetch, unreachable=unreachable, is_busy=is_busy)

    async def _take_in(self, fetch: Fetch, key: str, incoming: Incoming) -> None:
        brain = self.brain
        if incoming.error is not None:
            self.call(brain.fetch_failed, fetch, key, incoming.error)
        elif incoming.header is None:
            self.call(brain.fetch_lacked, fetch, key)
        else:
            try:
                check_codec(incoming.header)
                encoded = encode_parts(await value_of(incoming), SAFE_CODECS)
                stored = self._values.keep(key, encoded)
            except Unfit as error:
                self.call(brain.fetch_failed, fetch, key, failure_of(error))
            else:
                self.received_nbytes += incoming.nbytes
                self.call(brain.fetched, fetch, [stored])

    async def value_of(self, key: str, codecs: Sequence[str]) -> object:
        """Return a value that is held, for a peer or client: as it is, or in a codec of theirs.

        Raises
        ------
        KeyError
            If it is not held.
        CodecUnsupported
            If none of the codecs can say it.
        """
        return self._values.encoded_in(key, codecs)

    def nbytes_of(self, key: str) -> int:
        """Return the size of a value that is held; 0 when it is not."""
        data = self.brain.data.get(key)
        return data.nbytes if data is not None else 0

    def lending_to(self, _same_host: str) -> Lending | None:
        """Return what shares memory with a peer: nothing does."""
        return None
