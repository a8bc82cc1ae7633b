"""Python's garbage collector, while many objects are made that all stay.

It looks at all objects again whenever their number has grown by a quarter, which is a fifth of the
time that it takes to make a large graph ready, and finds nothing.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# New objects are looked at each 100,000 of them, in place of 700; old ones hardly ever.
THRESHOLDS: Final = (100_000, 50, 100)

_lock = threading.Lock()
_users = 0
_usual = gc.get_threshold()


@contextmanager
def collected_rarely() -> Iterator[None]:
    """Have garbage collected less often in the whole process, until the last of those who asked
    for it is done."""
    global _users, _usual
    with _lock:
        if not _users:
            _usual = gc.get_threshold()
            if _usual[0]:  # else the user has switched it off
                gc.set_threshold(*THRESHOLDS)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users and gc.get_threshold() == THRESHOLDS:
                gc.set_threshold(*_usual)
