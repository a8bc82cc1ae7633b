"""Runs one server until a signal ends it, or it ends by itself.

The first SIGINT or SIGTERM stops gracefully and gives exit code 0, as users of dask expect; the
second stops at once, with the shell's code for a signal.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Final, Protocol, TypeVar

from gdistributed.settings import RARE_COLLECTIONS
from gdistributed.wire.loop_thread import new_event_loop

STOP_GRACE_S: Final = 5.0
PARENT_POLL_S: Final = 1.0
PARENT_GRACE_S: Final = 30.0
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Serving(Protocol):
    """What can be served: a server, or several as one."""

    async def stop(self, grace_s: float) -> None:
        """Stop gracefully."""

    async def wait_stopped(self) -> None:
        """Wait until it has stopped, for whatever reason."""


Kind = TypeVar("Kind", bound=Serving)

logger = logging.getLogger("gdistributed.gd")


class Stopping:
    """Notices who wants this process to end.

    Parameters
    ----------
    begin
        Called once, in the main thread for a signal and in another one for a lost parent.
    with_parent
        Also end when standard input is closed or the parent process is gone.
    at_once
        Called before this process ends without waiting.
    """

    def __init__(
        self,
        begin: Callable[[str], None],
        *,
        with_parent: bool,
        at_once: Callable[[], object] = lambda: None,
    ) -> None:
        self._begin = begin
        self._begun = False
        self._at_once = at_once
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        if with_parent:
            threading.Thread(target=self._watch_parent, name="parent watch", daemon=True).start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._begun:
            self._at_once()
            os._exit(128 + number)
        self._begun = True
        self._begin(signal.Signals(number).name)

    def _watch_parent(self) -> None:
        parent, line = os.getppid(), sys.stdin.fileno()  # asked once: Python closes it as it ends
        while os.getppid() == parent and not _is_closed(line):
            pass
        if not self._begun:
            self._begun = True
            self._begin("parent ended")
        threading.Event().wait(PARENT_GRACE_S)  # the graceful stop hangs: nobody else will see
        self._at_once()
        os._exit(1)


def _is_closed(descriptor: int) -> bool:
    readable, _, _ = select.select([descriptor], [], [], PARENT_POLL_S)
    return bool(readable) and not os.read(descriptor, 1024)


def collect_rarely() -> None:
    """Have the garbage collector look less often.

    For a process that holds millions of small records and makes hardly any cycles: the collector
    walks all of them each time, which costs a scheduler about a tenth of its time.
    """
    gc.set_threshold(*RARE_COLLECTIONS)


async def _nothing_more(_server: object) -> None:
    """Do nothing while a server serves."""


def serve(
    make: Callable[[], Awaitable[Kind]],
    meanwhile: Callable[[Kind], Awaitable[None]] = _nothing_more,
    *,
    with_parent: bool = False,
    drain: Callable[[Kind], Awaitable[None]] = _nothing_more,
    lifetime_s: float = 0.0,
    at_once: Callable[[], object] = lambda: None,
) -> Kind | None:
    """Make a server, then run it until a signal, or until it ends by itself.

    Parameters
    ----------
    make
        Makes and starts the server. It may wait for long: a signal ends that, too.
    meanwhile
        What else to do, once it serves; for instance, wait until others know it.
    with_parent
        End with the process that started this one.
    drain
        What to do first when it is not Ctrl-C that ends it.
    lifetime_s
        End so many seconds after `meanwhile` is done; 0 means never.
    at_once
        Called before this process ends without waiting.

    Returns
    -------
    The server, stopped; None when a signal came before it was made.
    """
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        loop, wanted = runner.get_loop(), asyncio.Event()
        reasons: list[str] = []

        def begin(reason: str) -> None:
            reasons.append(reason)
            logger.info("stopping; Ctrl-C ends now", extra={"cause": reason})
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(wanted.set)

        Stopping(begin, with_parent=with_parent, at_once=at_once)

        async def live(server: Kind) -> None:
            await meanwhile(server)
            if lifetime_s:
                await asyncio.sleep(lifetime_s)
                begin("lifetime")

        return runner.run(_serve(make, live, drain, wanted, reasons))


async def _serve(
    make: Callable[[], Awaitable[Kind]],
    meanwhile: Callable[[Kind], Awaitable[None]],
    drain: Callable[[Kind], Awaitable[None]],
    wanted: asyncio.Event,
    reasons: list[str],
) -> Kind | None:
    stopping = asyncio.ensure_future(wanted.wait())
    making = asyncio.ensure_future(make())
    await asyncio.wait([stopping, making], return_when=asyncio.FIRST_COMPLETED)
    if not making.done():
        making.cancel()
        await asyncio.wait([making])
        return None
    server = making.result()
    gc.freeze()  # what was imported stays: the collector need not walk it again and again
    try:
        aside = asyncio.ensure_future(meanwhile(server))
        ended = asyncio.ensure_future(server.wait_stopped())
        await asyncio.wait([stopping, ended], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done() and reasons[:1] != [signal.SIGINT.name]:
            await drain(server)
        await server.stop(STOP_GRACE_S)
        aside.cancel()
    finally:
        gc.unfreeze()  # or it would end after the interpreter's own
    logger.info("stopped")
    return server
