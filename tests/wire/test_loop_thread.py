"""The loop of a process that has none of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures

import pytest

from gdistributed.wire.loop_thread import LoopThread


async def answer() -> int:
    return 42


def test_everybody_shares_one_loop() -> None:
    assert LoopThread.shared() is LoopThread.shared()
    assert LoopThread.shared().run(answer()) == 42


def test_errors_and_timeouts_reach_the_caller() -> None:
    async def fail() -> None:
        raise ValueError("on purpose")

    cancelled = concurrent.futures.Future()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set_result(True)
            raise

    with pytest.raises(ValueError, match="on purpose"):
        LoopThread.shared().run(fail())
    with pytest.raises(TimeoutError):
        LoopThread.shared().run(wait(), timeout_s=0.01)
    assert cancelled.result(timeout=5)


def test_the_loop_does_not_wait_for_itself() -> None:
    async def inside() -> int:
        return LoopThread.shared().run(answer())

    with pytest.raises(RuntimeError, match="was made on it"):
        LoopThread.shared().run(inside())


def test_a_loop_that_was_stopped_is_followed_by_another() -> None:
    thread = LoopThread()
    assert thread.run(answer()) == 42
    thread.stop()
    assert not thread.is_alive()
    thread.stop()
    assert LoopThread.shared().run(answer()) == 42
