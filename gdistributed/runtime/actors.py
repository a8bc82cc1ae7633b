"""Actors: instances of users' classes that live on a worker, and the calls of their methods.

The calls of one actor run one after the other, in the order in which they came; those of several
actors beside each other, in threads that tasks do not use. A method that is a coroutine function
goes on on the event loop, and holds nobody back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from functools import partial
from inspect import iscoroutine
from typing import Any, Final

from gdistributed.data.actor_references import ActorReference
from gdistributed.data.arguments import unpack_call
from gdistributed.data.codecs import encode
from gdistributed.data.failures import failure_from_exception
from gdistributed.errors import ActorLost, SerializationError
from gdistributed.runtime.calls import Place
from gdistributed.runtime.context import TaskContext, current
from gdistributed.runtime.threads import Threads
from gdistributed.settings import MIB, LimitSettings
from gdistributed.v1 import task_pb2, worker_pb2

MESSAGE_NBYTES: Final = LimitSettings().message_nbytes


@dataclass(slots=True, eq=False)
class MethodCall:
    """One call of a method, or one look at an attribute.

    Attributes
    ----------
    key
        Key of the actor: what the method submits counts as submitted by it.
    request
        What is wanted.
    answer
        Is called on the event loop with the outcome.
    response
        The outcome, when the call is over.
    coroutine
        What the method returned, when it is a coroutine function.
    """

    key: str
    request: worker_pb2.CallActorRequest
    answer: Callable[[worker_pb2.CallActorResponse], None]
    place: Place
    response: worker_pb2.CallActorResponse
    instance: object = None
    threads: Threads[MethodCall] | None = None
    coroutine: Coroutine[Any, Any, object] | None = None

    def run(self) -> None:
        """Call the method in this thread."""
        current.set(self)
        request = self.request
        try:
            value = getattr(self.instance, request.name)
            if not request.reads:
                args, kwargs = unpack_call(request.arguments.SerializeToString())
                value = value(*args, **kwargs)
                if iscoroutine(value):
                    self.coroutine = value
                    return
            self.returned(value)
        except BaseException as error:
            self.raised(error)

    async def finish(self) -> None:
        """Await what the method returned."""
        current.set(self)
        coroutine, self.coroutine = self.coroutine, None
        assert coroutine is not None
        try:
            self.returned(await coroutine)
        except BaseException as error:
            self.raised(error)

    def returned(self, value: object) -> None:
        """Take a value as the outcome.

        Raises
        ------
        SerializationError
            If it cannot be encoded, or is too large for a message.
        """
        payload = encode(value, self.request.accept_codecs)
        if payload.ByteSize() > MESSAGE_NBYTES:
            raise SerializationError(
                f"{self.request.name!r} returned {payload.ByteSize() / MIB:.0f} MiB, and a message "
                f"holds {MESSAGE_NBYTES // MIB}: return it in parts, or as the result of a task"
            )
        self.response.value.CopyFrom(payload)

    def raised(self, error: BaseException) -> None:
        """Take an exception as the outcome."""
        place = self.place
        self.response.error.CopyFrom(
            failure_from_exception(
                error, key=self.key, worker_id=place.worker_id, worker_name=place.worker_name
            )
        )

    def context(self) -> TaskContext:
        """Say where it runs, for those who ask inside."""
        return self.place.context(self.key)

    def secede(self) -> bool:
        """Leave the thread to other actors; False where there is none to leave."""
        return self.threads is not None and self.threads.leave()

    def rejoin(self) -> None:
        """Wait for a thread, if the own one was left."""
        if self.threads is not None:
            self.threads.come_back()

    def said(self, stream: task_pb2.OutputStream.ValueType, text: str) -> None:
        """Note what was printed or logged."""
        if self.place.notes is not None:
            self.place.notes.note(self.key, 0, stream, text)


@dataclass(slots=True, eq=False)
class _Home:
    """An instance, and the calls that wait for their turn."""

    instance: object
    waiting: deque[MethodCall] = field(default_factory=deque)
    is_busy: bool = False


class Actors:
    """All actors of one worker. Everything but the calls themselves happens on the event loop.

    Parameters
    ----------
    place
        The worker.
    nthreads
        How many methods run at once.

    Attributes
    ----------
    callers
        The streams by which calls come: they are read until `hang_up`.
    called
        Is called when a method is given to a thread.
    """

    def __init__(self, place: Place, nthreads: int) -> None:
        self.called: Callable[[], None] = lambda: None
        self._place = place
        self._nthreads = nthreads
        self._homes: dict[str, _Home] = {}
        self._threads: Threads[MethodCall] | None = None
        self._in_threads = 0
        self._awaited: set[asyncio.Task[None]] = set()
        self.callers: set[asyncio.Task[None]] = set()

    def keep(self, reference: ActorReference) -> None:
        """An actor lives here from now on."""
        self._homes[reference.key] = _Home(reference.instance)

    def drop(self, keys: Iterable[str]) -> None:
        """Let go of actors that nobody wants; calls that wait come too late."""
        for key in keys:
            home = self._homes.pop(key, None)
            for call in home.waiting if home is not None else ():
                self._refuse(call)

    def call(
        self,
        request: worker_pb2.CallActorRequest,
        answer: Callable[[worker_pb2.CallActorResponse], None],
    ) -> None:
        """Have a method called when it is its turn, and then answered."""
        response = worker_pb2.CallActorResponse(number=request.number)
        call = MethodCall(request.key, request, answer, self._place, response)
        home = self._homes.get(request.key)
        if home is None:
            self._refuse(call)
            return
        home.waiting.append(call)
        self._next(home)

    @property
    def is_busy(self) -> bool:
        """Whether a method is called in a thread."""
        return self._in_threads > 0

    def running(self) -> dict[int, MethodCall]:
        """Return the calls that threads have begun last, by the thread. From any thread."""
        return {} if self._threads is None else self._threads.running.copy()

    def hang_up(self) -> None:
        """Take no more calls from those who have called before."""
        for caller in self.callers:
            caller.cancel()

    async def close(self) -> None:
        """End: threads that are inside a method are left behind."""
        self._homes.clear()
        if self._threads is not None:
            self._threads.close()
        for task in self._awaited:
            task.cancel()
        await asyncio.gather(*self._awaited, return_exceptions=True)

    def _next(self, home: _Home) -> None:
        if home.is_busy or not home.waiting:
            return
        if self._threads is None:
            loop = asyncio.get_running_loop()
            self._threads = Threads(self._nthreads, self._ended, loop, "gd-actor")
        home.is_busy = True
        self._in_threads += 1
        self.called()
        call = home.waiting.popleft()
        call.instance, call.threads = home.instance, self._threads
        self._threads.give([call])

    def _ended(self, calls: list[MethodCall]) -> None:
        self._in_threads -= len(calls)
        for call in calls:
            call.threads = call.instance = None
            if call.coroutine is not None:
                task = asyncio.get_running_loop().create_task(call.finish(), name=call.key)
                self._awaited.add(task)
                task.add_done_callback(self._awaited.discard)
                task.add_done_callback(partial(_answer, call))
            else:
                call.answer(call.response)
            home = self._homes.get(call.key)
            if home is not None:
                home.is_busy = False
                self._next(home)

    def _refuse(self, call: MethodCall) -> None:
        place = self._place
        call.raised(
            ActorLost(
                f"there is no actor {call.key!r} on {place.worker_name!r} at "
                f"{getattr(place.worker, 'address', '')} any more: nobody wanted it, or it was "
                f"cancelled; submit it again"
            )
        )
        call.answer(call.response)


def _answer(call: MethodCall, _: object) -> None:
    call.answer(call.response)
