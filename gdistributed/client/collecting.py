"""Python's garbage collector, while many objects are made that all stay.

It looks at all objects again whenever their number has grown by a quarter, which is a fifth of the
time that it takes to make a large graph ready, and a twentieth of that to fetch many small values,
and finds nothing.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gdistributed.settings import RARE_COLLECTIONS

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
                gc.set_threshold(*RARE_COLLECTIONS)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users and gc.get_threshold() == RARE_COLLECTIONS:
                gc.set_threshold(*_usual)
