"""Waiting for what other processes or tasks bring about, which is looked for again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tests.processes import TIMEOUT_S

LOOK_EVERY_S = 0.01


def until(
    condition: Callable[[], object], what: str = "what is waited for", timeout_s: float = TIMEOUT_S
) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"it never came to this: {what}"
        time.sleep(LOOK_EVERY_S)


async def until_async(condition: Callable[[], object], timeout_s: float = TIMEOUT_S) -> None:
    """Wait until something holds that others on this event loop bring about."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(LOOK_EVERY_S)
