"""One call of a user's function, from packed arguments to a report.

A call is made by the service, carried out in a thread (or finished on the loop, when the function
turns out to be a coroutine function), and comes back with its value and its report. Nothing that
user code raises escapes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import iscoroutine
from typing import Any, Final, Protocol

from gdistributed.data.actor_references import ActorReference, methods_of
from gdistributed.data.arguments import unpack_call
from gdistributed.data.codecs import Unread, decode, encode_parts
from gdistributed.data.codecs.pickled import qualified_name
from gdistributed.data.failures import failure_from_exception
from gdistributed.data.functions import load_function
from gdistributed.data.sizes import sizeof
from gdistributed.errors import DataLost, Reschedule, SerializationError
from gdistributed.runtime.context import TaskContext, current
from gdistributed.runtime.output import Notes
from gdistributed.runtime.threads import Threads
from gdistributed.v1 import error_pb2, task_pb2, value_pb2, worker_pb2

SIZE_GUESS: Final = 8
TICKET: Final = [1]


class Runtime(Protocol):
    """What runs functions of another language."""

    def function(self, name: str) -> Callable[..., Any]:
        """Return what calls a function; UnknownFunction if there is none of this name."""


@dataclass(slots=True, eq=False)
class Place:
    """What all calls on one worker have in common.

    Attributes
    ----------
    worker_id, worker_name, scheduler_address
        As in `TaskContext`.
    value_of
        Gives a stored value by its key; raises KeyError. Called in the threads.
    inline_nbytes
        Results whose encoding is not larger ride along with the report.
    worker, loop
        As in `TaskContext`.
    threads
        The threads that make the calls.
    seceded
        Is called when a call has left its thread (with False), or wants one again (with True).
        From any thread.
    runtimes
        What runs functions of other languages, by the name of the runtime.
    notes
        Takes what the calls print and log.
    """

    worker_id: str
    worker_name: str
    scheduler_address: str
    value_of: Callable[[str], object]
    inline_nbytes: int
    worker: Any = None
    loop: asyncio.AbstractEventLoop | None = None
    threads: Threads[Call] | None = None
    seceded: Callable[[Call, bool], None] | None = None
    runtimes: Mapping[str, Runtime] = field(default_factory=dict)
    notes: Notes | None = None

    def context(self, key: str, attempt: int = 0) -> TaskContext:
        """Say where something runs, for those who ask inside."""
        return TaskContext(
            key=key,
            attempt=attempt,
            worker_id=self.worker_id,
            worker_name=self.worker_name,
            scheduler_address=self.scheduler_address,
            worker=self.worker,
            loop=self.loop,
        )


@dataclass(slots=True, eq=False)
class Template:
    """What calls of one kind have in common, loaded when the first of them runs."""

    message: task_pb2.TaskTemplate
    function: task_pb2.Function | None
    runtimes: Mapping[str, Runtime] = field(default_factory=dict)
    codecs: Sequence[str] = ()
    loaded: Callable[..., Any] | None = None
    is_actor: bool = False

    def load(self) -> Callable[..., Any]:
        """Return the function."""
        if self.function is None:
            raise SerializationError(
                f"function {self.message.function_id!r} was not announced to this worker"
            )
        self.codecs = list(self.message.result_codecs)
        self.is_actor = self.message.actor
        runtime = self.runtimes.get(self.function.runtime)
        if runtime is not None and self.is_actor:
            raise SerializationError(
                f"{self.function.name!r} is a function of the runtime {self.function.runtime!r}, "
                f"and actors are instances of Python classes"
            )
        if runtime is not None:
            self.loaded = runtime.function(self.function.name)
        else:
            self.loaded = load_function(self.function)
        return self.loaded


@dataclass(slots=True, eq=False)
class Call:
    """One run of a task.

    Attributes
    ----------
    key, attempt, task, template, place
        What is to be run, and where.
    is_cancelled
        Nobody wants the result: a call that has not begun is not made.
    coroutine
        What the function returned, when it is a coroutine function; to be awaited on the loop.
    value
        What it returned.
    finished, erred
        The report: one of them is set when the call is over.
    lost
        Keys that the store should hold and does not.
    is_withdrawn
        The call was taken back before it began: there is no report.
    is_rescheduled
        It asks to be made again, elsewhere: there is no other report.
    is_awaited
        It runs on the event loop, where it holds no thread.
    stop
        Ends it in the middle, where that can be done: in the process of another language.
    """

    key: str
    attempt: int
    task: worker_pb2.RunTask
    template: Template
    place: Place
    is_cancelled: bool = False
    coroutine: Coroutine[Any, Any, object] | None = None
    begun_ns: int = 0
    value: object = None
    finished: task_pb2.TaskFinished | None = None
    erred: task_pb2.TaskErred | None = None
    lost: Sequence[str] = ()
    is_withdrawn: bool = False
    is_rescheduled: bool = False
    is_awaited: bool = False
    stop: Callable[[], None] | None = None
    _times_away: int = 0
    _ticket: list[int] = field(default_factory=TICKET.copy)

    @property
    def prefix(self) -> str:
        """What the task has in common with others of its kind."""
        return self.template.message.prefix or self.key

    def withdraw(self) -> bool:
        """Take the call back if no thread has begun it; say whether that was so."""
        try:
            self._ticket.pop()  # whoever has it, the thread or we, decides: to pop is atomic
        except IndexError:
            return False
        self.is_withdrawn = True
        return True

    def run(self) -> None:
        """Carry the call out in this thread, and make its report."""
        try:
            self._ticket.pop()
        except IndexError:
            return  # withdrawn
        self.begun_ns = time.monotonic_ns()
        results: dict[str, object] = {}
        args: tuple[object, ...] = ()
        kwargs: dict[str, object] = {}
        value: object = None
        try:
            if self.is_cancelled:
                raise Cancelled
            current.set(self)  # futures among the arguments belong to the worker's client
            function = self.template.loaded or self.template.load()
            self._gather(results)
            args, kwargs = unpack_call(self.task.arguments, results)
            self.begun_ns = time.monotonic_ns()
            value = function(*args, **kwargs)
            if iscoroutine(value):
                self.coroutine = value
                return
            self.returned(value, time.monotonic_ns())
        except BaseException as error:
            self.raised(error)
        finally:
            # A module that was imported on the way may keep an error, and that keeps the frames up
            # to this one (dask does so where jinja2 is missing): these must not keep the values.
            results.clear()
            del args, kwargs, value

    def resume(self) -> None:
        """Go on as a coroutine on the event loop, in a context of its own."""
        current.set(self)
        self.is_awaited = True

    def returned(self, value: object, now_ns: int) -> None:
        """Report a value, with the value itself when it is small.

        A value that cannot be pickled stays here, for tasks that run here; whoever asks for it
        learns why.

        Raises
        ------
        CodecUnsupported
            If the value cannot be said in the codecs that the task asks for, however large it is.
        """
        kind = type_name(type(value))
        if self.template.is_actor:
            value = self._actor(value, kind)
        nbytes = sizeof(value)
        inline_nbytes = self.place.inline_nbytes
        report = task_pb2.TaskFinished(
            key=self.key,
            attempt=self.attempt,
            nbytes=nbytes,
            type=kind,
            run_ns=now_ns - self.begun_ns,
        )
        codecs = self.template.codecs
        if nbytes <= inline_nbytes * SIZE_GUESS or codecs:
            try:
                encoded = encode_parts(value, codecs)
            except SerializationError:
                if codecs:
                    raise
            else:
                if encoded.nbytes <= inline_nbytes:
                    report.value = encoded.serialise()
                elif encoded.nbytes > nbytes:
                    report.nbytes = encoded.nbytes  # it holds more than it lets on
        self.value = value
        self.finished = report

    def raised(self, error: BaseException) -> None:
        """Report an exception, whatever it is."""
        run_ns = time.monotonic_ns() - self.begun_ns
        self.coroutine = None
        self.value = self.finished = None
        self.is_rescheduled = isinstance(error, Reschedule)
        if self.is_rescheduled:
            return
        try:
            failure = self._failure(error)
        except Exception as reason:
            kind = type(error).__name__
            failure = self._failure(
                SerializationError(f"a {kind} was raised, which cannot be described: {reason!r}")
            )
        self.erred = task_pb2.TaskErred(
            key=self.key, attempt=self.attempt, error=failure, run_ns=run_ns
        )

    def context(self) -> TaskContext:
        """Say which task runs, for whom it runs inside."""
        return self.place.context(self.key, self.attempt)

    def secede(self) -> bool:
        """Leave the thread to other calls; False when it was left already.

        A coroutine may wait in several places at once: it counts until it waits in none.
        """
        if self.is_awaited:
            self._times_away += 1
            if self._times_away == 1:
                self._tell(rejoins=False)
            return True
        threads = self.place.threads
        if threads is None or not threads.leave():
            return False
        self._tell(rejoins=False)
        return True

    def rejoin(self) -> None:
        """Wait for a thread, if the own one was left."""
        if self.is_awaited:
            self._times_away = max(self._times_away - 1, 0)
            if not self._times_away:
                self._tell(rejoins=True)
            return
        threads = self.place.threads
        if threads is not None and threads.is_away():
            self._tell(rejoins=True)  # first, so that nothing else is begun in the meantime
            threads.come_back()

    def said(self, stream: task_pb2.OutputStream.ValueType, text: str) -> None:
        """Note what was printed or logged."""
        if self.place.notes is not None:
            self.place.notes.note(self.key, self.attempt, stream, text)

    def _tell(self, *, rejoins: bool) -> None:
        if self.place.seceded is not None:
            self.place.seceded(self, rejoins)

    def _failure(self, error: BaseException) -> error_pb2.TaskError:
        place = self.place
        return failure_from_exception(
            error,
            key=self.key,
            attempt=self.attempt,
            worker_id=place.worker_id,
            worker_name=place.worker_name,
        )

    def _actor(self, instance: object, kind: str) -> ActorReference:
        address = str(getattr(self.place.worker, "address", ""))
        words = (self.key, address, self.place.worker_id, kind, methods_of(instance))
        return ActorReference(words, instance)

    def _gather(self, results: dict[str, object]) -> None:
        """Gather the values of the dependencies, from the message or from the store."""
        for dependency in self.task.dependencies:
            key = dependency.key
            try:
                value = self.place.value_of(key)
                if type(value) is Unread:
                    raise value.needed()
                results[key] = value.handle() if type(value) is ActorReference else value
            except KeyError:
                data = dependency.value
                if not data:
                    self.lost = [key]
                    raise DataLost(
                        f"the store of this worker no longer has the result of {key!r}"
                    ) from None
                results[key] = decode(value_pb2.Payload.FromString(data))


class Cancelled(Exception):
    """The call was cancelled before it began."""


_type_names: dict[type, str] = {}


def type_name(kind: type) -> str:
    """Return a type's name for people."""
    name = _type_names.get(kind)
    if name is None:
        if len(_type_names) > 10_000:
            _type_names.clear()
        name = _type_names[kind] = qualified_name(kind)
    return name
