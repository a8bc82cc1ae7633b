"""Looking at the code that tasks are in: what is seen, and that nothing is kept."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gdistributed.data.arguments import pack_call
from gdistributed.runtime.actors import Actors
from gdistributed.runtime.calls import Call, Place, Template
from gdistributed.runtime.coroutines import Coroutines
from gdistributed.runtime.own_thread import in_own_thread
from gdistributed.runtime.samples import Function, Watched, depth_of_loop, functions_on_loop
from gdistributed.runtime.threads import Threads
from gdistributed.v1 import task_pb2, worker_pb2
from tests.waiting import until, until_async

GO_ON = threading.Event()
HELD: list[weakref.ref[object]] = []


class Room:
    """Two threads and a loop for coroutines, as a worker has them."""

    def __init__(self) -> None:
        self.place = Place("id", "alice", "host:1", {}.__getitem__, 1000)
        self.over: list[Call] = []
        loop = asyncio.get_running_loop()
        self.threads = Threads[Call](2, self.ended, loop)
        self.coroutines = Coroutines(self.over.extend)
        actors = Actors(self.place, 1)
        loop_thread = threading.get_ident()
        self.watched = Watched(self.threads, actors, self.coroutines, loop, loop_thread)

    def ended(self, calls: list[Call]) -> None:
        for call in calls:
            if call.coroutine is not None:
                self.coroutines.begin(call)
            else:
                self.over.append(call)

    def begin(self, function: Callable[..., object], prefix: str = "kind") -> None:
        kind = task_pb2.TaskTemplate(id=1, prefix=prefix)
        template = Template(kind, None, loaded=function)
        task = worker_pb2.RunTask(key="x", attempt=1, arguments=pack_call((), {})[0])
        self.threads.give([Call("x", 1, task, template, self.place)])

    def sees(self, *names: str) -> bool:
        """Say whether stacks end with these functions now, one in each."""
        found = self.watched.samples()
        return sorted(names) == sorted(functions[-1][0] for _, functions in found if functions)


@asynccontextmanager
async def a_room() -> AsyncIterator[Room]:
    GO_ON.clear()
    room = Room()
    try:
        yield room
    finally:
        GO_ON.set()
        room.threads.close()
        await room.coroutines.close()


def wait() -> None:
    GO_ON.wait()


def left() -> None:
    while not GO_ON.is_set():
        pass


def right() -> None:
    while not GO_ON.is_set():
        pass


async def test_idle_threads_are_not_seen() -> None:
    async with a_room() as room:
        assert room.watched.samples() == []
        room.begin(int)
        await until_async(lambda: room.over)
        assert room.watched.samples() == []  # though the thread remembers its call


async def test_two_threads_side_by_side() -> None:
    async with a_room() as room:
        room.begin(left, "one")
        room.begin(right, "two")
        await until_async(lambda: room.sees("left", "right"))
        [one, two] = sorted(room.watched.samples())
        assert (one[0], two[0]) == ("one", "two")
        [[name, file, line]] = one[1]
        assert (name, line) == ("left", left.__code__.co_firstlineno)
        assert file.endswith("test_samples.py")


async def test_recursion_is_seen_as_deep_as_it_is() -> None:
    def dive(depth: int = 900) -> None:
        if depth:
            dive(depth - 1)
        else:
            left()

    async with a_room() as room:
        room.begin(dive)
        await until_async(lambda: room.sees("left"))
        [[_, functions]] = room.watched.samples()
        names = [name.rpartition(".")[2] for name, _, _ in functions]
        assert names == ["dive"] * 901 + ["left"]


async def test_generated_code_has_a_name_and_no_file() -> None:
    space = {"go_on": GO_ON}
    exec(compile("def made():\n  while not go_on.is_set(): pass", "<made>", "exec"), space)
    made = space["made"]
    assert callable(made)
    async with a_room() as room:
        room.begin(made)
        await until_async(lambda: room.sees("made"))
        assert room.watched.samples() == [("kind", [("made", "<made>", 1)])]


async def test_code_whose_module_has_no_proper_name() -> None:
    space: dict[str, object] = {"go_on": GO_ON, "__name__": 7}
    exec(compile("def made():\n  while not go_on.is_set(): pass", "<made>", "exec"), space)
    made = space["made"]
    assert callable(made)
    async with a_room() as room:
        room.begin(made)
        await until_async(lambda: room.sees("made"))


async def test_the_coroutine_that_computes_is_seen() -> None:
    seen: list[list[tuple[str, list[Function]]]] = []

    async def outer() -> None:
        await asyncio.sleep(0)
        await inner()

    async def inner() -> None:
        found = threading.Thread(target=lambda: seen.append(room.watched.samples()))
        found.start()
        while not seen:
            pass
        found.join()

    async with a_room() as room:
        room.begin(outer, "awaited")
        await until_async(lambda: room.over)
        [[[prefix, functions]]] = seen
        assert prefix == "awaited"
        names = [name.rpartition(".")[2] for name, _, _ in functions]
        assert names[:2] == ["outer", "inner"]


async def test_coroutines_that_wait_are_not_seen() -> None:
    async def doze() -> None:
        await asyncio.sleep(3600)

    async with a_room() as room:
        room.begin(doze)
        await until_async(lambda: room.coroutines.tasks)
        assert await in_own_thread(room.watched.samples) == []


async def test_threads_that_end_meanwhile_are_forgotten() -> None:
    async with a_room() as room:
        room.begin(wait)
        await until_async(room.watched.samples)
        room.threads.close()
        GO_ON.set()
        await until_async(lambda: not room.threads.running)
        assert room.watched.samples() == []


class Large:
    """Something that must not stay."""


def hold() -> None:
    large = Large()
    HELD[:] = [weakref.ref(large)]
    GO_ON.wait()


async def test_nothing_of_the_user_is_kept() -> None:
    gc.collect()
    gc.disable()
    try:
        async with a_room() as room:
            room.begin(hold)
            await until_async(lambda: HELD and room.watched.samples())
            room.watched.samples()
            assert HELD[0]() is not None
            GO_ON.set()
            await until_async(lambda: room.over)
            assert HELD[0]() is None
    finally:
        gc.enable()


def test_what_an_event_loop_is_in() -> None:
    seen: list[list[str]] = []

    def look(thread: int, depth: int) -> None:
        seen.append([name.rpartition(".")[2] for name, *_ in functions_on_loop(thread, depth)])

    def spin(thread: int, depth: int) -> None:
        looking = threading.Thread(target=look, args=(thread, depth))
        looking.start()
        while not seen:
            pass
        looking.join()

    def waits(thread: int, depth: int) -> bool:
        look(thread, depth)
        return seen[-1] in ([], ["select"])  # other loops wait outside of Python

    async def main() -> None:
        here = threading.get_ident(), await depth_of_loop()
        asyncio.get_running_loop().call_soon(spin, *here)
        await asyncio.sleep(0)
        assert seen[0][0] == "spin"
        await asyncio.to_thread(until, lambda: waits(*here))

    asyncio.run(main())
    assert functions_on_loop(0, 0) == []
