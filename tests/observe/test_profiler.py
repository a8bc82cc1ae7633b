"""The thread that looks: awake when there is something to see, asleep when there is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdistributed.observe.profile_tree import prefix_frame
from gdistributed.observe.profiler import Profiler, Stacks
from tests.waiting import until

WORK = prefix_frame("work")
SLOW = prefix_frame("slow")


class Sight:
    """What there is to see."""

    def __init__(self) -> None:
        self.stacks: Stacks = []
        self.is_busy = False
        self.looks = 0
        self.cost_s = 0.0
        self.profiler = Profiler(self.look, lambda: self.is_busy, interval_s=0.001)

    def look(self) -> Stacks:
        self.looks += 1
        end = time.thread_time() + self.cost_s
        while time.thread_time() < end:
            pass
        return self.stacks

    def samples(self) -> int:
        return self.profiler.profile().nodes[0].samples


@pytest.fixture
def sight() -> Iterator[Sight]:
    sight = Sight()
    yield sight
    sight.profiler.close()


def switches(thread: threading.Thread) -> str:
    """Return how often a thread has given up its processor, and been made to."""
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    return "".join(line for line in status.splitlines() if "ctxt_switches" in line)


def test_there_is_no_thread_before_there_is_work(sight: Sight) -> None:
    assert sight.profiler.thread is None
    assert sight.profiler.is_asleep
    assert sight.samples() == 0


def test_samples_are_counted_by_prefix(sight: Sight) -> None:
    sight.stacks = [[WORK, ("f", "mill.py", 1)], [SLOW]]
    sight.profiler.wake()
    until(lambda: sight.samples() >= 20)
    profile = sight.profiler.profile(SLOW)
    assert [profile.frames[each.frame].function for each in profile.nodes] == ["", "slow"]


def test_a_thread_with_nothing_to_see_sleeps_without_waking(sight: Sight) -> None:
    sight.profiler.wake()
    until(lambda: sight.profiler.is_asleep)
    thread = sight.profiler.thread
    assert thread is not None

    def is_quiet() -> bool:
        before = switches(thread)
        threading.Event().wait(0.1)
        return switches(thread) == before

    until(is_quiet)
    looks = sight.looks
    sight.stacks = [[WORK]]
    sight.profiler.wake()
    until(lambda: sight.samples() > 0)
    assert sight.looks > looks


def test_it_stays_awake_while_something_is_to_come(sight: Sight) -> None:
    sight.is_busy = True
    sight.profiler.wake()
    until(lambda: sight.looks > 10)
    thread = sight.profiler.thread
    assert thread is not None
    sight.is_busy = False
    until(lambda: sight.profiler.is_asleep)
    assert thread.is_alive()


def test_no_wake_up_is_lost(sight: Sight) -> None:
    sight.stacks = [[WORK]]
    for _ in range(3):
        before = sight.samples()
        sight.profiler.wake()
        until(lambda before=before: sight.samples() > before)


def test_looks_that_cost_much_are_rare(sight: Sight) -> None:
    sight.cost_s, sight.stacks = 0.002, [[WORK]]
    begun = time.monotonic()
    sight.profiler.wake()
    until(lambda: sight.looks >= 4)  # three pauses of at least a hundred times the cost
    assert time.monotonic() - begun >= 3 * 0.2


def test_it_looks_less_often_while_it_sees_nothing_and_what_it_sees_then_counts_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gdistributed.observe.profiler.CPU_SHARE_MAX", 1.0)  # looks cost nothing
    seen: list[Stacks] = [[], [], [], [], [[WORK]], [[WORK]]]
    profiler = Profiler(lambda: seen.pop(0) if seen else [], lambda: bool(seen), interval_s=0.02)
    begun = time.monotonic()
    profiler.wake()
    until(lambda: profiler.is_asleep)
    pauses_s = (2 + 4 + 8 + 8 + 1) * 0.02
    assert time.monotonic() - begun >= pauses_s
    # Half of the eight intervals before the fifth look, and half of one after it; then one.
    assert profiler.profile().nodes[0].samples == 4 + 1
    profiler.close()


def test_a_closed_profiler_ends_its_thread_and_can_be_read(sight: Sight) -> None:
    sight.stacks = [[WORK]]
    sight.profiler.wake()
    until(lambda: sight.samples() > 0)
    sight.profiler.close()
    thread = sight.profiler.thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
    sight.profiler.wake()
    assert sight.profiler.thread is thread
    assert sight.samples() > 0


def test_one_that_sleeps_can_be_closed(sight: Sight) -> None:
    sight.profiler.wake()
    until(lambda: sight.profiler.is_asleep)
    sight.profiler.close()
    thread = sight.profiler.thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
