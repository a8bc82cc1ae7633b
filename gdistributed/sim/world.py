"""Virtual time, and hosts that live in it: each a process that may be paused, hung or killed.

Whatever a host does goes through `Host.do`: a process that is stopped does it later, one that is
dead never. Each host has a clock of its own, which no other host ever sees.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable
from random import Random

from gdistributed.sim.trace import Trace


class World:
    """All that will happen, in the order of its time.

    Parameters
    ----------
    random
        Decides every delay; the only source of chance here.
    rarely
        How likely a rare choice is, where the code offers one.
    resend_nbytes
        How much a session keeps to be sent again.

    Attributes
    ----------
    reached
        How often named situations came about.
    now
        Virtual time in seconds.
    steps
        How many things have happened.
    trace
        What happened.
    """

    def __init__(self, random: Random, rarely: float, resend_nbytes: int) -> None:
        self.random = random
        self.resend_nbytes = resend_nbytes
        self.reached: Counter[str] = Counter()
        self._rarely = rarely
        self.now = 0.0
        self.steps = 0
        self.trace = Trace()
        self._events: list[tuple[float, int, Callable[..., object], tuple[object, ...]]] = []
        self._count = 0

    def later(self, delay_s: float, act: Callable[..., object], *arguments: object) -> None:
        """Have something happen after a delay."""
        self._count += 1
        heapq.heappush(self._events, (self.now + max(delay_s, 0.0), self._count, act, arguments))

    def step(self) -> bool:
        """Let the next thing happen; False when there is none."""
        if not self._events:
            return False
        self.now, _, act, arguments = heapq.heappop(self._events)
        self.steps += 1
        act(*arguments)
        return True

    def next_at(self) -> float | None:
        """When the next thing happens; None for never."""
        return self._events[0][0] if self._events else None

    def rarely(self, place: str) -> bool:
        """Say whether a rare choice is taken; see `core.chance`."""
        if self._rarely and self.random.random() < self._rarely:
            self.reached[f"chance: {place}"] += 1
            return True
        return False

    def note(self, actor: str, text: str) -> None:
        """Add a line to the trace."""
        self.trace.note(self.now, actor, text)


class Host:
    """A process on a machine of its own.

    Attributes
    ----------
    name
        For the trace, and for the network.
    is_alive
        It has not been killed.
    is_paused
        It does nothing now (SIGSTOP); what comes waits. Its connections fall silent.
    is_hung
        Its loop does nothing now, but its connections answer pings.
    """

    def __init__(self, world: World, name: str, clock_offset_s: float = 0.0) -> None:
        self.world = world
        self.name = name
        self.is_alive = True
        self.is_paused = False
        self.is_hung = False
        self._clock_offset_s = clock_offset_s
        self._clock_rate = 1.0 + world.random.uniform(-1e-4, 1e-4)
        self._backlog: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._timer_at: float | None = None

    @property
    def now(self) -> float:
        """Its own clock."""
        return self._clock_offset_s + self.world.now * self._clock_rate

    def do(self, act: Callable[..., object], *arguments: object) -> None:
        """Do something now, or when the process goes on."""
        if not self.is_alive:
            return
        if self.is_paused or self.is_hung:
            self._backlog.append((act, arguments))
            return
        act(*arguments)

    def later(self, delay_s: float, act: Callable[..., object], *arguments: object) -> None:
        """Do something after a delay."""
        self.world.later(delay_s, self.do, act, *arguments)

    def go_on(self) -> None:
        """Go on after a pause: do what has piled up."""
        self.is_paused = self.is_hung = False
        while self._backlog and self.is_alive and not (self.is_paused or self.is_hung):
            act, arguments = self._backlog.popleft()
            act(*arguments)

    def set_timer(self, deadline: float | None, act: Callable[[], object]) -> None:
        """Call something when the host's own clock reaches a deadline; an older timer is void."""
        if deadline is None or deadline == self._timer_at:
            return
        self._timer_at = deadline
        wait_s = (deadline - self.now) / self._clock_rate + 1e-9
        if self.world.rarely("ring early"):
            wait_s *= self.world.random.random()
        self.later(wait_s, self._ring, deadline, act)

    def _ring(self, deadline: float, act: Callable[[], object]) -> None:
        if self._timer_at == deadline:
            self._timer_at = None
            act()

    def set_back(self, seconds: float) -> None:
        """Its clock stood still for so long, while it was paused."""
        self._clock_offset_s -= seconds * self._clock_rate

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        self.world.note(self.name, text)
