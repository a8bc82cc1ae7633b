"""Processes that our children leave behind are found and ended: nothing outlives a sample.

The systems put their processes into sessions of their own, and a process whose parent dies goes
to init. On Linux this process asks to be given such orphans (it becomes a "subreaper"), so that
whatever a child started stays below us in the tree.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

PR_SET_CHILD_SUBREAPER: Final = 36
PROC: Final = Path("/proc")
POLL_S: Final = 0.02
TRIES_MAX: Final = 500


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent, one of our descendants, has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_descendants() -> int:
    """Kill what is still below this process in the tree; return how many there were.

    Raises
    ------
    RuntimeError
        If some do not go away.
    """
    killed: set[int] = set()
    for _ in range(TRIES_MAX):
        _reap()
        living = list(descendants())
        if not living:
            return len(killed)
        for process_id in living:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        killed.update(living)
        time.sleep(POLL_S)
    raise RuntimeError(f"processes {sorted(descendants())} do not end")


def descendants() -> Iterator[int]:
    """Yield the process ids of everything below this process, without the dead."""
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):  # it has ended in the meantime
            # "id (name) state parent ...", where the name may contain anything
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            children.setdefault(int(parent), []).append(0 if state == "Z" else int(folder.name))
    pending = [os.getpid()]
    while pending:
        below = [child for child in children.get(pending.pop(), ()) if child]
        yield from below
        pending += below


def _reap() -> None:
    """Take notice of the adopted that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
