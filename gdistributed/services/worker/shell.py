"""The shell around the worker's brain: it reads the clock and does what the lanes say.

Everything happens on one event loop, but for users' functions. After each event the lanes are
emptied in the order that the brain states.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from gdistributed.core.worker.brain import WorkerBrain
from gdistributed.core.worker.records import DataRecord, Fetch, RunRecord
from gdistributed.data.actor_references import ActorReference, without_handle
from gdistributed.data.chunks import Growing, Incoming
from gdistributed.data.codecs import decode, decode_or_keep
from gdistributed.data.codecs.pickled import qualified_name
from gdistributed.data.failures import failure_from_exception
from gdistributed.data.functions import forget_functions
from gdistributed.data.shared_memory import Lending
from gdistributed.data.sizes import sizeof
from gdistributed.data.spilled import Spilled
from gdistributed.data.store import Store
from gdistributed.data.transfer import fetch_each, value_of
from gdistributed.errors import GDistributedError, InvariantBroken, PeerBusy
from gdistributed.observe.traces import can_be_joined
from gdistributed.runtime.actors import Actors
from gdistributed.runtime.calls import Call, Place, Template
from gdistributed.runtime.coroutines import Coroutines
from gdistributed.runtime.samples import Watched
from gdistributed.runtime.stacks import stacks_of
from gdistributed.runtime.threads import Threads
from gdistributed.services.alarm import Alarm
from gdistributed.services.jobs import Jobs
from gdistributed.services.worker.output import OutputMail
from gdistributed.services.worker.profiling import Profiling
from gdistributed.services.worker.sharing import shared_memory_of
from gdistributed.services.worker.traced import TracedCall, TransferSpans
from gdistributed.services.worker.transfers import Transfers
from gdistributed.v1 import error_pb2, task_pb2, value_pb2, worker_pb2
from gdistributed.wire.channel import Channels

logger = logging.getLogger("gdistributed.worker")

Result = TypeVar("Result")


class Shell:
    """Runs a brain on an event loop.

    Parameters
    ----------
    brain
        The brain; whatever changes it goes through `call`.
    store
        Where the values are.
    place
        What all calls have in common.
    channels
        Connections to peers.

    Attributes
    ----------
    wake
        Is called when there is mail for the scheduler.
    failed
        Is called with an exception that is a bug of ours.
    listeners
        Plugins that are told of transitions; see `listen`.
    received_nbytes, sent_nbytes
        How much came from peers and clients, in values; and how much went to them, in messages.
    actors
        The actors that live here.
    codecs
        By key, for results of tasks that asked for some: codecs in which they are to travel.
    shared_memory
        Large values to and from processes of this machine.
    transfers
        The calls by which values came from peers.
    profiling
        Takes samples of what runs.
    """

    def __init__(self, brain: WorkerBrain, store: Store, place: Place, channels: Channels) -> None:
        self.brain: Final = brain
        self.store: Final = store
        self.place: Final = place
        self.wake: Callable[[], None] | None = None
        self.failed: Callable[[Exception], None] | None = None
        self.listeners: list[Any] = []
        self.shared_memory: Final = shared_memory_of(brain, store)
        self.transfers: Final = Transfers()
        self.received_nbytes = 0
        self.sent_nbytes = 0
        self.codecs: dict[str, Sequence[str]] = {}
        self._channels = channels
        self._loop = place.loop = asyncio.get_running_loop()
        self._threads = Threads[Call](brain.nthreads, self._ended, self._loop)
        place.threads, place.seceded = self._threads, self._secede_soon
        self._output = OutputMail(brain, self._empty_lanes)
        place.notes = self._output.notes
        self._coroutines = Coroutines(self._ended)
        self.actors: Final = Actors(place, brain.nthreads)
        self._templates: dict[int, Template] = {}
        self._calls: dict[str, Call] = {}
        self.profiling: Final = Profiling(
            Watched(
                self._threads, self.actors, self._coroutines, self._loop, threading.get_ident()
            ),
            lambda: bool(self._calls),
            brain.settings.profile_interval_s,
        )
        # What has come of values whose transfer broke off: another holder goes on with it.
        self._parts: WeakKeyDictionary[DataRecord, Growing] = WeakKeyDictionary()
        self._alarm = Alarm(lambda: self.call(self.brain.on_time))
        self._jobs = Jobs(logger)

    @staticmethod
    def now() -> float:
        """The time that brains are given: seconds of a monotonic clock."""
        return time.monotonic()

    def call(self, event: Callable[..., Result], *arguments: object, **named: object) -> Result:
        """Tell the brain what happened, with the time, and do what it wants.

        A broken invariant is logged with all that is known, and ends the stream.
        """
        try:
            return event(*arguments, now=self.now(), **named)
        except InvariantBroken as error:
            logger.exception("an invariant is broken, which is a bug: please report it")
            if self.failed is not None:
                self.failed(error)
            raise
        finally:
            self._empty_lanes()

    def begin_session(
        self, unacknowledged: list[worker_pb2.FromWorker], *, same_scheduler: bool
    ) -> None:
        """A new session begins: the brain says what is left of the last."""
        if not same_scheduler:
            self._templates.clear()
        self.call(self.brain.session_began, unacknowledged, same_scheduler=same_scheduler)

    def begin_anew(self) -> None:
        """Forget the session that is lost."""
        self._templates.clear()
        self.call(self.brain.session_lost)

    async def close(self) -> None:
        """Stop what runs. Threads that are inside a user's function are left behind."""
        self.wake = self.failed = None
        self._alarm.set(None)
        self.profiling.close()
        self._output.close()
        self._threads.close()
        await self._coroutines.close()
        await self.actors.close()
        await self._jobs.close()
        self.store.close()

    def listen(self, listeners: Iterable[Any]) -> None:
        """Tell these plugins of transitions from now on, and no others."""
        self.listeners = list(listeners)
        self.brain.moves = [] if self.listeners else None

    def forget_functions(self) -> None:
        """Load functions again when they are called next: their modules may be new."""
        forget_functions()
        self._templates.clear()

    # ---- Lanes

    def _empty_lanes(self) -> None:
        brain = self.brain
        if brain.to_drop:
            dropped, brain.to_drop = brain.to_drop, []
            self.store.drop(dropped)
            self.actors.drop(dropped)
            if self.codecs:
                for key in self.codecs.keys() & dropped:
                    del self.codecs[key]
        if brain.to_store:
            riding, brain.to_store = brain.to_store, []
            for key, data in riding:
                self._jobs.begin(self._keep_riding(key, data))
        if brain.to_cancel:
            cancelled, brain.to_cancel = brain.to_cancel, []
            for run in cancelled:
                self._cancel(run)
        if brain.to_withdraw:
            withdrawn, brain.to_withdraw = brain.to_withdraw, []
            for run in withdrawn:
                self._withdraw(run)
        if brain.to_fetch:
            fetches, brain.to_fetch = brain.to_fetch, []
            for fetch in fetches:
                self._jobs.begin(self._fetch(fetch))
        if brain.to_run:
            runs, brain.to_run = brain.to_run, []
            self._threads.give([self._call_of(run) for run in runs])
            self.profiling.wake()
        if self.wake is not None and brain.outbox.fresh():
            self.wake()
        self._alarm.set(brain.deadline)
        if brain.moves:
            self._tell_listeners()

    def _tell_listeners(self) -> None:
        moves, self.brain.moves = self.brain.moves or (), []
        for key, start, finish in moves:
            for plugin in self.listeners:
                try:
                    plugin.transition(key, str(start), str(finish))
                except Exception:
                    logger.exception("a plugin raised", extra={"plugin": type(plugin).__name__})

    # ---- Runs

    def _call_of(self, run: RunRecord) -> Call:
        task = run.task
        number = task.template
        template = self._templates.get(number)
        if template is None or template.message is not self.brain.templates.get(number):
            template = self._templates[number] = self._template(number)
        if task.traceparent and can_be_joined():
            call: Call = TracedCall(run, template, self.place)
        else:
            call = Call(run.key, run.attempt, task, template, self.place)
        self._calls[run.key] = call
        return call

    def _template(self, number: int) -> Template:
        message = self.brain.templates.get(number) or task_pb2.TaskTemplate(id=number)
        function = self.brain.functions.get(message.function_id)
        return Template(message, function, self.place.runtimes)

    def _cancel(self, run: RunRecord) -> None:
        call = self._calls.get(run.key)
        if call is not None and call.attempt == run.attempt:
            call.is_cancelled = True
            if call.stop is not None:
                call.stop()
            self._coroutines.cancel(call)

    def _withdraw(self, run: RunRecord) -> None:
        call = self._calls.get(run.key)
        is_ours = call is not None and call.attempt == run.attempt
        taken_back = call is not None and is_ours and call.withdraw()
        if taken_back:
            del self._calls[run.key]
        self.call(self.brain.run_withdrawn, run, taken_back=taken_back)

    def _ended(self, calls: list[Call]) -> None:
        """Calls are over, or have turned out to be coroutines."""
        self._output.before_reports(calls)
        finished: list[task_pb2.TaskFinished] = []
        erred: list[task_pb2.TaskErred] = []
        rescheduled: list[worker_pb2.TaskAttempt] = []
        store, is_awaited = self.store, self.brain.is_awaited
        for call in calls:
            if call.is_withdrawn:
                continue
            if call.coroutine is not None:
                self._coroutines.begin(call)
                if call.is_cancelled:
                    self._coroutines.cancel(call)
                continue
            if self._calls.get(call.key) is call:
                del self._calls[call.key]
            if call.is_rescheduled:
                rescheduled.append(worker_pb2.TaskAttempt(key=call.key, attempt=call.attempt))
            elif call.finished is None:
                self._note_failure(call, erred)
            elif not is_awaited(call.key, call.attempt):
                finished.append(call.finished)
            else:
                if type(call.value) is ActorReference:
                    self.actors.keep(call.value)
                if call.template.codecs:
                    self.codecs[call.key] = call.template.codecs
                if not store.put_now(call.key, call.value, call.finished.nbytes):
                    self._jobs.begin(self._keep_result(call, call.finished))
                    continue
                finished.append(call.finished)
            call.value = None  # the store has it; a thread may hold on to its last call
        self.call(self.brain.tasks_ended, finished, erred, rescheduled=rescheduled)

    def _secede_soon(self, call: Call, rejoins: bool) -> None:
        """A call has left its thread, or wants one again. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody to tell
            self._loop.call_soon_threadsafe(self._secede, call, rejoins)

    def _secede(self, call: Call, rejoins: bool) -> None:
        self.call(self.brain.run_seceded, call.key, call.attempt, rejoins=rejoins)

    def _note_failure(self, call: Call, erred: list[task_pb2.TaskErred]) -> None:
        if call.erred is not None:
            erred.append(call.erred)
        for key in call.lost:
            self.call(self.brain.data_lost, key)

    async def _keep_result(self, call: Call, report: task_pb2.TaskFinished) -> None:
        """Store a result when that takes a while; the task errs when the mapping refuses it."""
        keeping = self.store.put(call.key, call.value, report.nbytes)
        call.value = None  # the store may move it to disk before this is over
        try:
            await keeping
        except Exception as error:
            error.add_note(f"The mapping of this worker's values did not take {call.key!r}.")
            call.raised(error)
            self._ended([call])
            return
        if not self.brain.is_awaited(call.key, call.attempt) and call.key not in self.brain.data:
            self.store.drop([call.key])
            self.actors.drop([call.key])
        self.call(self.brain.tasks_ended, [report], [])

    def stacks(self, keys: Sequence[str]) -> Iterator[worker_pb2.TaskStack]:
        """Yield where in their code tasks are that run; all that do, for no keys."""
        calls = [self._calls[key] for key in keys or list(self._calls) if key in self._calls]
        return stacks_of(calls, self._coroutines.tasks)

    # ---- Values

    async def _keep_riding(self, key: str, data: bytes) -> None:
        try:
            value = without_handle(key, decode(value_pb2.Payload.FromString(data)))
            stored = await self._keep(key, value)
        except Exception as error:
            self.call(self.brain.value_broken, key, self._failure(key, error))
        else:
            self.call(self.brain.value_stored, stored)

    async def _fetch(self, fetch: Fetch) -> None:
        """Make a call to a peer, and tell the brain of each value as it comes."""
        peer, records = fetch.peer, dict(fetch.wanted)
        parts = {key: self._parts.pop(data) for key, data in records.items() if data in self._parts}
        unreachable = is_busy = shared = False
        begun, count, nbytes = self.now(), 0, 0
        spans = TransferSpans(fetch, self.place)
        try:
            channel = self._channels.get(peer.address, bulk=True)
            values = fetch_each(
                channel,
                peer.worker_id,
                list(records),
                parts,
                self.place.worker_id,
                silence_s=self.brain.settings.fetch_silence_s,
                spreads=True,
                shared_memory=self.shared_memory,
            )
            async for arrived in values:
                taken = [await self._take_in(fetch, key, incoming) for key, incoming in arrived]
                stored = [each for each in taken if each is not None]
                self.call(self.brain.fetched, fetch, stored)
                count += len(stored)
                nbytes += sum(each.nbytes for each in stored)
                shared = shared or any(incoming.opened is not None for _, incoming in arrived)
        except PeerBusy as error:
            is_busy = True
            spans.fail(error)
        except GDistributedError as error:
            unreachable = True
            spans.fail(error)
            fields = {"address": peer.address, "cause": str(error)}
            logger.warning("a peer does not give data", extra=fields)
        finally:
            self.transfers.note(peer, count, nbytes, begun, self.now(), shared=shared)
            spans.end(nbytes)
            for key, part in parts.items():
                self._parts[records[key]] = part
            self.call(self.brain.fetch_ended, fetch, unreachable=unreachable, is_busy=is_busy)
        if unreachable and not peer.calls:
            await self._channels.forget(peer.address)

    async def _take_in(
        self, fetch: Fetch, key: str, incoming: Incoming
    ) -> worker_pb2.StoredData | None:
        """Store a value that has come, or tell the brain why there is none."""
        brain = self.brain
        if key not in fetch.wanted:
            return None
        if incoming.error is not None:
            self.call(brain.fetch_failed, fetch, key, incoming.error)
        elif incoming.is_crowded:
            self.call(brain.fetch_crowded, fetch, key)
        elif incoming.is_missing:
            self.call(brain.fetch_lacked, fetch, key)
        else:
            try:
                value, nbytes_min = await value_of(incoming, decode_or_keep), incoming.apart_nbytes
                if incoming.opened is not None:
                    self.shared_memory.adopt(key, value, incoming.opened)
                incoming.data, incoming.buffers = b"", ()
                storing = self._keep(key, without_handle(key, value), nbytes_min)
                del value  # it may have to leave memory before there is room for it
                stored = await storing
            except Exception as error:
                self.call(brain.fetch_failed, fetch, key, self._failure(key, error))
            else:
                self.received_nbytes += incoming.nbytes
                return stored
        return None

    async def _keep(self, key: str, value: object, nbytes_min: int = 0) -> worker_pb2.StoredData:
        """Store a value that has come and takes so much memory at least, and describe it."""
        kind, nbytes = qualified_name(type(value)), max(sizeof(value), nbytes_min)
        storing = self.store.put(key, value, nbytes)
        del value
        await storing
        return worker_pb2.StoredData(key=key, nbytes=nbytes, type=kind)

    async def keep_put(self, key: str, value: object, nbytes: int, kind: str) -> int:
        """Store a value that a client or peer has put here, and return the number of the put."""
        await self.store.put(key, value, nbytes)
        self.received_nbytes += nbytes
        stored = worker_pb2.StoredData(key=key, nbytes=nbytes, type=kind)
        return self.call(self.brain.data_put, stored)

    async def value_of(self, key: str, codecs: Sequence[str]) -> object:
        """Return a value that is held, for a peer or client.

        Of one that is on disk, in a codec that the reader likes best, this is where it lies there;
        it is sent from there, without coming into memory.

        Raises
        ------
        KeyError
            If it is not held.
        """
        try:
            value = await self.store.peek(key)
            if isinstance(value, Spilled) and not value.suits(codecs):
                value = await self.store.get(key)
        except KeyError:
            self.call(self.brain.data_lost, key)
            raise
        return value

    def lending_to(self, same_host: str) -> Lending | None:
        """Return what shares memory with a caller; None when nothing does."""
        return self.shared_memory.with_host(same_host)

    def nbytes_of(self, key: str) -> int:
        """Return the size of a value that is held; 0 when it is not."""
        data = self.brain.data.get(key)
        return data.nbytes if data is not None else 0

    def _failure(self, key: str, error: Exception) -> error_pb2.TaskError:
        place = self.place
        return failure_from_exception(
            error, key=key, worker_id=place.worker_id, worker_name=place.worker_name
        )
