"""Results that nobody needs any more: many are let go of in parts, so that mail is not held up.

The last task of a reduction sets free all that went into it. Its own result has to reach the client
first, and what other peers say in between has to be heard.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gdistributed.core.scheduler.brain import SchedulerBrain
    from gdistributed.core.scheduler.records import TaskRecord


class Releases:
    """Results that may be let go of.

    Parameters
    ----------
    at_once
        So many are let go of within one event.

    Attributes
    ----------
    waiting
        Those whose turn has not come yet: they are in memory, and may be asked for again.
    """

    __slots__ = ("_at_once", "_is_booked", "_left", "waiting")

    def __init__(self, at_once: int) -> None:
        self.waiting: deque[TaskRecord] = deque()
        self._at_once = self._left = at_once
        self._is_booked = False

    def postpone(self, task: TaskRecord) -> bool:
        """Say whether a result that is in memory waits for its turn; one that is lost does not."""
        if not self._left and task.who_has:
            self.waiting.append(task)
            return True
        if self._left:
            self._left -= 1
        return False

    def end_event(self, brain: SchedulerBrain) -> None:
        """See to it that those that wait get their turn, once the mail of this event is out."""
        self._left = self._at_once
        if self.waiting and not self._is_booked:
            self._is_booked = True
            brain.agenda.at(brain.now, self._go_on, brain)

    def _go_on(self, brain: SchedulerBrain) -> None:
        self._is_booked = False
        for _ in range(min(len(self.waiting), self._at_once)):
            brain.reconsider(self.waiting.popleft())
