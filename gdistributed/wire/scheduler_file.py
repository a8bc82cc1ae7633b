"""The file in which a scheduler writes where it is, for those who share a disk with it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final

from gdistributed.errors import UsageError

POLL_S: Final = 0.01


async def address_in(scheduler: str | Path) -> str:
    """Return a scheduler's address for workers, as soon as it stands in a file; or as it is given.

    Raises
    ------
    UsageError
        If a file is there that no scheduler wrote.
    """
    if isinstance(scheduler, str):
        return scheduler
    while not scheduler.exists():
        await asyncio.sleep(POLL_S)
    try:
        return str(json.loads(scheduler.read_text())["address_to_workers"])
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{scheduler} was not written by gd scheduler --scheduler-file") from error
