"""Which segments of shared memory live: a segment does while a process has it open or mapped."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gdistributed.data.shared_memory import held_nbytes
from tests.waiting import until

NAME = re.compile(r"memfd:(gdistributed-[0-9a-f]+)")


def living_segments(process_ids: Iterable[int] | None = None) -> set[str]:
    """Return the names of the segments that some processes have; by default, all processes."""
    found: set[str] = set()
    if process_ids is None:
        process_ids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    for process_id in process_ids:
        folder = Path(f"/proc/{process_id}")
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):  # gone, or not ours
            found.update(NAME.findall((folder / "maps").read_text()))
            for link in (folder / "fd").iterdir():
                with suppress(FileNotFoundError):  # was closed
                    found.update(NAME.findall(os.readlink(link)))
    return found


def shared_files() -> set[str]:
    """Return what lies in the folder of shared memory and bears our name."""
    return {name for name in os.listdir("/dev/shm") if "gdistributed" in name}


def until_nothing_is_held() -> None:
    """Wait until this process holds no segment.

    A value is written by another thread, which lets go of it shortly after the event loop has heard
    that it is written.
    """
    gc.collect()
    until(lambda: held_nbytes() == (0, 0), f"to hold nothing, of {held_nbytes()}")
