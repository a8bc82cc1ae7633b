"""Work on large values leaves the event loop alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from gdistributed.settings import KIB

THREADED_NBYTES: Final = 256 * KIB

Result = TypeVar("Result")


async def in_thread_if_large(nbytes: int, function: Callable[..., Result], *args: object) -> Result:
    """Call a function here and now, or in a thread if it works on more than 256 KiB."""
    if nbytes > THREADED_NBYTES:
        return await asyncio.to_thread(function, *args)
    return function(*args)
