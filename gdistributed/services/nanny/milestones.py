"""The lines that a worker process writes to its nanny, through a pipe of their own."""

from __future__ import annotations

import contextlib
import os
from typing import Final

# It listens at the address that follows.
LISTENING: Final = "listening"
# A scheduler has welcomed it.
REGISTERED: Final = "registered"
# It ends on purpose: a scheduler said goodbye, or somebody asked it to end.
LEAVING: Final = "leaving"


def tell(descriptor: int | None, milestone: str, detail: str = "") -> None:
    """Write a line to the nanny; nothing happens without one."""
    if descriptor is not None:
        with contextlib.suppress(OSError):  # the nanny is gone, which is noticed elsewhere
            os.write(descriptor, f"{milestone} {detail}\n".encode())
