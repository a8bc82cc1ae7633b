"""What tasks print and log goes to the scheduler: each half second, and before their reports."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Final

from gdistributed.core.worker.brain import SCHEDULER, WorkerBrain
from gdistributed.runtime.calls import Call
from gdistributed.runtime.output import Notes
from gdistributed.v1 import task_pb2

EVERY_S: Final = 0.5


class OutputMail:
    """Takes what tasks have said, and puts it into the mail.

    Parameters
    ----------
    brain
        Has the mail for the scheduler. Whoever owns it wakes the link after `before_reports`.
    wake
        Is called when there is mail at another time.

    Attributes
    ----------
    notes
        Where tasks say it.
    """

    def __init__(self, brain: WorkerBrain, wake: Callable[[], None]) -> None:
        self._brain = brain
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.notes: Final = Notes(self._begin_soon)

    def before_reports(self, calls: Iterable[Call]) -> None:
        """Calls are over: what they have said and was not sent comes before their reports."""
        if self.notes.unsent:
            self._say(self.notes.take((call.key, call.attempt) for call in calls))

    def close(self) -> None:
        """Send no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _begin_soon(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody to tell
            self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._timer = self._loop.call_later(EVERY_S, self._send)

    def _send(self) -> None:
        has_gone_out = SCHEDULER not in self._brain.outbox.peers()
        self._say(self.notes.take_all(has_room=has_gone_out))
        self._wake()

    def _say(self, parts: Iterable[task_pb2.TaskOutput]) -> None:
        for part in parts:
            self._brain.mail(part.ByteSize()).output.append(part)
